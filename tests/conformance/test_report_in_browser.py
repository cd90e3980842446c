"""The report in a real headless Chromium: narrow, dark, without scripts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from nirx_conformance.cases import ALL_CASES
from nirx_conformance.suite.judge import judge
from nirx_conformance.suite.outcome import Outcome, Result
from nirx_conformance.suite.report import write_report
from support.browser import CONTRAST, EVIL, IN_A_BROWSER, TOO_WIDE, Browser, started
from support.reports import SubtractingReset

pytestmark = IN_A_BROWSER


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with started(tmp_path_factory.mktemp("profile")) as found:
        yield found


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("report")
    results = [judge(case, SubtractingReset()) for case in ALL_CASES[:20]]
    results += [
        Result(EVIL, EVIL, Outcome.ERROR, (EVIL, "LIF"), 0.1, EVIL),
        Result("long", "b", Outcome.ERROR, ("LIF",), 0.1, "x" * 500 + "\n" + "word " * 200),
        Result("away", "b", Outcome.UNSUPPORTED, ("LIF",), 0.1, "no " + "y" * 300),
        Result("known", "b", Outcome.XFAIL, ("LIF",), 0.1, "z" * 300),
    ]
    write_report(folder, results, "full")
    return (folder / "report.html").as_uri()


def test_the_page_is_complete_and_requests_nothing(browser: Browser, page: str):
    browser.look(1200)
    browser.open(page)
    assert browser.complaints() == []
    assert browser.ask("document.title") == "nirx conformance, level full"
    assert browser.ask("window.hacked === undefined")
    assert browser.ask("document.scripts.length") == 1
    assert browser.ask("document.querySelectorAll('.failure svg').length") > 3
    assert browser.ask("document.images.length") == 0


def test_ids_are_unique(browser: Browser, page: str):
    browser.open(page)
    ids = browser.ask("[...document.querySelectorAll('[id]')].map(e => e.id)")
    assert len(set(ids)) == len(ids) > 20


@pytest.mark.parametrize("width", [320, 360, 768, 1200])
def test_only_tables_scroll_sideways(browser: Browser, page: str, width: int):
    browser.look(width)
    browser.open(page)
    assert browser.ask("innerWidth") == width
    browser.ask("document.querySelectorAll('details').forEach(d => d.open = true)")
    root = "document.documentElement"
    assert browser.ask(f"{root}.scrollWidth <= {root}.clientWidth")
    assert browser.ask(TOO_WIDE) == []


def test_a_link_in_the_matrix_scrolls_to_its_failure(browser: Browser, page: str):
    browser.look(1200)
    browser.open(page)
    browser.ask("document.querySelectorAll('#nodes details').forEach(d => d.open = true)")
    browser.ask("(window.link = [...document.querySelectorAll('#nodes a')].pop()).click()")
    place = "document.querySelector(':target').getBoundingClientRect().top"
    assert browser.ask("':' + location.hash") == browser.ask("':' + link.getAttribute('href')")
    assert browser.ask(f"{place} >= 0 && {place} < innerHeight")


TYPING = """
  document.getElementById('filter').value = {!r};
  document.getElementById('filter').dispatchEvent(new Event('input'))"""


def test_the_filter_hides_what_does_not_match(browser: Browser, page: str):
    browser.open(page)
    shown = "[...document.querySelectorAll('.failure')].filter(e => e.offsetHeight).length"
    everything = browser.ask(shown)
    browser.ask(TYPING.format("HACKED"))
    assert browser.ask(shown) == 1 < everything
    assert browser.ask("document.getElementById('shown').textContent") == "1 shown"
    browser.ask(TYPING.format(""))
    assert browser.ask(shown) == everything


def test_a_link_to_a_hidden_failure_shows_it(browser: Browser, page: str):
    browser.open(page)
    browser.ask(TYPING.format("no such"))
    wanted = browser.ask("document.querySelector('.failure').id")
    assert browser.ask("document.querySelector('.failure').offsetHeight") == 0
    browser.ask(
        f"""new Promise(done => {{
          addEventListener('hashchange', () => setTimeout(done));
          location.hash = {wanted!r};
        }})"""
    )
    assert browser.ask("document.querySelector(':target').offsetHeight > 0")


def test_it_works_without_scripts(browser: Browser, page: str):
    browser.call("Emulation.setScriptExecutionDisabled", value=True)
    try:
        browser.open(page)
        assert browser.ask("document.querySelector('.filter').offsetHeight") == 0
        assert browser.ask("document.querySelector('.failure').offsetHeight") > 50
    finally:
        browser.call("Emulation.setScriptExecutionDisabled", value=False)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_enough_contrast(browser: Browser, page: str, scheme: str, tmp_path: Path):
    browser.look(1200, scheme=scheme)
    browser.open(page)
    ground = browser.ask("getComputedStyle(document.body).backgroundColor")
    assert ground == {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 24, 29)"}[scheme]
    assert browser.ask(CONTRAST) == []
    assert browser.screenshot(tmp_path / "report.png").startswith(b"\x89PNG")
