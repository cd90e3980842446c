"""The runner, xfail files and tables."""

from __future__ import annotations

import pytest

import nirx
from nirx.cli import main
from nirx_conformance.cases import ALL_CASES
from nirx_conformance.suite.outcome import Outcome, Result
from nirx_conformance.suite.random_graphs import case_named
from nirx_conformance.suite.runner import Task, cases_of, run_task, run_tasks
from nirx_conformance.suite.table import matrix, payload
from nirx_conformance.suite.xfail import read_xfail

NAMES = [c.name for c in ALL_CASES]


def result(outcome, case="neuron LIF", types=("LIF",), backend="b"):
    return Result(case, backend, outcome, types)


def test_each_level_includes_the_one_before():
    core, recurrent, full = (cases_of(level) for level in ("core", "recurrent", "full"))
    assert {c.name for c in core} < {c.name for c in recurrent} <= {c.name for c in full}
    assert len(cases_of("reproducible")) == len(full) == len(ALL_CASES)
    assert cases_of("full", ["neuron "]) == [c for c in full if c.name.startswith("neuron ")]


@pytest.mark.parametrize(("level", "wanted"), [("best", None), ("full", ["nothing of the kind"])])
def test_unknown_levels_and_names_are_refused(level, wanted):
    with pytest.raises(nirx.InputError):
        cases_of(level, wanted)


def test_a_passing_task():
    found = run_task(Task("neuron LIF", "numpy"))
    assert found.outcome is Outcome.PASS
    assert found.types == ("LIF",)
    assert found.explanation is not None
    assert found.explanation.spike_mismatches == 0


def test_a_task_may_compare_bits():
    assert run_task(Task("neuron LIF", "numpy", "float32", bits=True)).outcome is Outcome.PASS


def test_a_backend_whose_library_is_missing_is_not_run(monkeypatch):
    def missing(name):
        raise nirx.UnsupportedError("no such library")

    monkeypatch.setattr(nirx, "find_backend", missing)
    assert run_task(Task("neuron LIF", "torch")).outcome is Outcome.NOT_RUN


@pytest.mark.slow
def test_the_number_of_processes_changes_nothing():
    tasks = [Task(c.name, "numpy") for c in cases_of("core")[:6]]
    one, two = run_tasks(tasks, 1), run_tasks(tasks, 2)
    assert [(r.case, r.outcome, r.explanation) for r in one] == [
        (r.case, r.outcome, r.explanation) for r in two
    ]


def test_a_random_graph_can_be_run_as_a_case():
    assert run_task(Task("random 3", "numpy")).outcome is Outcome.PASS
    assert case_named("random 3").name == "random 3"
    with pytest.raises(nirx.InputError, match="no case"):
        case_named("random three")


def test_a_node_passes_when_all_its_cases_do():
    results = [result(Outcome.PASS), result(Outcome.FAIL, "other", ("LIF", "Affine"))]
    _, _, cells = matrix(results)
    assert cells["LIF", "b"] == (Outcome.FAIL, 1, 2)
    assert cells["Affine", "b"] == (Outcome.FAIL, 0, 1)
    found = payload(results, "full")
    assert found["nodes"]["LIF"] == {"b": "fail"}
    assert found["backends"] == {"b": {"fail": 1, "pass": 1}}


def test_xfail_files(tmp_path):
    path = tmp_path / "xfail.toml"
    path.write_text('[xfail]\n"neuron LIF" = "issue 1"\n')
    assert read_xfail(path, NAMES) == {"neuron LIF": "issue 1"}
    path.write_text('[xfail]\n"neuron LIFF" = "issue 1"\n')
    with pytest.raises(nirx.InputError, match="did you mean 'neuron LIF'"):
        read_xfail(path, NAMES)
    for text in ("[xfail", "[other]\n", '[xfail]\n"neuron LIF" = ""\n', "", "[xfail]\na = 1\n"):
        path.write_text(text)
        with pytest.raises(nirx.FileError, match=r"xfail\.toml"):
            read_xfail(path, NAMES)
    with pytest.raises(nirx.FileError):
        read_xfail(tmp_path / "absent.toml", NAMES)


def test_the_command_line(capsys):
    assert main(["conformance", "--backend", "numpy", "--case", "neuron ", "--random", "2"]) == 0
    out = capsys.readouterr().out
    assert "LIF" in out
    assert "pass" in out


@pytest.mark.parametrize(
    "arguments",
    [
        ["--backend", "nunpy"],
        ["--level", "best"],
        ["--dtype", "float16"],
        ["--jobs", "0"],
        ["--case", "no such case"],
        ["--xfail", "/no/such/file"],
    ],
)
def test_bad_input_is_one_line_and_status_2(arguments, capsys):
    assert main(["conformance", "--case", "neuron LIF", *arguments]) == 2
    assert capsys.readouterr().err.startswith("nirx: error: ")
