"""The page in a real browser: tables, provenance, plots, videos, no errors, and nothing wider than a phone."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vidgauge.environment import Environment
from vidgauge.record import Record
from vidgauge.reports.page import page
from vidgauge.reports.videos.gallery import galleries

selenium = pytest.importorskip("selenium", reason="selenium is not installed")
from selenium import webdriver  # noqa: E402 - after the check
from selenium.webdriver.common.action_chains import ActionChains  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402
from selenium.webdriver.support.ui import Select, WebDriverWait  # noqa: E402


@pytest.fixture
def opened(
    browser: webdriver.Chrome, store_records: list[Record], environment: Environment, tmp_path: Path
) -> webdriver.Chrome:
    return _open(browser, page(store_records, {environment.fingerprint: environment}, "evening.sqlite"), tmp_path)


@pytest.fixture
def plotted(browser: webdriver.Chrome, plotted_records: list[Record], tmp_path: Path) -> webdriver.Chrome:
    return _open(browser, page(plotted_records, {}, "plots"), tmp_path)


@pytest.fixture
def shown(browser: webdriver.Chrome, shown_videos: list[Record], tmp_path: Path) -> webdriver.Chrome:
    return _open(browser, page(shown_videos, {}, "videos", galleries(shown_videos, tmp_path)), tmp_path)


def _open(browser: webdriver.Chrome, text: str, folder: Path) -> webdriver.Chrome:
    (folder / "index.html").write_text(text, encoding="utf-8")
    _resize(browser, 1280)
    browser.get((folder / "index.html").as_uri())
    return browser


def _resize(browser: webdriver.Chrome, width: int) -> None:
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


def _until(browser: webdriver.Chrome, holds: Callable[[], bool]) -> None:
    WebDriverWait(browser, 10, poll_frequency=0.02).until(lambda _: holds())


def _log(browser: webdriver.Chrome) -> list[dict[str, Any]]:
    """What the page wrote to the console, errors and refused requests among it."""
    entries: list[dict[str, Any]] = browser.get_log("browser")  # type: ignore[no-untyped-call] # selenium's own lack
    return entries


def _numbers(browser: webdriver.Chrome, column: int) -> list[Any]:
    script = """return [...document.querySelectorAll('#t1-table tbody tr.row')]
        .map(row => Number(row.cells[arguments[0]].dataset.sort))"""
    numbers: list[Any] = browser.execute_script(script, column)
    return numbers


def test_no_errors_and_no_requests(opened: webdriver.Chrome) -> None:
    assert _log(opened) == []
    requests = opened.execute_script("return performance.getEntriesByType('resource').map(entry => entry.name)")
    assert [name for name in requests if not name.startswith("data:")] == []


def test_a_click_sorts_and_a_second_one_reverses(opened: webdriver.Chrome) -> None:
    header = opened.find_element(By.XPATH, "//table[@id='t1-table']//th[contains(., 'fvd')]")
    assert header.get_attribute("aria-sort") == "none"
    header.find_element(By.TAG_NAME, "button").click()
    assert header.get_attribute("aria-sort") == "ascending"
    assert _numbers(opened, 1) == [80.5, 99.0, 100.5]
    header.find_element(By.TAG_NAME, "button").click()
    assert header.get_attribute("aria-sort") == "descending"
    assert _numbers(opened, 1) == [100.5, 99.0, 80.5]


def test_the_keyboard_sorts(opened: webdriver.Chrome) -> None:
    button = opened.find_element(By.XPATH, "//table[@id='t1-table']//th[contains(., 'clipsim')]//button")
    opened.execute_script("arguments[0].focus()", button)
    opened.switch_to.active_element.send_keys(Keys.ENTER)
    assert _numbers(opened, 4) == sorted(_numbers(opened, 4))
    opened.switch_to.active_element.send_keys(Keys.SPACE)
    assert _numbers(opened, 4) == sorted(_numbers(opened, 4), reverse=True)


def test_rows_without_a_value_stay_last_whichever_way(opened: webdriver.Chrome) -> None:
    button = opened.find_element(By.XPATH, "//table[@id='t2-table']//th[contains(., 'latency')]//button")
    for _ in range(2):
        opened.execute_script("arguments[0].click()", button)
        last = opened.find_elements(By.CSS_SELECTOR, "#t2-table tbody tr.row")[-1]
        assert "oom" in last.text


def test_a_row_opens_its_provenance_and_takes_it_along(opened: webdriver.Chrome) -> None:
    row = opened.find_element(By.CSS_SELECTOR, "#t1-table tbody tr.row")
    button = row.find_element(By.CSS_SELECTOR, "button.open")
    button.send_keys(Keys.ENTER)
    assert button.get_attribute("aria-expanded") == "true"
    below = opened.find_element(By.ID, str(button.get_attribute("aria-controls")))
    assert below.is_displayed()
    for expected in ("fvd.shapes, fingerprint aaaaaaaaaaaaaaaa", "run-2", "2026-03-01 13:00:00 UTC", "1 older"):
        assert expected in below.text
    opened.find_element(By.XPATH, "//table[@id='t1-table']//th[contains(., 'fvd')]//button").click()
    follows = opened.execute_script("return arguments[0].nextElementSibling === arguments[1]", row, below)
    assert follows
    button.send_keys(Keys.ENTER)
    assert not below.is_displayed()


def _visible(browser: webdriver.Chrome) -> int:
    script = "return document.querySelectorAll('#t2-table tbody tr.row:not([hidden])').length"
    return int(browser.execute_script(script))


def test_the_filter_keeps_rows_that_hold_every_word(opened: webdriver.Chrome) -> None:
    opened.find_element(By.CSS_SELECTOR, "input.filter").send_keys("CONV unet-low")
    assert _visible(opened) == 6
    assert opened.find_element(By.CSS_SELECTOR, ".shown").text == "6 of 17 rows"


def test_choices_keep_rows_that_have_them_and_a_link_to_a_hidden_row_undoes_them(opened: webdriver.Chrome) -> None:
    for key, choice, left in (("case", "unet-low", 8), ("batch", "2", 4)):
        path = f"//p[@data-table='t2-table']//label[starts-with(., '{key}')]/select"
        Select(opened.find_element(By.XPATH, path)).select_by_visible_text(choice)
        assert _visible(opened) == left
    hidden = opened.find_element(By.CSS_SELECTOR, "#t2-table tr.row[hidden]").get_attribute("id")
    opened.execute_script("location.hash = arguments[0]", hidden)
    _until(opened, lambda: _visible(opened) == 17)
    assert opened.find_element(By.ID, f"{hidden}-provenance").is_displayed()
    assert opened.switch_to.active_element.get_attribute("aria-expanded") == "true"


def test_a_click_on_a_number_tells_where_it_comes_from(opened: webdriver.Chrome, environment: Environment) -> None:
    opened.find_element(By.XPATH, "//table[@id='t1-table']//tr[@class='row']/td[2]//span[@class='value']").click()
    asked = opened.find_element(By.CSS_SELECTOR, "#t1-table .asked")
    assert asked.is_displayed()
    assert asked.text.startswith("kvd")
    link = asked.find_element(By.LINK_TEXT, f"fingerprint {environment.fingerprint}")
    opened.execute_script("arguments[0].click()", link)
    assert opened.find_element(By.ID, f"environment-{environment.fingerprint}").is_displayed()


def test_plots_have_marks_in_sight_and_axes_with_units(plotted: webdriver.Chrome) -> None:
    plots = plotted.find_elements(By.CSS_SELECTOR, "figure.plot")
    titles = [plot.find_element(By.CSS_SELECTOR, "figcaption b").text for plot in plots]
    assert {"latency along frames", "fvd along severity", "kvd along N", "roofline"} <= set(titles)
    assert {"predicted against achieved speed-up", "fvd against latency"} <= set(titles)
    latency = plots[titles.index("latency along frames")]
    assert [axis.text for axis in latency.find_elements(By.CSS_SELECTOR, ".axis")] == [
        "↑ latency (ms), logarithmic",
        "frames T, logarithmic →",
    ]
    script = """return [...document.querySelectorAll('figure.plot')].map((figure) => {
        const frame = figure.querySelector(':scope > svg').getBoundingClientRect();
        const marks = [...figure.querySelectorAll('.mark use')].map((mark) => mark.getBoundingClientRect());
        const inside = (box) => box.width > 4 && box.left > frame.left - 6 && box.right < frame.right + 6
            && box.top > frame.top - 6 && box.bottom < frame.bottom + 6;
        const ticks = figure.querySelectorAll('.tick').length;
        return [marks.length, marks.every(inside), ticks > 3, new Set(marks.map((box) => box.top)).size > 1]; })"""
    for marks, inside, ticks, apart in plotted.execute_script(script):
        assert (marks > 1, inside, ticks, apart) == (True, True, True, True)
    assert len(latency.find_elements(By.CSS_SELECTOR, ".band")) == 1
    assert "axial_attention against conv3d: slower up to 1, faster from 16 on." in latency.text
    assert _log(plotted) == []


def test_hover_and_arrow_keys_tell_values_and_enter_leads_to_the_row(plotted: webdriver.Chrome) -> None:
    marks = plotted.find_elements(By.CSS_SELECTOR, "figure.plot:first-of-type .mark")
    tip = plotted.find_element(By.CSS_SELECTOR, ".tip")
    ActionChains(plotted).move_to_element(marks[2]).perform()
    assert tip.text == marks[2].get_attribute("aria-label")
    plotted.execute_script("arguments[0].focus()", marks[0])
    plotted.switch_to.active_element.send_keys(Keys.ARROW_RIGHT)
    assert plotted.switch_to.active_element == marks[1]
    assert tip.text == marks[1].get_attribute("aria-label")
    assert [mark.get_attribute("tabindex") for mark in marks[:3]] == ["-1", "0", "-1"]
    plotted.switch_to.active_element.send_keys(Keys.ENTER)
    row = str(marks[1].get_dom_attribute("href")).partition("#")[2]
    _until(plotted, lambda: plotted.find_element(By.ID, f"{row}-provenance").is_displayed())


def test_a_finger_is_told_the_value_first(plotted: webdriver.Chrome) -> None:
    mark = plotted.find_element(By.CSS_SELECTOR, ".plot .mark")
    tap = """const how = {bubbles: true, cancelable: true, pointerType: 'touch'};
        arguments[0].dispatchEvent(new PointerEvent('click', how)); return location.hash"""
    assert plotted.execute_script(tap, mark) == ""
    assert plotted.find_element(By.CSS_SELECTOR, ".tip").text == mark.get_attribute("aria-label")
    assert plotted.execute_script(tap, mark) == mark.get_dom_attribute("href")


def test_one_series_at_a_time(plotted: webdriver.Chrome) -> None:
    figure = next(figure for figure in plotted.find_elements(By.CSS_SELECTOR, ".plot") if "frames" in figure.text)
    pick = figure.find_elements(By.CSS_SELECTOR, ".pick")[1]
    plotted.execute_script("arguments[0].click()", pick)
    assert pick.get_attribute("aria-pressed") == "true"
    faded = [
        "faded" in str(series.get_attribute("class")) for series in figure.find_elements(By.CSS_SELECTOR, ".series")
    ]
    assert faded == [True, False]
    plotted.execute_script("arguments[0].click()", pick)
    assert not figure.find_elements(By.CSS_SELECTOR, ".faded")


def _frames(browser: webdriver.Chrome) -> list[str]:
    script = "return [...document.querySelectorAll('.screen img')].map((image) => image.style.transform)"
    frames: list[str] = browser.execute_script(script)
    return frames


def test_videos_play_in_step_and_stop(shown: webdriver.Chrome) -> None:
    sizes = "return [...document.querySelectorAll('.screen img')].map((one) => [one.naturalWidth, one.naturalHeight])"
    _until(shown, lambda: shown.execute_script(sizes) == [[16, 96]] * 8)
    play = shown.find_element(By.ID, "play")
    play.click()
    assert play.text == "Pause all"
    _until(shown, lambda: _frames(shown)[0] not in ("", "translateY(0%)"))
    play.click()
    assert play.text == "Play all"
    stopped = _frames(shown)
    assert set(stopped) == {stopped[0]}  # all on one clock
    assert _frames(shown) == stopped
    assert _log(shown) == []


def test_the_slider_goes_to_a_frame(shown: webdriver.Chrome) -> None:
    script = """const seek = document.getElementById('seek');
        seek.value = 0.3;
        seek.dispatchEvent(new Event('input', {bubbles: true}))"""
    shown.execute_script(script)
    assert set(_frames(shown)) == {"translateY(-25%)"}  # frame 2 of 8, at 8 a second
    assert shown.find_element(By.ID, "clock").text == "0.3 s"
    colour = """const image = document.querySelector('.clips:has(figure + figure) .screen img');
        const canvas = document.createElement('canvas').getContext('2d');
        canvas.drawImage(image, 0, 0); return canvas.getImageData(3, 2 * 12 + 3, 1, 1).data[0]"""
    assert shown.execute_script(colour) == 102  # what the file holds


def test_captions_and_names_of_videos_stay_text(shown: webdriver.Chrome) -> None:
    scene = shown.find_elements(By.CSS_SELECTOR, ".scenes:not(.single) .scene")[1]
    assert scene.find_element(By.CSS_SELECTOR, ".caption").text.startswith("<b>shape</b> 1")
    assert "1<script>.mkv" in scene.text
    assert "cannot be shown: Invalid data found" in scene.text
    alt = scene.find_element(By.CSS_SELECTOR, "img").get_attribute("alt")
    assert alt == "a, 1<script>.mkv: <b>shape</b> 1"


def test_light_and_dark(opened: webdriver.Chrome) -> None:
    paper = "return getComputedStyle(document.body).backgroundColor"
    seen = []
    for scheme in ("light", "dark"):
        feature = {"name": "prefers-color-scheme", "value": scheme}
        opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
        seen.append(opened.execute_script(paper))
    opened.find_element(By.ID, "theme").click()
    assert opened.execute_script(paper) == seen[0] != seen[1]
    opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_the_keyboard_comes_to_the_numbers_first(opened: webdriver.Chrome) -> None:
    opened.find_element(By.TAG_NAME, "body").send_keys(Keys.TAB)
    assert opened.switch_to.active_element.text == "Skip to the numbers"
    opened.switch_to.active_element.send_keys(Keys.ENTER)
    assert opened.switch_to.active_element.get_attribute("id") == "main"


@pytest.mark.parametrize("name", ["opened", "plotted", "shown"])
def test_a_phone_needs_no_sideways_scrolling(name: str, request: pytest.FixtureRequest) -> None:
    browser: webdriver.Chrome = request.getfixturevalue(name)
    _resize(browser, 390)
    for button in browser.find_elements(By.CSS_SELECTOR, "button.open")[:2]:
        browser.execute_script("arguments[0].click()", button)
    everything = (
        "for (const part of document.querySelectorAll('main > section')) part.style.contentVisibility = 'visible'"
    )
    browser.execute_script(everything)
    width, room = browser.execute_script("return [document.documentElement.scrollWidth, window.innerWidth]")
    assert width <= room == 390


def test_hostile_text_runs_nothing(
    browser: webdriver.Chrome,
    hostile_records: list[Record],
    environment: Environment,
    tmp_path: Path,
    hostile_text: str,
) -> None:
    _open(browser, page(hostile_records, {environment.fingerprint: environment}, hostile_text), tmp_path)
    _resize(browser, 390)  # an alert would have made this fail
    browser.find_element(By.CSS_SELECTOR, "button.open").click()
    assert "alert(1)" in browser.find_element(By.CSS_SELECTOR, "tr.provenance").text
    assert _log(browser) == []
    assert browser.execute_script("return document.documentElement.scrollWidth") <= 390
