"""`rcm lab` in a real browser: `make test-browser`, which sets RCM_DATA (with a demo) and RCM_PYTHON (that has the package).

The start notebook is run there as a newcomer would, by the menu, in a copy of the project, so that no output gets into git.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from chromium import started
from selenium.webdriver.common.by import By

ROOT = Path(__file__).resolve().parent.parent
SECONDS = 240


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    for name in ("rcm_analysis", "notebooks"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints"))
    (folder / "data").symlink_to(os.environ["RCM_DATA"])
    return folder


@pytest.fixture(scope="module")
def address(project):
    """Of a JupyterLab that `rcm lab` started, with its own settings, so that the user's don't count."""
    settings = project / "jupyter/jupyter_server_config.json"
    settings.parent.mkdir()
    settings.write_text(json.dumps({"ServerApp": {"allow_root": True}}))
    own = {f"JUPYTER_{name}_DIR": str(project / "jupyter") for name in ("CONFIG", "DATA", "RUNTIME")}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [os.environ["RCM_PYTHON"], "-m", "rcm_analysis", "lab", "--no-browser", "--port", str(port)]
    log = project / "lab.log"
    with log.open("w") as out:
        job = subprocess.Popen(
            command, cwd=project, env={**os.environ, **own, "PYTHONPATH": str(project)}, stderr=out, stdout=out
        )
    try:
        yield waited_for(lambda: (re.findall(r"http://127\.0\.0\.1\S+", log.read_text()) or [None])[0], job)
    finally:
        job.terminate()
        job.wait(30)


@pytest.fixture(scope="module")
def browser():
    yield from started("1400,1000")


def waited_for(condition, job=None):
    end = time.monotonic() + SECONDS
    while not (found := condition()):
        assert time.monotonic() < end and (job is None or job.poll() is None), "waited in vain"
        time.sleep(0.3)
    return found


@pytest.fixture(scope="module")
def ran(browser, address):
    """The start notebook after Run All Cells."""
    browser.get(address)
    find = lambda css: browser.find_elements(By.CSS_SELECTOR, css)  # noqa: E731
    waited_for(lambda: find(".jp-Notebook .jp-Cell"))
    waited_for(
        lambda: [e for e in find(".jp-Notebook-ExecutionIndicator, .jp-Toolbar-kernelStatus") if e.is_displayed()]
    )
    next(item for item in find(".lm-MenuBar-item") if item.text == "Run").click()
    waited_for(lambda: [item for item in find(".lm-Menu-item") if item.text.startswith("Run All Cells")])[0].click()
    waited_for(lambda: len(find(".jp-CodeCell")) and not prompts(browser, r"\[[ *]?\]"))
    return find


def prompts(browser, pattern: str) -> list[str]:
    texts = browser.execute_script(
        "return [...document.querySelectorAll('.jp-CodeCell .jp-InputPrompt')].map(e => e.textContent)"
    )
    return [text for text in texts if re.search(pattern, text)]


def test_the_start_notebook_is_open_and_runs_to_its_end(browser, ran, project):
    assert browser.title.startswith("00_start.ipynb")
    assert len(prompts(browser, r"\[\d+\]")) == len(ran(".jp-CodeCell")) > 12
    assert not ran(".jp-RenderedText[data-mime-type*=stderr]") and not ran(".jp-mod-error")
    written = {path.name for path in (project / "reports/out/riverbend/explore").iterdir()}
    assert written == {"worklist.xlsx", "denials.xlsx"}


def test_nothing_but_the_server_is_asked_and_no_news_are_offered(browser, ran, address):
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    urls = [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]
    hosts = {urlsplit(url).netloc for url in urls if url.startswith("http")}
    assert hosts == {urlsplit(address).netloc}
    assert not any("news" in url or "api/update" in url for url in urls)
    assert not [e for e in browser.get_log("browser") if e["level"] == "SEVERE" and "favicon" not in e["message"]]


def test_tables_sort_and_search_there(browser, ran):
    table = next(
        t for t in ran(".jp-OutputArea .table table") if len(t.find_elements(By.CSS_SELECTOR, "tbody tr")) > 10
    )
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", table)
    rows = lambda: [r.text for r in table.find_elements(By.CSS_SELECTOR, "tbody tr") if r.is_displayed()]  # noqa: E731
    before = rows()
    head = table.find_elements(By.CSS_SELECTOR, "thead th.n")[0]
    place = browser.execute_script("return arguments[0].cellIndex", head)
    browser.execute_script("arguments[0].click()", head.find_element(By.CSS_SELECTOR, "[role=button]"))
    assert head.get_attribute("aria-sort") == "descending"
    cells = browser.execute_script(
        "return [...arguments[0].tBodies[0].rows].map(r => r.cells[arguments[1]].textContent)", table, place
    )
    numbers = [float(re.sub(r"[$,%]", "", cell).replace("−", "-")) for cell in cells if cell not in ("", "–")]
    assert len(numbers) > 10 and numbers == sorted(numbers, reverse=True)
    field = browser.execute_script("return arguments[0].closest('.table').previousElementSibling", table)
    field.find_element(By.TAG_NAME, "input").send_keys("zzz nothing has this")
    assert before and rows() == []
    folder = os.environ.get("RCM_SCREENSHOTS")
    if folder:
        browser.save_screenshot(f"{folder}/lab.png")
