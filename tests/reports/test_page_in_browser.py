"""The page in a real browser: no errors, sorting, provenance, and nothing wider than a phone."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from vidgauge.environment import Environment
from vidgauge.record import Record
from vidgauge.reports.page import page

selenium = pytest.importorskip("selenium", reason="selenium is not installed")
from selenium import webdriver  # noqa: E402 - after the check
from selenium.webdriver.chrome.service import Service  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402

FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--window-size=1280,900"),
)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    if program is None or driver is None:
        pytest.skip("no Chromium with chromedriver on this machine")
    options = webdriver.ChromeOptions()
    options.binary_location = program
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    opened = webdriver.Chrome(options=options, service=Service(driver))
    yield opened
    opened.quit()


@pytest.fixture
def opened(
    browser: webdriver.Chrome, store_records: list[Record], environment: Environment, tmp_path: Path
) -> webdriver.Chrome:
    path = tmp_path / "index.html"
    path.write_text(page(store_records, {environment.fingerprint: environment}, "evening.sqlite"), encoding="utf-8")
    _resize(browser, 1280)
    browser.get(path.as_uri())
    return browser


def _resize(browser: webdriver.Chrome, width: int) -> None:
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


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


def test_the_filter_keeps_rows_that_hold_every_word(opened: webdriver.Chrome) -> None:
    opened.find_element(By.CSS_SELECTOR, "input.filter").send_keys("CONV unet-low")
    shown = [row for row in opened.find_elements(By.CSS_SELECTOR, "#t2-table tbody tr.row") if row.is_displayed()]
    assert len(shown) == 6
    assert opened.find_element(By.CSS_SELECTOR, ".shown").text == "6 of 17 rows"


def test_a_phone_needs_no_sideways_scrolling(opened: webdriver.Chrome) -> None:
    _resize(opened, 400)
    for button in opened.find_elements(By.CSS_SELECTOR, "button.open")[:2]:
        opened.execute_script("arguments[0].click()", button)
    width, room = opened.execute_script("return [document.documentElement.scrollWidth, window.innerWidth]")
    assert width <= room == 400


def test_hostile_text_runs_nothing(
    browser: webdriver.Chrome,
    hostile_records: list[Record],
    environment: Environment,
    tmp_path: Path,
    hostile_text: str,
) -> None:
    path = tmp_path / "hostile.html"
    path.write_text(page(hostile_records, {environment.fingerprint: environment}, hostile_text), encoding="utf-8")
    _resize(browser, 400)
    browser.get(path.as_uri())  # an alert would make the next command fail
    browser.find_element(By.CSS_SELECTOR, "button.open").click()
    assert "alert(1)" in browser.find_element(By.CSS_SELECTOR, "tr.provenance").text
    assert _log(browser) == []
    assert browser.execute_script("return document.documentElement.scrollWidth") <= 400
