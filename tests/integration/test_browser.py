"""The page in a real browser, opened from its file, with no server and no network."""

from __future__ import annotations

import importlib.util
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from autode.report import write_report

pytestmark = pytest.mark.browser

CHROMIUM, DRIVER = (shutil.which(name) for name in ("chromium", "chromedriver"))


def write_study(folder: Path) -> Path:
    """Write a study with the factory of the report's unit tests."""
    path = Path(__file__).parents[1] / "report" / "conftest.py"
    spec = importlib.util.spec_from_file_location("report_study_factory", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    written: Path = module.write_busy_study(folder, energy="estimated", trials=60)
    return written


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if not (CHROMIUM and DRIVER):
        pytest.skip("chromium and chromedriver are not both installed")  # a failure where AUTODE_REQUIRE names browser
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for argument in (
        "headless=new",
        "no-sandbox",
        "disable-gpu",
        "disable-background-networking",
        "disable-dev-shm-usage",
    ):
        options.add_argument(f"--{argument}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService(str(DRIVER)))
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def page(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    path = write_report([write_study(tmp_path_factory.mktemp("browser") / "study")])
    browser.get(path.resolve().as_uri())
    return browser


def set_width(driver: Any, width: int) -> None:
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


def test_nothing_is_asked_of_the_network_and_the_console_is_silent(page: Any) -> None:
    messages = [json.loads(entry["message"])["message"] for entry in page.get_log("performance")]
    urls = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
    assert urls, "the log holds at least the page itself"
    assert all(url.startswith(("file://", "data:")) for url in urls)
    assert len({url for url in urls if url.startswith("file://")}) == 1
    assert page.get_log("browser") == []


@pytest.mark.parametrize("width", [1280, 400])
def test_the_body_never_scrolls_sideways(page: Any, width: int) -> None:
    set_width(page, width)
    inner, needed = page.execute_script("return [innerWidth, document.documentElement.scrollWidth]")
    assert inner == width
    assert needed <= width


@pytest.mark.parametrize("width", [1280, 400])
def test_every_figure_has_a_size_and_its_letters_can_be_read(page: Any, width: int) -> None:
    set_width(page, width)
    sizes = page.execute_script(
        "return [...document.querySelectorAll('figure svg')].map(svg => {"
        "  const box = svg.getBoundingClientRect();"
        "  const letter = Math.max(...[...svg.querySelectorAll('text')].map(t => t.getBoundingClientRect().height));"
        "  return [box.width, box.height, letter]; })"
    )
    assert len(sizes) == 8
    for wide, high, letter in sizes:
        assert wide >= 340
        assert high >= 100
        assert letter >= 9


def column(page: Any, place: int) -> list[str]:
    texts: list[str] = page.execute_script(
        "return [...document.querySelectorAll('#trials-table tbody tr')].filter(row => !row.hidden)"
        f".map(row => row.cells[{place}].dataset.key)"
    )
    return texts


def test_the_table_sorts_both_ways_with_missing_values_last(page: Any) -> None:
    set_width(page, 1280)
    heads = page.find_elements("css selector", "#trials-table th button")
    value = [head.text for head in heads].index("val_error")
    for direction, factor in (("ascending", 1), ("descending", -1)):
        heads[value].click()
        assert page.find_elements("css selector", "#trials-table th")[value].get_attribute("aria-sort") == direction
        keys = column(page, value)
        known = [float(key) for key in keys if key]
        assert known == sorted(known, key=lambda x: factor * x)
        assert keys[len(known) :] == [""] * (len(keys) - len(known))
        assert 0 < len(known) < len(keys)


def test_the_filter_keeps_the_rows_that_have_all_words(page: Any) -> None:
    field = page.find_element("id", "trials-filter")
    field.send_keys("failed nan")
    assert set(column(page, 1)) == {"failed"}
    count = len(column(page, 1))
    assert page.find_element("id", "trials-count").text == f"{count} of 60 rows"
    field.clear()
    field.send_keys(" ")
    assert len(column(page, 1)) == 60


def test_marks_have_hover_titles(page: Any) -> None:
    titles = page.execute_script(
        "return [...document.querySelectorAll('#figure-tradeoff use title')].map(t => t.textContent)"
    )
    assert len(titles) > 40
    assert all(title.startswith("trial ") and title.endswith("(est.)") for title in titles)
