"""The web page as a person sees it, in a real browser."""

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, sync_playwright

from running.collector import Collector

CHROMIUM = shutil.which("chromium")
QUIET = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    if CHROMIUM is None:
        pytest.skip("chromium is not installed: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        yield browser.new_page(viewport={"width": 1000, "height": 1100})
        browser.close()


def test_the_page_says_what_listens_where_and_what_is_in_the_book(page: Page, told: Collector) -> None:
    page.goto(told.web)
    text = page.inner_text("body")
    assert f"127.0.0.1:{told.ports['grpc']}" in text
    assert "ready" in page.inner_text(".state")
    rows = page.locator("section:has(h2:text-is('What is in the book')) tr")
    counts = dict(zip(rows.locator("th").all_inner_texts(), rows.locator("td").all_inner_texts(), strict=True))
    assert int(counts["traces"].replace(",", "")) >= 25
    newest = told.value("SELECT name FROM traces ORDER BY start_time DESC LIMIT 1")
    assert newest in counts["newest trace"]


def test_nothing_on_the_page_overflows_a_narrow_window(page: Page, told: Collector) -> None:
    page.set_viewport_size({"width": 360, "height": 800})
    page.goto(told.web)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_the_queries_on_the_page_can_be_run(page: Page, told: Collector) -> None:
    page.goto(told.web)
    lines = page.locator("section:has(h2:text-is('Ask')) code").inner_text().splitlines()
    queries = [line.split('"')[1] for line in lines if line]
    assert len(queries) == 3
    assert all(told.query(query) for query in queries)


def test_what_a_span_is_called_is_text_and_not_markup(page: Page, told: Collector) -> None:
    hostile = '<img src=x onerror="document.title=1">'
    told.send_span(hostile)
    told.wait_until(
        lambda: told.value("SELECT count() FROM traces WHERE name = {name:String}", name=hostile) == 1, "stored"
    )
    page.goto(told.web)
    assert hostile in page.inner_text("body")
    assert page.title() == "Spanbook"
