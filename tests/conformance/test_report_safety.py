"""The report's page never runs, loads or hides what a case puts into names and messages."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from nirx_conformance.suite.explanation import Difference, Explanation
from nirx_conformance.suite.outcome import Outcome, Result
from support.html_page import Element
from support.reports import one, plotted, written

EVIL = """<script>alert("1")</script>'"><img src=x onerror=alert(1)>{{ 7 * 7 }} &amp; $x^2$"""


def test_names_and_messages_are_escaped(tmp_path: Path):
    first = Difference(1, EVIL, (0,), 0.0, 1.0, None, True, None, "meaning")
    evil = replace(
        plotted([0.0, 1.0], [0.0, 2.0]),
        case=EVIL,
        backend=EVIL,
        types=(EVIL,),
        message=EVIL,
        explanation=Explanation(False, (1, 0, 0, 0, 0, 0, 1), 0, None, first),
    )
    evil = replace(evil, plot={**evil.plot, "node": EVIL, "index": [EVIL]})
    kinds = (Outcome.FAIL, Outcome.XFAIL, Outcome.UNSUPPORTED, Outcome.NOT_RUN, Outcome.PASS)
    page, data, text = written(tmp_path, [replace(evil, outcome=o) for o in kinds], EVIL)
    assert len(page.tags("script")) == 1
    assert page.tags("img") == []
    assert page.all(lambda e: any(name.startswith("on") for name in e.attributes)) == []
    assert page.tags("h4")[0].text.endswith(EVIL)
    assert page.tags("dd")[1].text == EVIL
    assert page.of_class("message")[0].text == EVIL
    assert "49" not in page.tags("h1")[0].text
    assert data["results"][0]["case"] == EVIL
    assert "<script>alert" not in text


def test_control_characters_and_invalid_text_are_spelled_out(tmp_path: Path):
    odd = one(Outcome.ERROR, case="a\x00\x1b[31m\ud800\u202e", message="line\nline\x07")
    page, data, text = written(tmp_path, [odd])
    assert page.tags("h4")[0].text.endswith(r"a\x00\x1b[31m\ud800\u202e")
    assert page.of_class("message")[0].text == "line\nline\\x07"
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", text)
    assert data["results"][0]["case"] == odd.case


def test_the_page_loads_nothing(tmp_path: Path, mutated: list[Result]):
    page, _, text = written(tmp_path, mutated)
    for word in ("http:", "https:", "src=", "@import", "xmlns", '<link rel="style', "<iframe"):
        assert word not in text, word
    for name in ("href", "src", "action", "data", "poster", "style"):
        for element in page.all(lambda e, name=name: name in e.attributes):
            value = element.attributes[name]
            assert "//" not in value, (element.tag, value)
            assert re.match(r"#|data:,$", value) or name == "style", value
    for address in re.findall(r"url\(([^)]*)\)", text):
        assert address.startswith("#")
    (policy,) = page.all(lambda e: "http-equiv" in e.attributes)
    assert policy.attributes["content"].startswith("default-src 'none';")


def test_figures_contain_no_styles(page: Element):
    assert len(page.tags("style")) == 1
    assert all(not s.tags("style", "metadata", "script") for s in page.tags("svg"))
