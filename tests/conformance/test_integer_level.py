"""The level `integers`: every backend against the oracle; what a wrong backend is told."""

from __future__ import annotations

from functools import cache
from types import SimpleNamespace

import numpy as np
import pytest

import nirx
from nirx.cli import main
from nirx.graphs.state import map_tree
from nirx_conformance.cases.integers import INTEGER_CASES
from nirx_conformance.suite.judge_integers import expect_integers, judge_integers
from nirx_conformance.suite.outcome import Outcome
from nirx_conformance.suite.random_graphs import integer_case_named
from nirx_conformance.suite.runner import Task, cases_of, known_names, level_tasks, run_task

NAMES = [case.name for case in INTEGER_CASES]
FUSED = "nirx.execution.numpy_backend:FUSED"
TORCH_FUSED = "nirx_torch.backend:FUSED"
ON_TORCH = ("wrap, symmetric: CubaLIF", "decay by shift: CubaLIF", "arithmetic of each node")
ON_KERNELS = ("saturate, full: LIF", "reset subtract next, wrap")
ON_JAX = "arithmetic of each node"


def outcome(name, backend):
    found = run_task(Task(name, backend, integers=True))
    return found.outcome, found.message


def failures(backend, names):
    every = {name: outcome(name, backend) for name in names}
    return {name: found for name, found in every.items() if found[0] is not Outcome.PASS}


@cache
def expected(name):
    return expect_integers(integer_case_named(name))


def test_every_case_on_numpy():
    backend = nirx.find_backend("numpy")
    for case in INTEGER_CASES:
        found = judge_integers(case, backend, expected(case.name))
        assert (found.outcome, found.message) == (Outcome.PASS, ""), case.name


@pytest.mark.parametrize("name", ON_TORCH)
def test_torch_gives_the_integers_of_the_oracle(name):
    assert outcome(name, "torch") == (Outcome.PASS, "")


@pytest.mark.slow
@pytest.mark.parametrize("backend", [FUSED, TORCH_FUSED])
def test_kernels_give_them_too(backend):
    assert failures(backend, ON_KERNELS) == {}


@pytest.mark.slow
def test_jax_gives_them_too():
    assert outcome(ON_JAX, "jax") == (Outcome.PASS, "")


@pytest.mark.exhaustive
@pytest.mark.parametrize("backend", ["torch", "jax", FUSED, TORCH_FUSED])
def test_every_case(backend):
    assert failures(backend, NAMES) == {}


def random(first, last):
    return [f"random {seed}" for seed in range(first, last)]


def test_random_graphs_on_numpy():
    assert failures("numpy", random(0, 8)) == {}


@pytest.mark.exhaustive
@pytest.mark.parametrize("backend", ["numpy", "torch", FUSED, TORCH_FUSED, "jax"])
@pytest.mark.parametrize("first", range(0, 1000, 100))
def test_1000_random_graphs(backend, first):
    assert failures(backend, random(first, first + 100)) == {}


def test_random_cases_differ_in_every_field_of_the_arithmetic():
    rules = [integer_case_named(name).discretization for name in random(0, 40)]
    found = [rule.arithmetic.to_dict() for rule in rules if rule.arithmetic]
    assert {name for name in found[0] if len({own[name] for own in found}) == 1} == set()


def changed(change, **more):
    """NumPy as a backend whose results are changed before they are returned."""

    def prepare(graph, discretization, dtype):
        run = nirx.find_backend("numpy").prepare(graph, discretization, dtype)
        return lambda *given: change(*given, run(*given))

    return SimpleNamespace(name="changed", prepare=prepare, **more)


def told(change, name="saturate, full: LIF", **more):
    found = judge_integers(integer_case_named(name), changed(change, **more))
    return found.outcome, found.message


def test_what_a_wrong_backend_is_told():
    assert told(lambda xs, state, record, found: found) == (Outcome.PASS, "")
    floats = told(lambda *given: map_tree(lambda a: a.astype("f8"), given[-1]))
    assert floats == (Outcome.FAIL, "values in float64; expected integers")
    off = told(lambda *given: map_tree(lambda a: a + 1, given[-1]))
    assert off[1].startswith("input[0, 0, 0]: ")
    assert "oracle" in off[1]
    missing = told(lambda xs, state, record, found: (*found[:2], {}))
    assert "recorded keys differ" in missing[1]
    outputs = told(lambda xs, state, record, found: (found[0] * 0, *found[1:]))
    assert outputs[1] == "output 'output' differs from the recording of its node"

    def write(xs, state, record, found):
        xs[...] = 0
        return found

    assert told(write)[1] == "the backend changed the input, state or graph it was given"


def test_a_backend_that_cannot_record_is_asked_for_outputs_only():
    def outputs(xs, state, record, found):
        assert record == ()
        return found[0], None, {}

    assert told(outputs, records="outputs") == (Outcome.PASS, "")
    wrong = told(lambda *given: (given[-1][0] + 1, None, {}), records="outputs")
    assert wrong[0] is Outcome.FAIL
    assert wrong[1].startswith("output[0, 0, 0]: ")


def test_a_backend_without_integers_is_unsupported():
    def prepare(*given):
        raise NotImplementedError("no integers here")

    backend = SimpleNamespace(name="floats", prepare=prepare)
    found = judge_integers(integer_case_named("scale"), backend)
    assert (found.outcome, found.message) == (Outcome.UNSUPPORTED, "no integers here")


def test_the_level_has_cases_of_its_own():
    assert len(NAMES) == len(set(NAMES))
    assert [c.name for c in cases_of("integers")] == NAMES == known_names("integers")
    assert level_tasks("integers", ["b"], ["n"]) == [Task("n", "b", integers=True)]


def test_every_node_type_has_a_case():
    from nirx_conformance.cases import ALL_CASES

    types = {t for case in INTEGER_CASES for t in case.types}
    assert types == {t for case in ALL_CASES for t in case.types}


def test_every_case_says_something():
    silent = [
        (case.name, name)
        for case in INTEGER_CASES
        for name, values in expected(case.name).result.outputs.items()
        if not np.any(values)
    ]
    assert silent == []


def test_the_command_line(tmp_path, capsys):
    given = ["conformance", "--level", "integers", "--case", "scale", "--backend", "numpy"]
    page = tmp_path / "page.md"
    assert main([*given, "--random", "2", "--page", str(page)]) == 0
    assert "<!-- begin integers -->" in page.read_text()
    assert main([*given, "--dtype", "float32"]) == 2
    assert "integers have no dtype" in capsys.readouterr().err
