"""The report in a real headless Chromium: narrow, dark, without scripts.

The tests use Chromium's DevTools pipe, which needs no package. Without Chromium they are skipped;
`make browser` installs Debian's.
"""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nirx_conformance.cases import ALL_CASES
from nirx_conformance.suite.judge import judge
from nirx_conformance.suite.outcome import Outcome, Result
from nirx_conformance.suite.report import write_report
from support.reports import SubtractingReset

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))),
    None,
)

pytestmark = [
    pytest.mark.exhaustive,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on PATH; `make browser` installs it"),
]

SECONDS = 60
"""That Chromium has for an answer."""

EVIL = "<script>window.hacked = 1</script><img src=x onerror='window.hacked = 2'>"


ON_3_AND_4 = """
import fcntl, os, sys
pipes = [fcntl.fcntl(int(number), fcntl.F_DUPFD, 10) for number in sys.argv[1:3]]
for place, pipe in zip((3, 4), pipes):
    os.dup2(pipe, place)
os.execv(sys.argv[3], sys.argv[3:])
"""
"""The protocol is read from descriptor 3 and written to 4; dash has no descriptors above 9."""


class Browser:
    """A page of a headless Chromium, controlled by the DevTools protocol."""

    def __init__(self, profile: Path):
        read, self._write = os.pipe()
        self._read, write = os.pipe()
        options = [
            "--headless",
            "--no-sandbox",  # root has none, and the page is our own
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--remote-debugging-pipe",
            f"--user-data-dir={profile}",
        ]
        command = [sys.executable, "-c", ON_3_AND_4, str(read), str(write), str(CHROMIUM), *options]
        self._process = subprocess.Popen(
            command, pass_fds=(read, write), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        os.close(read)
        os.close(write)
        self._count, self._left = 0, b""
        self.events: list[dict[str, Any]] = []
        self._session: str | None = None
        try:
            target = self.call("Target.createTarget", url="about:blank")["targetId"]
            attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
            self._session = attached["sessionId"]
            for domain in ("Page", "Runtime", "Log", "Network"):
                self.call(f"{domain}.enable")
        except BaseException:
            self.close()
            raise

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        self._count += 1
        message = {"id": self._count, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._count:
                assert "error" not in answer, (method, answer["error"])
                return answer["result"]
            self.events.append(answer)

    def _next(self) -> dict[str, Any]:
        end = time.monotonic() + SECONDS
        while b"\0" not in self._left:
            ready, _, _ = select.select([self._read], [], [], max(0, end - time.monotonic()))
            assert ready, "Chromium does not answer"
            part = os.read(self._read, 2**20)
            assert part, "Chromium ended"
            self._left += part
        message, _, self._left = self._left.partition(b"\0")
        return json.loads(message)

    def open(self, url: str) -> None:
        for address in ("about:blank", url):  # else a change of the #fragment alone loads nothing
            self.events.clear()
            self.call("Page.navigate", url=address)
            while not any(e["method"] == "Page.loadEventFired" for e in self.events):
                self.events.append(self._next())

    def ask(self, script: str) -> Any:
        answer = self.call(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def look(self, width: int, height: int = 900, scheme: str = "light") -> None:
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=width < 500,
        )  # fmt: skip
        self.call(
            "Emulation.setEmulatedMedia",
            features=[{"name": "prefers-color-scheme", "value": scheme}],
        )

    def screenshot(self, file: Path) -> bytes:
        image = base64.b64decode(self.call("Page.captureScreenshot")["data"])
        file.write_bytes(image)
        return image

    def complaints(self) -> list[str]:
        """Errors and warnings on the console, exceptions, and everything the page requested."""
        found = []
        for event in self.events:
            params = event["params"]
            if event["method"] == "Runtime.exceptionThrown":
                found.append(str(params["exceptionDetails"]))
            elif event["method"] == "Runtime.consoleAPICalled":
                found.append(str(params["args"]))
            elif event["method"] == "Log.entryAdded":
                found.append(params["entry"]["text"])
            elif event["method"] == "Network.requestWillBeSent":
                url = params["request"]["url"]
                if not url.startswith(("file:", "data:,")):
                    found.append(url)
        return found

    def close(self) -> None:
        self._process.terminate()  # Chromium ends its helpers itself
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._read)
        os.close(self._write)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    found = Browser(tmp_path_factory.mktemp("profile"))
    yield found
    found.close()


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
    too_wide = f"""[...document.querySelectorAll('body *')]
      .filter(e => !e.closest('.scroll, .skip, svg'))
      .filter(e => e.getBoundingClientRect().right > {width} + 1)
      .map(e => e.outerHTML.slice(0, 80))"""
    assert browser.ask(too_wide) == []


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


CONTRAST = r"""(() => {
  const numbers = text => text.match(/[\d.]+/g).map(Number);
  const part = x => (x /= 255) <= .04045 ? x / 12.92 : ((x + .055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => .2126 * part(r) + .7152 * part(g) + .0722 * part(b);
  const ground = e => {
    for (; e; e = e.parentElement) {
      const colour = numbers(getComputedStyle(e).backgroundColor);
      if (colour.length < 4 || colour[3]) return colour;
    }
  };
  const texts = 'p, td, th, a, dt, dd, h1, h2, h3, h4, caption, summary, figcaption, .badge';
  return [...document.body.querySelectorAll(texts)].filter(e => {
    const both = [light(numbers(getComputedStyle(e).color)), light(ground(e))];
    return (Math.max(...both) + .05) / (Math.min(...both) + .05) < 4.5;
  }).map(e => e.outerHTML.slice(0, 80));
})()"""
"""Elements with less contrast than WCAG's 4.5 : 1."""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_enough_contrast(browser: Browser, page: str, scheme: str, tmp_path: Path):
    browser.look(1200, scheme=scheme)
    browser.open(page)
    ground = browser.ask("getComputedStyle(document.body).backgroundColor")
    assert ground == {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 24, 29)"}[scheme]
    assert browser.ask(CONTRAST) == []
    assert browser.screenshot(tmp_path / "report.png").startswith(b"\x89PNG")
