"""The content of the report's page: what the template shows, as plain data."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from nirx_conformance.suite.explanation import BINS, Explanation
from nirx_conformance.suite.outcome import GOOD, Outcome, Result
from nirx_conformance.suite.table import good, matrix

__all__ = ["SLOWEST", "page_content"]

SLOWEST = 15
"""Rows of the table of times."""

UNTYPED = "(ports only, or unknown)"
"""The matrix row of cases without a node type, so that their failures show there too."""


def page_content(results: Sequence[Result], data: Mapping[str, Any]) -> dict[str, Any]:
    """The variables of the template.

    Arguments:
        data: the content of results.json.
    """
    anchors = _anchors(results)
    failures: dict[str, list[dict[str, Any]]] = {backend: [] for backend in data["backends"]}
    for position, anchor in anchors.items():
        result = results[position]
        failure = {"result": result, "anchor": anchor, "bins": _bins(result.explanation)}
        failures[result.backend].append(failure)
    return {
        "data": data,
        "outcomes": [str(o) for o in Outcome],
        "summary": [_summary(b, [r for r in results if r.backend == b]) for b in failures],
        "backends": list(failures),
        "rows": _rows(results, anchors),
        "failures": list(failures.items()),
        "expected": [r for r in results if r.outcome is Outcome.XFAIL],
        "without": {
            str(o): _by_reason(r for r in results if r.outcome is o)
            for o in (Outcome.UNSUPPORTED, Outcome.NOT_RUN)
        },
        "slowest": sorted(results, key=lambda r: -r.seconds)[:SLOWEST],
    }


def _anchors(results: Sequence[Result]) -> dict[int, str]:
    """Position of each failure in the results -> its id in the page."""
    found: dict[int, str] = {}
    taken: set[str] = set()
    for position, result in enumerate(results):
        if result.outcome in GOOD or result.outcome is Outcome.NOT_RUN:
            continue
        words = re.findall(r"[a-z0-9]+", f"{result.backend} {result.case}".lower())
        name = base = "at-" + "-".join(words)[:80]
        count = 1
        while name in taken:
            count += 1
            name = f"{base}--{count}"
        taken.add(name)
        found[position] = name
    return found


def _summary(backend: str, own: list[Result]) -> dict[str, Any]:
    count = {str(o): sum(r.outcome is o for r in own) for o in Outcome}
    but = [
        f"{count[kind]} {words}"
        for kind, words in (("xfail", "known to fail"), ("unsupported", "unsupported"))
        if count[kind]
    ]
    if count["not-run"] == len(own):
        colour, verdict = "not-run", "not run"
    elif not good(own):
        colour, verdict = "fail", "does not pass"
    elif but:
        colour, verdict = "xfail", f"passes, but {' and '.join(but)}"
    else:
        colour, verdict = "pass", "passes"
    return {
        "backend": backend,
        "colour": colour,
        "verdict": verdict,
        "count": count,
        "all": len(own),
        "seconds": sum(r.seconds for r in own),
    }


def _rows(results: Sequence[Result], anchors: Mapping[int, str]) -> list[dict[str, Any]]:
    """The matrix: one row per node type, one cell per backend, with links to its failures."""
    typed = [r if r.types else replace(r, types=(UNTYPED,)) for r in results]
    types, backends, cells = matrix(typed)
    links: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for position, anchor in anchors.items():
        result = typed[position]
        for kind in result.types:
            links.setdefault((kind, result.backend), []).append((anchor, result.case))
    rows = []
    for kind in sorted(types, key=UNTYPED.__eq__):  # the row without a type comes last
        row = []
        for backend in backends:
            outcome, passed, run = cells[kind, backend]
            own = links.get((kind, backend), [])
            row.append({"outcome": str(outcome), "passed": passed, "run": run, "links": own})
        rows.append({"type": kind, "cells": row})
    return rows


def _bins(explanation: Explanation | None) -> list[dict[str, Any]]:
    """The ULP histogram; logarithmic bars, so that one number in a million is still visible."""
    if explanation is None or not explanation.histogram:
        return []
    most = math.log1p(max(explanation.histogram)) or 1.0
    ends = [*BINS[1:], None]
    names = [
        f"{low:,} or more" if end is None else f"{low:,}" if end == low + 1 else
        f"{low:,} to {end - 1:,}"
        for low, end in zip(BINS, ends, strict=True)
    ]  # fmt: skip
    return [
        {"name": name, "count": count, "height": round(100 * math.log1p(count) / most)}
        for name, count in zip(names, explanation.histogram, strict=True)
    ]


def _by_reason(results: Iterable[Result]) -> list[tuple[str, str, list[str]]]:
    """(backend, reason, cases): a missing library is one reason shared by all cases."""
    found: dict[tuple[str, str], list[str]] = {}
    for result in results:
        found.setdefault((result.backend, result.message), []).append(result.case)
    return [(*key, cases) for key, cases in found.items()]
