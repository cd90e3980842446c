"""Fixtures: one node run by the oracle; the report of a correct and a wrong backend."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import nir
import numpy as np
import pytest

import nirx
from nirx import Discretization
from nirx_conformance import oracle
from nirx_conformance.cases import ALL_CASES
from nirx_conformance.suite.judge import judge
from nirx_conformance.suite.outcome import Outcome, Result
from support.html_page import Element
from support.reports import SubtractingReset, written


@pytest.fixture
def run_node() -> Callable[..., oracle.OracleResult]:
    """`run_node(node, xs, **choices)`: in -> node -> out; xs is [time, *features], dt is 1."""

    def run(node: Any, xs: Any, **choices: Any) -> oracle.OracleResult:
        xs = np.asarray(xs, float)
        shape: Any = np.array(xs.shape[1:])
        nodes = {"in": nir.Input(shape), "node": node, "out": nir.Output(ANY)}
        graph = nir.NIRGraph(nodes, [("in", "node"), ("node", "out")], type_check=False)
        return oracle.run(graph, Discretization(**{"dt": 1.0, **choices}), xs)

    return run


@pytest.fixture(scope="session")
def mutated() -> list[Result]:
    """Results of a correct backend and a wrong one, with every outcome at least once."""
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


@pytest.fixture(scope="session")
def page(tmp_path_factory: pytest.TempPathFactory, mutated: list[Result]) -> Element:
    return written(tmp_path_factory.mktemp("report"), mutated)[0]


ANY: Any = None
"""An undeclared shape."""
