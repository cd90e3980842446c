"""A page in a real headless Chromium, and what every page of nirx has to be in it.

It uses Chromium's DevTools pipe, which needs no package. `make browser` installs Debian's Chromium;
tests without one are skipped.
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
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

__all__ = ["CONTRAST", "EVIL", "IN_A_BROWSER", "TOO_WIDE", "Browser", "started"]

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))),
    None,
)

SECONDS = 60
"""That Chromium has for an answer."""

IN_A_BROWSER = [
    pytest.mark.exhaustive,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on PATH; `make browser` installs it"),
]
"""The marks of a file of such tests."""

EVIL = "<script>window.hacked = 1</script><img src=x onerror='window.hacked = 2'>"
"""A name that must not become part of a page."""

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

    def press(self, key: str, text: str = "", shift: bool = False) -> None:
        """A key, as the keyboard sends it.

        Arguments:
            key: its DevTools name, such as "Tab", "ArrowLeft" or "+".
            text: what it types.
            shift: whether Shift is held.
        """
        own: dict[str, Any] = {"key": key, "modifiers": 8 * shift}
        if text:
            own["text"] = text
        code = {"Tab": 9, "Enter": 13, "ArrowLeft": 37, "ArrowRight": 39}.get(key, 0)
        for kind in ("keyDown" if text else "rawKeyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, windowsVirtualKeyCode=code, **own)

    def click(self, selector: str) -> None:
        """A click of the mouse in the middle of an element."""
        place = f"document.querySelector({selector!r})"
        x, y = self.ask(
            f"{place}.scrollIntoView({{block: 'center'}}), (r => [r.left + r.width / 2, "
            f"r.top + r.height / 2])({place}.getBoundingClientRect())"
        )
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            button = "none" if kind == "mouseMoved" else "left"
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button=button, clickCount=1)


@contextmanager
def started(profile: Path) -> Iterator[Browser]:
    """A browser that ends with the block."""
    found = Browser(profile)
    try:
        yield found
    finally:
        found.close()


TOO_WIDE = """[...document.querySelectorAll('body *')]
  .filter(e => !e.closest('.scroll, .skip, svg'))
  .filter(e => e.getBoundingClientRect().right > innerWidth + 1)
  .map(e => e.outerHTML.slice(0, 80))"""
"""Elements that reach beyond the window, though they do not scroll."""

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
