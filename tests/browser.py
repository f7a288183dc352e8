"""A rendered report in a real browser: `make test-browser`, which sets RCM_REPORT to the address of its index page.

Not collected by `make test`: it needs Chromium with its driver, and Selenium and axe of browser-requirements.txt.
"""

from __future__ import annotations

import base64
import json
import os
import re
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from chromium import started
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

INDEX = os.environ["RCM_REPORT"]
FOLDER = Path(unquote(urlsplit(INDEX).path)).parent
PAGES = sorted(path.as_uri() for path in FOLDER.glob("*.html"))
NAMES = [page.rsplit("/", 1)[1] for page in PAGES]
AXE = Path(find_spec("axe_playwright_python").origin).with_name("axe.min.js")


@pytest.fixture(scope="module")
def browser():
    yield from started("1280,1600")


def requested(browser) -> list[str]:
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    return [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]


def test_there_is_an_index_and_a_page_for_each_notebook():
    assert "index.html" in NAMES and (len(NAMES) >= 4 or "10_portfolio.html" in NAMES)


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_a_page_asks_for_nothing_and_has_no_errors(browser, page):
    browser.get_log("performance"), browser.get_log("browser")
    browser.get(page)
    assert {url.split("#")[0] for url in requested(browser) if not url.startswith("data:")} == {page}
    assert browser.get_log("browser") == []
    folder = Path(os.environ.get("RCM_SCREENSHOTS", "")) if os.environ.get("RCM_SCREENSHOTS") else None
    if folder:
        height = browser.execute_script("return document.documentElement.scrollHeight")
        browser.set_window_size(1280, height + 120)
        browser.save_screenshot(str(folder / f"{page.rsplit('/', 1)[1]}.png"))
        browser.set_window_size(1280, 1600)


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_axe_finds_nothing(browser, page):
    browser.get(page)
    browser.execute_script(AXE.read_text("utf-8"))
    result = browser.execute_async_script("axe.run().then(arguments[0], e => arguments[0]({error: String(e)}))")
    assert "error" not in result and result["passes"] and result["url"] == page
    assert [(v["id"], v["impact"], v["help"], v["nodes"][0]["html"][:120]) for v in result["violations"]] == []


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_links_lead_somewhere(browser, page):
    browser.get(page)
    links = {a.get_attribute("href") for a in browser.find_elements(By.CSS_SELECTOR, "a[href]")}
    here = {link.split("#")[1] for link in links if link.startswith(f"{page}#")}
    assert all(browser.find_elements(By.ID, unquote(target)) for target in here)
    elsewhere = {link.split("#")[0] for link in links} - {*PAGES, page}
    beside = {"worklist.xlsx", "brief.pdf", "report.pdf", "manifest.json"}
    assert all(
        Path(unquote(urlsplit(link).path)).name in beside
        or Path(unquote(urlsplit(link).path)).suffix == ".csv"
        or Path(unquote(urlsplit(link).path)).name == "index.html"
        for link in elsewhere
    )  # files of the report, and reports of other practices
    assert all(Path(unquote(urlsplit(link).path)).exists() for link in elsewhere)


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_pictures_have_words(browser, page):
    browser.get(page)
    for figure in browser.find_elements(By.CSS_SELECTOR, "figure, img"):
        assert len(figure.get_attribute("aria-label") or figure.get_attribute("alt") or "") > 15


@pytest.fixture
def long_table(browser):
    """The first table with rows behind its search: (its tools, its table)."""
    for page in PAGES:
        browser.get(page)
        for table in browser.find_elements(By.TAG_NAME, "table"):
            count = browser.execute_script("return arguments[0].querySelectorAll('tbody tr').length", table)
            if count > 15 and browser.execute_script(
                "return arguments[0].querySelector('tbody tr[hidden], tbody[hidden]') !== null", table
            ):
                return browser.execute_script(
                    "return arguments[0].closest('.table').previousElementSibling", table
                ), table
    pytest.fail("no page has a long table")


def visible(table) -> list[str]:
    return [row.text for row in table.find_elements(By.CSS_SELECTOR, "tbody tr") if row.is_displayed()]


def test_long_tables_are_searched(browser, long_table):
    tools, table = long_table
    before = visible(table)
    wanted = browser.execute_script(
        "return [...arguments[0].querySelectorAll('tbody tr')].at(-1).cells[0].textContent", table
    )
    field = tools.find_element(By.TAG_NAME, "input")
    field.send_keys(wanted)
    found = visible(table)
    assert found and all(wanted.lower() in row.lower() for row in found)
    field.send_keys(Keys.CONTROL, "a")
    field.send_keys(Keys.DELETE)
    assert visible(table) == before


def test_long_tables_are_sorted_by_keyboard(browser, long_table):
    _, table = long_table
    head = table.find_elements(By.CSS_SELECTOR, "thead th.n")[0]
    number = browser.execute_script("return arguments[0].cellIndex", head)
    values = "return [...arguments[0].querySelectorAll('tbody tr')].map(r => r.cells[arguments[1]].textContent)"
    head.find_element(By.CSS_SELECTOR, "[role=button]").send_keys(Keys.ENTER)
    for expected, reverse in (("descending", True), ("ascending", False)):
        assert head.get_attribute("aria-sort") == expected
        shown = [float(v.replace("$", "").replace(",", "").replace("%", "").replace("−", "-"))
                 for v in browser.execute_script(values, table, number) if v not in ("", "–")]  # fmt: skip
        assert shown == sorted(shown, reverse=reverse)
        head.find_element(By.CSS_SELECTOR, "[role=button]").send_keys(Keys.SPACE)


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_the_first_tab_leads_past_the_header(browser, page):
    browser.get(page)
    browser.find_element(By.TAG_NAME, "body").send_keys(Keys.TAB)
    assert browser.switch_to.active_element.get_attribute("class") == "skip"


def test_a_foreign_script_does_not_run(browser, tmp_path):
    text = (
        (FOLDER / "index.html")
        .read_text("utf-8")
        .replace("</main>", "<script>document.title = 'hacked'</script></main>")
    )
    (tmp_path / "x.html").write_text(text, "utf-8")
    browser.get((tmp_path / "x.html").as_uri())
    assert browser.title != "hacked"
    assert any("Content Security Policy" in entry["message"] for entry in browser.get_log("browser"))


# --- phone, dark, paper, pointer -----------------------------------------------------------------------------------


@pytest.fixture
def phone(browser):
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    )
    yield browser
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_a_phone_shows_everything_in_letters_that_can_be_read(phone, page):
    phone.get(page)
    assert phone.execute_script("return document.documentElement.scrollWidth") <= 390, "wider than the screen"
    small = """return [...document.querySelectorAll("svg text")].filter(t => t.getClientRects().length).map(
        t => t.getBoundingClientRect().height).filter(h => h > 0 && h < 9)"""
    assert phone.execute_script(small) == []
    cut = """return [...document.querySelectorAll("table")].filter(t => t.scrollWidth > 392 &&
        getComputedStyle(t.closest(".table") ?? t.parentElement).overflowX === "visible").length"""
    assert phone.execute_script(cut) == 0, "a table that cannot be scrolled"


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_a_finger_hits_what_stands_in_bars_and_lists(phone, page):
    phone.get(page)
    low = """return [...document.querySelectorAll(".bar nav a, .get a, .stack td.nw a, .toc li > a, .pager a, .tools button, .tools input")]
        .filter(t => t.getClientRects().length && t.getBoundingClientRect().height < 44).map(t => t.outerHTML.slice(0, 80))"""
    assert phone.execute_script(low) == []


def test_monday_prints_on_two_pages(browser):
    browser.get((FOLDER / "index.html").as_uri())
    printed = base64.b64decode(browser.execute_cdp_cmd("Page.printToPDF", {"preferCSSPageSize": True})["data"])
    assert len(re.findall(rb"/Type\s*/Page\b", printed)) == 2


def test_a_step_opens_its_claims_and_esc_closes_them(browser):
    browser.get((FOLDER / "index.html").as_uri())
    link = browser.find_element(By.CSS_SELECTOR, 'a[href="#ev-1"]')
    drawer = browser.find_element(By.ID, "ev-1")
    assert not drawer.is_displayed()
    link.click()
    WebDriverWait(browser, 5).until(lambda _: drawer.is_displayed())
    assert len(drawer.find_elements(By.CSS_SELECTOR, "tbody tr")) >= 1 and browser.switch_to.active_element == drawer
    drawer.send_keys(Keys.ESCAPE)
    WebDriverWait(browser, 5).until(lambda _: not drawer.is_displayed())
    assert browser.switch_to.active_element == link


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_axe_finds_nothing_on_a_dark_phone(phone, page):
    phone.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
    )
    try:
        phone.get(page)
        phone.execute_script(AXE.read_text("utf-8"))
        result = phone.execute_async_script("axe.run().then(arguments[0], e => arguments[0]({error: String(e)}))")
        assert [(v["id"], v["nodes"][0]["html"][:120]) for v in result["violations"]] == []
    finally:
        phone.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_paper_repeats_headings_that_can_be_read(browser, page):
    browser.get(page)
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        heads = browser.execute_script("""return [...document.querySelectorAll("thead")].filter(h => h.textContent.trim()).map(
            h => [getComputedStyle(h).display, h.querySelectorAll("button").length])""")
        assert all(display == "table-header-group" and not buttons for display, buttons in heads)
        assert browser.execute_script("return getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    finally:
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


def test_a_chart_tells_its_values_to_the_pointer_and_to_the_keys(browser):
    browser.get((FOLDER / "02_denial_overview.html").as_uri())
    figure = browser.find_element(By.CSS_SELECTOR, "figure[data-tips]")
    browser.execute_script("arguments[0].focus()", figure)
    figure.send_keys(Keys.ARROW_LEFT)
    tip = figure.find_element(By.CSS_SELECTOR, ".tip")
    first = tip.text
    assert "%" in first and " of " in first
    figure.send_keys(Keys.ARROW_LEFT)
    assert tip.text and tip.text != first
    figure.send_keys(Keys.ESCAPE)
    assert tip.text == ""
    browser.execute_script(
        """const p = [...arguments[0].querySelectorAll(".pt")].find(p => p.getClientRects().length).getBoundingClientRect();
        arguments[0].dispatchEvent(new PointerEvent("pointermove", {clientX: p.left + 2, clientY: p.top + 2, bubbles: true}))""",
        figure,
    )
    assert "%" in tip.text


# --- what a billing manager asks on Monday -------------------------------------------------------------------------


@pytest.fixture
def monday(browser) -> str:
    """The text of the first screen and the list under it."""
    browser.get(INDEX)
    return browser.find_element(By.ID, "main").text


def rows(browser) -> list[list[str]]:
    """The cells of the week's list."""
    lines = browser.find_elements(By.CSS_SELECTOR, "#todo ~ .table tbody tr:not(.grp)")
    return [[cell.text for cell in line.find_elements(By.CSS_SELECTOR, "th, td")] for line in lines]


@pytest.mark.parametrize("question, answer", [
    ("How are we doing?", r"\d+\.\d%"), ("Of how many claims?", r"\d[\d,]* of \d[\d,]* claims"), ("Better or worse than last month?", r"[▲▼●] \d+\.\d points from [A-Z]"),
    ("And than a year ago?", r"from a year ago|a year ago"), ("What is open?", r"Open denials\s+\d[\d,]* claims?"), ("What is it worth?", r"\$[\d,]+ expected cash"),
    ("What did we lose that we need not have?", r"Avoidable write-offs\s+\$[\d,]+"), ("What changed, and since when?", r"What changed\?\s+.+"),
    ("Are the data complete?", r"All data checks passed|A data check needs you"), ("Where did denied money go?", r"Where denied money went"),
])  # fmt: skip
def test_the_first_page_answers(monday, question, answer):
    import re

    assert re.search(answer, monday), (question, monday[:800])


def test_what_is_due_first_for_whom_worth_what_and_where(browser):
    browser.get(INDEX)
    found = rows(browser)
    assert found
    for cells in found:
        _, action, owner, due, claims, cash, links = cells
        assert action and owner and due and claims.split()[0].replace(",", "").isdigit() and "$" in cash and links
    first = browser.find_elements(By.CSS_SELECTOR, "#todo ~ .table tbody a")[0]
    first.click()
    assert browser.find_elements(By.CSS_SELECTOR, "h1") and browser.current_url != INDEX
