"""The report's page: what it shows, and that it is accessible."""

from __future__ import annotations

import math
import re
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import nirx
from nirx_conformance.suite import report, report_content
from nirx_conformance.suite.explanation import BINS, Difference, Explanation
from nirx_conformance.suite.outcome import GOOD, Outcome, Result
from support.html_page import Element
from support.reports import one, written


def listed(results: list[Result]) -> list[Result]:
    return [r for r in results if r.outcome not in GOOD | {Outcome.NOT_RUN}]


@pytest.mark.slow
def test_the_header_names_level_versions_and_date(page: Element):
    (title,) = page.tags("title")
    assert title.text == "nirx conformance, level full"
    (header,) = page.tags("header")
    assert f"Semantics version {nirx.SEMANTICS_VERSION};" in header.text
    assert f"nirx {nirx.__version__}" in header.text
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", header.tags("time")[0].text)


@pytest.mark.slow
def test_page_and_json_have_the_same_counts(tmp_path: Path, mutated: list[Result]):
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


def test_the_matrix_links_to_every_failure(page: Element, mutated: list[Result]):
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


def test_failures_with_traces_have_a_plot(page: Element, mutated: list[Result]):
    drawn = {
        (e.tags("h4")[0].text.split(maxsplit=1)[1], bool(e.tags("svg")))
        for e in page.of_class("failure")
    }
    assert drawn == {(r.case, r.plot is not None) for r in listed(mutated)}
    assert {d for _, d in drawn} == {True, False}


def test_a_failure_shows_where_it_first_diverges(tmp_path: Path):
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
def test_a_failure_shows_the_input_of_its_node(tmp_path: Path, inputs: Any, same: bool, text: str):
    first = Difference(0, "n", (), 0.0, 1.0, inputs, same, None, "meaning")
    explanation = Explanation(False, (0, 0, 0, 0, 0, 0, 1), 0, None, first)
    page, *_ = written(tmp_path, [one(Outcome.FAIL, explanation=explanation)])
    values = [e.text for e in page.tags("dd")]
    assert text in values
    assert "a scalar" in values


def test_expected_failures_and_cases_not_run_have_their_reasons(
    page: Element, mutated: list[Result]
):
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


def test_a_run_without_cases_has_a_page(tmp_path: Path):
    page, data, _ = written(tmp_path, [])
    assert data["results"] == []
    assert "No cases were run." in page.text


# What makes it accessible


def test_headers_have_a_scope_and_only_tables_scroll(page: Element):
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


@pytest.mark.slow
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


def test_cases_with_similar_names_have_different_ids(tmp_path: Path):
    names = ["Case 1", "case-1", "case 1", "case 1--2", "case 1 name", "", "日本", "日本語"]
    page, *_ = written(tmp_path, [one(Outcome.ERROR, case=n) for n in names])
    places = [e.attributes["id"] for e in page.of_class("failure")]
    assert len(set(places)) == len(names)
    ids = [e.attributes["id"] for e in page.all(lambda e: "id" in e.attributes)]
    assert len(set(ids)) == len(ids)
