"""Results of the conformance suite, and reports written from them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import nirx
from nirx_conformance.suite.outcome import Outcome, Result
from nirx_conformance.suite.report import write_report
from support.html_page import Element, parse

__all__ = ["SubtractingReset", "one", "plotted", "written"]


class SubtractingReset:
    """A backend that always resets by subtraction, and does not support CubaLI."""

    name = "some_package.backend:SubtractingReset"

    def prepare(self, graph: Any, discretization: nirx.Discretization, dtype: str) -> Any:
        if any(type(node).__name__ == "CubaLI" for node in graph.nodes.values()):
            raise nirx.UnsupportedError("no CubaLI here")
        wrong = replace(discretization, reset="subtract")
        return nirx.find_backend("numpy").prepare(graph, wrong, dtype)


def one(outcome: Outcome, **more: Any) -> Result:
    """One result of a case with a LIF."""
    return replace(Result("case", "b", outcome, ("LIF",), 0.1, "why"), **more)


def plotted(expected: list[float], found: list[float], step: int = 1) -> Result:
    """A failure with traces."""
    sides: dict[str, Any] = {"expected": expected, "found": found}
    return one(Outcome.FAIL, plot={"node": "n", "index": [0], "step": step, "from": 0, **sides})


def written(folder: Path, results: list[Result], level: str = "full") -> tuple[Element, Any, str]:
    """Write a report. Returns: the page, results.json, and the page's text."""
    write_report(folder, results, level)
    text = (folder / "report.html").read_text("utf-8")
    data = json.loads((folder / "results.json").read_text("utf-8"), parse_constant=pytest.fail)
    return parse(text), data, text
