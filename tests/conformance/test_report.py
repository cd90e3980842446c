"""The report's two files: what they hold, what they never hold, and when they are not written."""

from __future__ import annotations

import json
import math
import re
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import nirx
from nirx_conformance.cases import ALL_CASES
from nirx_conformance.suite import report, report_content, report_plot
from nirx_conformance.suite.explanation import BINS, Difference, Explanation
from nirx_conformance.suite.judge import judge
from nirx_conformance.suite.outcome import GOOD, Outcome, Result
from nirx_conformance.suite.report import check_report, write_report

VOID = {"meta", "link", "br", "img", "input", "hr"}


@dataclass
class Element:
    tag: str
    attributes: dict[str, str]
    parts: list[Any] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(p if isinstance(p, str) else p.text for p in self.parts)

    def all(self, wanted: Callable[[Element], bool]) -> list[Element]:
        own = [self] if wanted(self) else []
        return own + [e for p in self.parts if isinstance(p, Element) for e in p.all(wanted)]

    def tags(self, *names: str) -> list[Element]:
        return self.all(lambda e: e.tag in names)

    def of_class(self, name: str) -> list[Element]:
        return self.all(lambda e: name in e.attributes.get("class", "").split())

    def place(self, name: str) -> Element:
        (found,) = self.all(lambda e: e.attributes.get("id") == name)
        return found


class Tree(HTMLParser):
    """A strict reading: every tag is closed, in order."""

    def __init__(self, text: str):
        super().__init__()
        self.open = [Element("root", {})]
        self.feed(text)
        self.close()
        assert len(self.open) == 1, f"never closed: {[e.tag for e in self.open[1:]]}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs), f"an attribute twice: {attrs}"
        element = Element(tag, {k: v or "" for k, v in attrs})
        self.open[-1].parts.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open[-1].parts.append(Element(tag, {k: v or "" for k, v in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop().tag == tag

    def handle_data(self, data: str) -> None:
        self.open[-1].parts.append(data)


class SubtractingReset:
    """A backend that is wrong wherever the reset should go to a value, and knows no Cuba."""

    name = "some_package.backend:SubtractingReset"

    def prepare(self, graph: Any, discretization: nirx.Discretization, dtype: str) -> Any:
        if any(type(node).__name__ == "CubaLI" for node in graph.nodes.values()):
            raise nirx.UnsupportedError("no CubaLI here")
        wrong = replace(discretization, reset="subtract")
        return nirx.find_backend("numpy").prepare(graph, wrong, dtype)


@pytest.fixture(scope="module")
def mutated() -> list[Result]:
    """Of real runs: a right backend and a wrong one, and every outcome at least once."""
    cases = ALL_CASES[:12]
    right = [judge(case, nirx.find_backend("numpy")) for case in cases]
    wrong = [judge(case, SubtractingReset()) for case in cases]
    failed = next(i for i, r in enumerate(wrong) if r.outcome is Outcome.FAIL)
    passed = next(i for i, r in enumerate(wrong) if r.outcome is Outcome.PASS)
    for place in (failed, passed):
        wrong[place] = wrong[place].expected_to_fail("known: issue 12")
    away = [Result(c.name, "away", Outcome.NOT_RUN, c.types, 0.0, "no such library") for c in cases]
    crash = Result("a crash", "numpy", Outcome.ERROR, ("LIF",), 0.1, "RuntimeError: boom")
    died = Result("died", "numpy", Outcome.ERROR, message="the process died")
    return [*right, crash, died, *wrong, *away]


def written(folder: Path, results: list[Result], level: str = "full") -> tuple[Element, Any, str]:
    write_report(folder, results, level)
    text = (folder / "report.html").read_text("utf-8")
    data = json.loads((folder / "results.json").read_text("utf-8"), parse_constant=pytest.fail)
    return Tree(text).open[0], data, text


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory, mutated: list[Result]) -> Element:
    return written(tmp_path_factory.mktemp("report"), mutated)[0]


def listed(results: list[Result]) -> list[Result]:
    return [r for r in results if r.outcome not in GOOD | {Outcome.NOT_RUN}]


def one(outcome: Outcome, **more: Any) -> Result:
    return replace(Result("case", "b", outcome, ("LIF",), 0.1, "why"), **more)


def plotted(expected: list[float], found: list[float], step: int = 1) -> Result:
    sides: dict[str, Any] = {"expected": expected, "found": found}
    return one(Outcome.FAIL, plot={"node": "n", "index": [0], "step": step, "from": 0, **sides})


# What the page holds


def test_the_head_says_what_was_run(page: Element):
    (title,) = page.tags("title")
    assert title.text == "nirx conformance, level full"
    (header,) = page.tags("header")
    assert f"Semantics version {nirx.SEMANTICS_VERSION};" in header.text
    assert f"nirx {nirx.__version__}" in header.text
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", header.tags("time")[0].text)


def test_page_and_json_count_the_same(tmp_path: Path, mutated: list[Result]):
    page, data, _ = written(tmp_path, mutated)
    rows = page.place("counts").all(lambda e: "data-backend" in e.attributes)
    assert [r.attributes["data-backend"] for r in rows] == list(data["backends"])
    for row in rows:
        cells = row.all(lambda e: "data-outcome" in e.attributes)
        shown = {c.attributes["data-outcome"]: int(c.attributes["data-count"]) for c in cells}
        assert set(shown) == set(Outcome)
        counts = data["backends"][row.attributes["data-backend"]]
        assert {k: v for k, v in shown.items() if v} == counts
    assert len(data["results"]) == len(mutated)
    assert {r.outcome for r in mutated} == set(Outcome), "the sample lacks an outcome"
    assert len(page.of_class("failure")) == len(listed(mutated))


def test_unsupported_is_never_counted_as_passed(tmp_path: Path):
    page, *_ = written(tmp_path, [one(Outcome.UNSUPPORTED), one(Outcome.PASS, case="other")])
    (row,) = page.place("counts").all(lambda e: "data-backend" in e.attributes)
    assert row.of_class("verdict")[0].text == "passes, but 1 unsupported"
    assert "1 / 2" in row.text
    (cell,) = page.place("nodes").tags("td")
    assert (cell.attributes["class"], cell.text.split()) == ("unsupported", ["unsupported", "1/2"])


@pytest.mark.parametrize(
    ("outcomes", "verdict"),
    [
        ([Outcome.PASS], "passes"),
        ([Outcome.PASS, Outcome.XFAIL], "passes, but 1 known to fail"),
        ([Outcome.UNSUPPORTED], "does not pass"),
        ([Outcome.PASS, Outcome.NOT_RUN], "does not pass"),
        ([Outcome.PASS, Outcome.XPASS], "does not pass"),
        ([Outcome.PASS, Outcome.ERROR], "does not pass"),
        ([Outcome.NOT_RUN], "not run"),
    ],
)
def test_the_verdict(tmp_path: Path, outcomes: list[Outcome], verdict: str):
    page, *_ = written(tmp_path, [one(o, case=o.value) for o in outcomes])
    (cell,) = page.of_class("verdict")
    assert cell.text == verdict
    colours = {"does not pass": "fail", "not run": "not-run", "passes": "pass"}
    assert cell.attributes["class"] == f"verdict {colours.get(verdict, 'xfail')}"


def test_a_cell_shows_the_worst_outcome_by_word_and_class(page: Element, mutated: list[Result]):
    backends = [th.text for th in page.place("nodes").tags("thead")[0].tags("th")][1:]
    rows = page.place("nodes").tags("tbody")[0].tags("tr")
    seen = Counter()
    for row in rows:
        kind = row.tags("th")[0].text
        for backend, cell in zip(backends, row.tags("td"), strict=True):
            own = [r for r in mutated if r.backend == backend and kind in r.types]
            if not own:
                continue
            word = cell.tags("strong")[0].text
            assert cell.attributes["class"] == word
            assert f"{sum(r.outcome is Outcome.PASS for r in own)}/{len(own)}" in cell.text
            assert (word == "pass") == all(r.outcome is Outcome.PASS for r in own)
            seen[word] += 1
    assert len(seen) >= 4, seen


def test_every_failure_has_a_place_that_the_matrix_links_to(page: Element, mutated: list[Result]):
    links = {a.attributes["href"] for a in page.place("nodes").tags("a")}
    places = {"#" + e.attributes["id"] for e in page.of_class("failure")}
    assert links == places
    assert len(places) == len(listed(mutated)) > 3


def test_every_link_in_the_page_leads_somewhere(page: Element):
    ids = [e.attributes["id"] for e in page.all(lambda e: "id" in e.attributes)]
    assert [i for i, n in Counter(ids).items() if n > 1] == []
    for element in page.all(lambda e: True):
        for name in ("href", "for", "aria-labelledby"):
            target = element.attributes.get(name, "")
            if target and target != "data:,":
                assert target.removeprefix("#") in ids, (element.tag, target)
        for target in re.findall(r"url\(#([^)]*)\)", str(element.attributes)):
            assert target in ids


def test_a_plot_where_there_is_one_and_nowhere_else(page: Element, mutated: list[Result]):
    drawn = {
        (e.tags("h4")[0].text.split(maxsplit=1)[1], bool(e.tags("svg")))
        for e in page.of_class("failure")
    }
    assert drawn == {(r.case, r.plot is not None) for r in listed(mutated)}
    assert {d for _, d in drawn} == {True, False}


def test_a_failure_tells_its_departure(tmp_path: Path):
    first = Difference(7, "a/b.v", (0, 3), 0.25, math.nan, (1.5, -2.5), False, 1e-17, "rounding")
    explanation = Explanation(False, (1000, 4, 0, 0, 0, 0, 1), 3, 6, first)
    page, data, _ = written(tmp_path, [one(Outcome.FAIL, explanation=explanation)])
    (failure,) = page.of_class("failure")
    facts = dict(
        zip(
            [e.text for e in failure.tags("dt")],
            [e.text for e in failure.tags("dd")],
            strict=True,
        )
    )
    assert facts == {
        "step": "7",
        "node": "a/b.v",
        "index": "[0, 3]",
        "expected": "0.25",
        "found": "nan",
        "input of the node": "expected 1.5, found -2.5",
        "margin to the threshold": "1e-17",
        "cause": "rounding",
        "spikes on one side only": "3",
        "rounding may decide from step": "6",
    }
    (table,) = failure.tags("table")
    assert [e.text for e in table.tags("td")] == ["1,000", "4", "0", "0", "0", "0", "1"]
    assert [e.text for e in table.tags("th")][:2] == ["0", "1 to 3"]
    assert table.tags("th")[-1].text == "1,048,576 or more"
    heights = [
        float(b.attributes["style"].removeprefix("height:").removesuffix("rem"))
        for b in table.of_class("bar")
    ]
    assert heights[0] == max(heights) == 2
    assert [h > 0 for h in heights] == [True, True, False, False, False, False, True]
    assert data["results"][0]["explanation"]["first"]["found"] == "nan"
    assert data["ulp_bins"] == list(BINS)


@pytest.mark.parametrize(
    ("inputs", "same", "text"),
    [
        ((1.0, 1.0), True, "1.0, the same on both sides"),
        (None, True, "the same on both sides"),
        (None, False, "already differs or was not recorded"),
    ],
)
def test_the_input_of_the_departing_node(tmp_path: Path, inputs: Any, same: bool, text: str):
    first = Difference(0, "n", (), 0.0, 1.0, inputs, same, None, "meaning")
    explanation = Explanation(False, (0, 0, 0, 0, 0, 0, 1), 0, None, first)
    page, *_ = written(tmp_path, [one(Outcome.FAIL, explanation=explanation)])
    values = [e.text for e in page.tags("dd")]
    assert text in values
    assert "a scalar" in values


def test_reasons_stand_with_what_is_no_failure(page: Element, mutated: list[Result]):
    sections = {s.attributes["aria-labelledby"]: s.text for s in page.tags("section")}
    (known,) = (r for r in mutated if r.outcome is Outcome.XFAIL)
    assert known.case in sections["xfail"]
    assert "known: issue 12" in sections["xfail"]
    assert "no CubaLI here" in sections["unsupported"]
    assert sections["not-run"].count("no such library") == 1
    assert all(r.case in sections["not-run"] for r in mutated if r.outcome is Outcome.NOT_RUN)
    assert known.case not in " ".join(e.tags("h4")[0].text for e in page.of_class("failure"))


def test_the_slowest_cases_come_first(tmp_path: Path):
    results = [one(Outcome.PASS, case=f"c{i}", seconds=i / 10) for i in range(30)]
    page, *_ = written(tmp_path, results)
    (section,) = page.all(lambda e: e.attributes.get("aria-labelledby") == "slowest")
    names = [e.text for e in section.all(lambda e: e.attributes.get("scope") == "row")]
    assert names == [f"c{i}" for i in range(29, 29 - report_content.SLOWEST, -1)]


def test_nothing_at_all_is_a_page_too(tmp_path: Path):
    page, data, _ = written(tmp_path, [])
    assert data["results"] == []
    assert "No cases were run." in page.text


# What makes it accessible


def test_headers_have_scope_and_tables_scroll_by_themselves(page: Element):
    assert all(e.attributes.get("scope") in ("row", "col") for e in page.tags("th"))
    assert all(t.tags("caption") for t in page.tags("table"))
    scrolling = [t for e in page.of_class("scroll") for t in e.tags("table")]
    assert len(scrolling) == len(page.tags("table")) > 5
    for region in page.of_class("scroll"):
        assert region.attributes["aria-label"]
        assert region.attributes["tabindex"] == "0"
    assert page.tags("html")[0].attributes["lang"] == "en"
    assert all(e.attributes["aria-label"] for e in page.of_class("picture"))
    levels = [int(e.tag[1]) for e in page.tags("h1", "h2", "h3", "h4")]
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


# What it never holds

EVIL = """<script>alert("1")</script>'"><img src=x onerror=alert(1)>{{ 7 * 7 }} &amp; $x^2$"""


def test_names_and_messages_are_text(tmp_path: Path):
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


def test_control_codes_and_broken_text_are_spelled_out(tmp_path: Path):
    odd = one(Outcome.ERROR, case="a\x00\x1b[31m\ud800\u202e", message="line\nline\x07")
    page, data, text = written(tmp_path, [odd])
    assert page.tags("h4")[0].text.endswith(r"a\x00\x1b[31m\ud800\u202e")
    assert page.of_class("message")[0].text == "line\nline\\x07"
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", text)
    assert data["results"][0]["case"] == odd.case


def test_nothing_comes_from_elsewhere(tmp_path: Path, mutated: list[Result]):
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


def test_a_style_of_a_figure_does_not_leave_it(page: Element):
    assert len(page.tags("style")) == 1
    assert all(not s.tags("style", "metadata", "script") for s in page.tags("svg"))


# Plots


@pytest.mark.parametrize(
    ("expected", "found"),
    [
        ([0.0, 1.0, 0.0], [0.0, 0.0, 0.0]),
        ([1.0, 2.0, 3.0], [1.0, math.nan, math.nan]),
        ([math.inf, -math.inf, math.nan], [math.nan] * 3),
        ([1.7e308, -1.7e308, 0.0], [-1.7e308, 1.7e308, 1.0]),
        ([5e-324, 0.0, 5e-324], [0.0, 5e-324, 0.0]),
        ([1.0, 1.0, 1.0], [1.0, 1.0 + 2**-52, 1.0]),
        ([-0.0, 0.0, 0.0], [0.0, -0.0, 0.0]),
    ],
)
def test_any_numbers_can_be_drawn(expected: list[float], found: list[float]):
    svg = report_plot.draw(plotted(expected, found).plot, "p")
    assert svg.startswith("<svg viewBox=")
    assert "first divergence" in svg
    assert "#1f4e79" not in svg, "a colour that would not follow the page's scheme"


def test_one_step_can_be_drawn():
    assert "</svg>" in report_plot.draw(plotted([1.0], [2.0], step=0).plot, "p")


def test_the_mark_is_at_the_divergence():
    """It moves with the step, and stands between the axes' ends."""
    places = []
    for step in (2, 5):
        values = [float(i != step) for i in range(10)]
        svg = report_plot.draw(plotted([1.0] * 10, values, step).plot, "p")
        (mark,) = re.findall(r'<path d="M ([\d.]+)[^"]*"[^>]*stroke-dasharray[^>]*divergence', svg)
        places.append(float(mark))
    assert 60 < places[0] < places[1] < 460


def test_plots_are_the_same_each_time_and_ids_their_own():
    plot = plotted([1.0, 2.0], [1.0, 3.0]).plot
    assert report_plot.draw(plot, "a") == report_plot.draw(plot, "a")
    a, b = (set(re.findall(r' id="([^"]+)"', report_plot.draw(plot, x))) for x in "ab")
    assert a
    assert not a & b


def test_the_same_results_give_the_same_files(
    tmp_path: Path, mutated: list[Result], monkeypatch: pytest.MonkeyPatch
):
    class Frozen(report.datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return cls(2026, 1, 2, 3, 4, tzinfo=tz)

    monkeypatch.setattr(report, "datetime", Frozen)
    texts = [written(tmp_path / name, mutated[-30:])[2] for name in ("a", "b")]
    assert texts[0] == texts[1]
    assert "2026-01-02 03:04 UTC" in texts[0]


def test_without_matplotlib_the_page_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    page, *_ = written(tmp_path, [plotted([1.0, 2.0], [1.0, 3.0])])
    assert page.tags("svg") == []
    assert "matplotlib is not installed" in page.place("undrawn").text


# When it cannot be written


def test_without_jinja2_the_numbers_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(nirx.UnsupportedError, match=r'pip install "nirx\[report\]"'):
        check_report(tmp_path)
    with pytest.raises(nirx.UnsupportedError, match=r'pip install "nirx\[report\]"'):
        write_report(tmp_path, [one(Outcome.PASS)], "core")
    assert [p.name for p in tmp_path.iterdir()] == ["results.json"]


@pytest.mark.parametrize("place", ["file", "file/below", "nul\0"])
def test_a_directory_that_cannot_be_made(tmp_path: Path, place: str):
    (tmp_path / "file").write_text("mine")
    for attempt in (check_report, lambda path: write_report(path, [], "core")):
        with pytest.raises(nirx.FileError, match=re.escape(place.split("/")[0].strip("\0"))):
            attempt(tmp_path / place)
    assert (tmp_path / "file").read_text() == "mine"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("name", ["results.json", "report.html"])
def test_a_file_that_cannot_be_written_leaves_the_other_as_it_was(tmp_path: Path, name: str):
    (tmp_path / name).mkdir()
    with pytest.raises(nirx.FileError, match=re.escape(name)):
        write_report(tmp_path, [one(Outcome.PASS)], "core")
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_a_failure_halfway_leaves_the_old_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    write_report(tmp_path, [one(Outcome.PASS)], "core")
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    real = Path.write_text

    def full(self: Path, text: str, *args: Any, **options: Any) -> int:
        if text.startswith("<!DOCTYPE"):
            real(self, text[:100], *args, **options)
            raise OSError(28, "No space left on device")
        return real(self, text, *args, **options)

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(nirx.FileError, match="No space left"):
        write_report(tmp_path, [one(Outcome.FAIL)], "full")
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


def test_a_directory_is_made_with_its_parents_and_written_over(tmp_path: Path):
    folder = tmp_path / "a" / "b"
    write_report(folder, [one(Outcome.FAIL)], "core")
    page, data, _ = written(folder, [one(Outcome.PASS)], "recurrent")
    assert data["level"] == "recurrent"
    assert page.of_class("failure") == []
    assert sorted(p.name for p in folder.iterdir()) == ["report.html", "results.json"]


def test_cases_of_one_name_keep_places_of_their_own(tmp_path: Path):
    names = ["Case 1", "case-1", "case 1", "case 1--2", "case 1 name", "", "日本", "日本語"]
    page, *_ = written(tmp_path, [one(Outcome.ERROR, case=n) for n in names])
    places = [e.attributes["id"] for e in page.of_class("failure")]
    assert len(set(places)) == len(names)
    ids = [e.attributes["id"] for e in page.all(lambda e: "id" in e.attributes)]
    assert len(set(ids)) == len(ids)
