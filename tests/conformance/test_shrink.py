"""A failing random graph is shrunk, and saved with a script that reproduces the failure."""

from __future__ import annotations

import inspect
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import nirx
from nirx.graphs.flatten import walk_graphs
from nirx_conformance.suite.judge import judge
from nirx_conformance.suite.outcome import Outcome
from nirx_conformance.suite.random_graphs import case_named
from nirx_conformance.suite.shrink import save_case, shrink


class Wrong:
    name = "wrong"

    def prepare(self, graph, discretization, dtype="float32", **options):
        start = "leak" if discretization.initial_v == "zero" else "zero"
        d = replace(discretization, initial_v=start)
        return nirx.find_backend("numpy").prepare(graph, d, dtype, **options)


def failing():
    for seed in range(100):
        case = case_named(f"random {seed}")
        if judge(case, Wrong()).outcome is Outcome.FAIL:
            return case
    raise AssertionError("the backend never fails")


def count(case):
    return sum(len(graph.nodes) for _, graph, _ in walk_graphs(case.graph))


@pytest.mark.exhaustive
@pytest.mark.filterwarnings("ignore::nirx.NirxWarning")
def test_a_failure_is_shrunk_and_can_be_reproduced(tmp_path):
    small = shrink(failing(), Wrong())
    assert judge(small, Wrong()).outcome is Outcome.FAIL
    assert count(small) <= 5  # input, a leaky neuron, output, not much more
    imports = "from dataclasses import replace\n\nimport nirx\n\n\n"
    (tmp_path / "wrong.py").write_text(imports + inspect.getsource(Wrong))
    folder = save_case(tmp_path, small, "wrong:Wrong")
    assert nirx.same_graph(nirx.read(folder / "graph.nir"), small.graph)
    shown = subprocess.run(
        [sys.executable, str(folder / "show.py")],
        env={"PYTHONPATH": str(tmp_path), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert shown.stdout.startswith("fail step "), shown.stderr


def test_a_case_that_passes_is_returned_unchanged(monkeypatch):
    monkeypatch.setattr("nirx_conformance.suite.shrink.EXAMPLES", 5)
    case = case_named("random 1")
    assert shrink(case, nirx.find_backend("numpy")) is case


def test_folder_names_are_safe(tmp_path):
    case = replace(case_named("random 1"), name="random ../../1")
    folder = save_case(tmp_path, case, "a.b:C")
    assert folder.parent == Path(tmp_path)
