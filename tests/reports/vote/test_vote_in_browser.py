"""A rater in a real browser, from the first page to the results; with a server, and in a folder without one."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from vidgauge.environment import Environment
from vidgauge.reports.vote.building import Rules, build
from vidgauge.reports.vote.counting import count
from vidgauge.reports.vote.folders import export_folder, merge
from vidgauge.reports.vote.results import results
from vidgauge.reports.vote.schedule import Trial, schedule
from vidgauge.reports.vote.server import VoteServer
from vidgauge.reports.vote.study import Study

if TYPE_CHECKING:
    from tests.reports.vote.conftest import Booth

selenium = pytest.importorskip("selenium", reason="selenium is not installed")
from selenium import webdriver  # noqa: E402 - after the check
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402

HOSTILE = "<script>alert(1)</script> & \"a red 'star'\" </script><!--"
PIXEL = """const canvas = document.getElementById(arguments[0]);
    return [...canvas.getContext("2d").getImageData(5, 5, 1, 1).data].slice(0, 3)"""


@pytest.fixture
def study(booth: "Booth") -> Study:
    videos = {
        f"{booth.secret}-{name}": [booth.video(name, number, f"{number} {HOSTILE}") for number in range(2)]
        for name in "ab"
    }
    return build(booth.folder / "study", videos, Rules(checks=1))


@pytest.fixture
def address(booth: "Booth", study: Study) -> Iterator[str]:
    with VoteServer(booth.folder / "study", study) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.address
        server.shutdown()
        thread.join()


def wait(browser: webdriver.Chrome, script: str) -> Any:  # noqa: ANN401 - what the script returns
    """Until a script returns something."""
    deadline = time.monotonic() + 60
    while not (found := browser.execute_script(f"return {script}")):
        assert time.monotonic() < deadline, f"{script} never came; {browser.get_log('browser')}"  # type: ignore[no-untyped-call]
        time.sleep(0.02)
    return found


def begin(browser: webdriver.Chrome, rater: str) -> None:
    wait(browser, "!document.getElementById('welcome').hidden")
    browser.find_element(By.ID, "rater").send_keys(rater, Keys.ENTER)


def answer(browser: webdriver.Chrome, key: str) -> None:
    """By the keyboard alone."""
    wait(browser, "!document.getElementById('trial').hidden && !document.querySelector('#ask input').disabled")
    browser.switch_to.active_element.send_keys(key)
    browser.switch_to.active_element.send_keys(Keys.ENTER)


def rate(browser: webdriver.Chrome, study: Study, slot: int, choose: Callable[[Trial], str]) -> None:
    keys = {"left": Keys.ARROW_LEFT, "right": Keys.ARROW_RIGHT}
    for place, trial in enumerate(schedule(study, slot), 1):
        wait(browser, f"document.getElementById('progress').textContent === 'Pair {place} of 3'")
        for question in ("quality", "faithful"):
            wait(browser, f"document.getElementById('question').textContent.includes('{question}')")
            answer(browser, keys[choose(trial)])
    wait(browser, "!document.getElementById('done').hidden")


def log(browser: webdriver.Chrome) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = browser.get_log("browser")  # type: ignore[no-untyped-call] # selenium's own lack
    return entries


def test_a_rater_votes_and_results_come_out(
    browser: webdriver.Chrome, booth: "Booth", study: Study, address: str, environment: Environment
) -> None:
    browser.get(address)
    begin(browser, "<b>Anna</b>")
    wait(browser, "!document.querySelector('#ask input').disabled")
    first = schedule(study, 0)[0]
    assert not first.is_check
    for side, system in (("left", first.left), ("right", first.right)):
        colour = [40 * first.prompt % 256, 80 + 30 * (ord(system[-1]) % 5), 200]
        assert browser.execute_script(PIXEL, side) == colour  # as decoded, to the bit
    answer(browser, Keys.ARROW_RIGHT if booth.prefers("a", "b")(first) == "right" else Keys.ARROW_LEFT)
    wait(browser, "!document.getElementById('caption').hidden")
    assert browser.find_element(By.ID, "caption").text == f"{first.prompt} {HOSTILE}"
    browser.refresh()  # and goes on at the second question
    wait(browser, "document.getElementById('question').textContent.includes('faithful')")
    assert browser.find_element(By.ID, "who").text == "Rating as <b>Anna</b>"
    answer(browser, Keys.ARROW_RIGHT if booth.prefers("a", "b")(first) == "right" else Keys.ARROW_LEFT)
    for trial in schedule(study, 0)[1:]:
        for _ in range(2):
            answer(browser, Keys.ARROW_RIGHT if booth.prefers("a", "b")(trial) == "right" else Keys.ARROW_LEFT)
    wait(browser, "document.getElementById('saved').textContent.startsWith('All your answers about 3 pairs are saved')")
    assert log(browser) == []
    requests = browser.execute_script("return performance.getEntriesByType('resource').map(entry => entry.name)")
    assert all(request.startswith((address, "data:", "blob:")) for request in requests)
    records = results(study, count(study, booth.votes(study)), environment)
    shares = [record for record in records if record.measure.name.endswith("preferred")]
    assert [(record.value, record.n) for record in shares] == [(1.0, 2), (1.0, 2)]


def test_playing_by_buttons_and_keys(browser: webdriver.Chrome, address: str) -> None:
    browser.get(address)
    browser.execute_script("localStorage.clear()")
    browser.refresh()
    begin(browser, "player")
    wait(browser, "!document.querySelector('#ask input').disabled")
    play, loop = browser.find_element(By.ID, "play"), browser.find_element(By.ID, "loop")
    assert play.text == "Pause"
    play.click()
    assert play.text == "Play"
    browser.find_element(By.ID, "progress").send_keys(Keys.SPACE)
    assert play.text == "Pause"
    browser.find_element(By.ID, "progress").send_keys("l")
    assert not loop.is_selected()
    wait(browser, "document.getElementById('play').textContent === 'Play'")  # at the end
    browser.find_element(By.ID, "restart").click()
    wait(browser, "document.getElementById('play').textContent === 'Play'")
    assert log(browser) == []


def test_votes_wait_for_a_server_that_is_away(
    browser: webdriver.Chrome, booth: "Booth", study: Study, address: str
) -> None:
    browser.get(address)
    browser.execute_script("localStorage.clear()")
    browser.refresh()
    begin(browser, "patient")
    wait(browser, "!document.querySelector('#ask input').disabled")
    browser.execute_script("window.real = window.fetch; window.fetch = () => Promise.reject(new Error('away'))")
    answer(browser, Keys.ARROW_LEFT)
    wait(browser, "document.getElementById('problem').textContent.startsWith('Not saved yet')")
    assert booth.votes(study).answers("patient") == []
    browser.execute_script("window.fetch = window.real")
    wait(browser, "document.getElementById('problem').textContent === ''")
    assert len(booth.votes(study).answers("patient")) == 1


@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_is_wider_than_the_window(browser: webdriver.Chrome, address: str, width: int) -> None:
    metrics = {"width": width, "height": 844, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    browser.get(address)
    browser.execute_script("localStorage.clear()")
    browser.refresh()
    begin(browser, "wide")
    answer(browser, Keys.ARROW_LEFT)
    wait(browser, "!document.getElementById('caption').hidden")
    size = browser.execute_script(
        "return [document.documentElement.scrollWidth, document.documentElement.scrollHeight]"
    )
    assert size[0] <= width
    assert size[1] <= 844  # all of it is seen at once
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_a_folder_without_a_server(browser: webdriver.Chrome, booth: "Booth", study: Study) -> None:
    downloads = {"behavior": "allow", "downloadPath": str(booth.folder)}
    browser.execute_cdp_cmd("Browser.setDownloadBehavior", downloads)
    page = export_folder(booth.folder / "study", study, booth.folder / "out", 1)[0]
    browser.get(page.as_uri())
    begin(browser, "Ben")
    rate(browser, study, 0, booth.prefers("b", "a"))
    browser.find_element(By.CSS_SELECTOR, "#done .save").click()
    saved = booth.folder / "votes-rater-1.json"
    deadline = time.monotonic() + 60
    while not saved.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert log(browser) == []
    assert [merge(booth.folder / "study", study, saved) for _ in range(2)] == [6, 0]
    counted = count(study, booth.votes(study))
    assert [(rater.answers, rater.missed) for rater in counted.raters] == [(4, 0)]
    assert {vote.winner for vote in counted.votes} == {f"{booth.secret}-b"}
    browser.refresh()  # a page that was left knows what was answered
    wait(browser, "!document.getElementById('done').hidden")
