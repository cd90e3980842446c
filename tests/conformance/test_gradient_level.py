"""The level `gradients`: torch and JAX against the oracle; what a wrong backend is told."""

from __future__ import annotations

from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import nirx
from nirx.cli import main
from nirx.graphs.state import map_tree
from nirx_conformance.cases.gradients import GRADIENT_CASES
from nirx_conformance.mutants.gradient_mutant import right
from nirx_conformance.oracle.gradients import Choice
from nirx_conformance.suite.judge_gradients import judge_gradients
from nirx_conformance.suite.outcome import Outcome
from nirx_conformance.suite.random_graphs import gradient_case_named
from nirx_conformance.suite.runner import Task, cases_of, known_names, level_tasks, run_task
from nirx_torch.backend import BACKEND as TORCH
from nirx_torch.surrogate import with_surrogate

NAMES = [case.name for case in GRADIENT_CASES]
FUSED = "nirx_torch.backend:FUSED"
QUICK = (
    *("neuron IF", "neuron CubaLIF", "choice everything-at-once", "gain of Euler CubaLIF"),
    *("surrogate superspike: LIF", "surrogate formula: CubaLIF", "surrogate triangular: Threshold"),
    *("surrogate multi_gaussian: LIF", "surrogates in metadata and by pattern"),
    *("attached value next", "detached subtract", "detached counts to value"),
    *("feedback recurrent Affine with bias", "feedback a ring in a ring", "delay in a ring"),
    *("nested cycle through two subgraphs", "state of a nested graph", "modules called twice"),
    *("conv2d and pools", "fan-in of a doubled edge", "parameters of CubaLIF, a column"),
)


def outcome(name, backend):
    found = run_task(Task(name, backend, gradients=True))
    return found.outcome, found.message


@pytest.mark.parametrize("name", QUICK)
@pytest.mark.sampled(3)
def test_torch_has_the_gradients_of_the_oracle(name):
    assert outcome(name, "torch") == (Outcome.PASS, "")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "backend"),
    [
        ("surrogates by pattern", "jax"),
        ("feedback two neurons", FUSED),
        ("parameters of a signal without axes", FUSED),
    ],
)
def test_jax_and_kernels_have_them_too(name, backend):
    assert outcome(name, backend) == (Outcome.PASS, "")


@pytest.mark.exhaustive
@pytest.mark.parametrize("backend", ["torch", "jax", FUSED])
def test_every_case(backend):
    wrong = {name: outcome(name, backend) for name in NAMES}
    assert {n: found for n, found in wrong.items() if found[0] is not Outcome.PASS} == {}


def failures(backend, seeds):
    every = {seed: outcome(f"random {seed}", backend) for seed in seeds}
    return {seed: found for seed, found in every.items() if found[0] is not Outcome.PASS}


def test_random_graphs_on_torch():
    assert failures("torch", range(5)) == {}


@pytest.mark.exhaustive
@pytest.mark.parametrize("backend", ["torch", "jax"])
@pytest.mark.parametrize("first", range(0, 500, 50))
def test_500_random_graphs(backend, first):
    assert failures(backend, range(first, first + 50)) == {}


def test_random_cases_differ_in_surrogate_reset_and_start():
    cases = [gradient_case_named(f"random {seed}") for seed in range(12)]
    assert len({case.surrogate for case in cases}) == 5
    assert len({case.detach_reset for case in cases}) == 2
    assert len({case.case.warmup is None for case in cases}) == 2


def test_a_backend_without_gradients_does_not_pass():
    assert outcome("neuron LIF", "numpy") == (
        Outcome.UNSUPPORTED,
        "no gradients: the backend has no prepare_gradients",
    )


def changed(change, **more):
    """The oracle as a backend whose gradients are changed before they are returned."""

    def prepare(graph, discretization, dtype, surrogate, detach_reset):
        run = right(graph, discretization, Choice(surrogate, detach_reset))
        return lambda *given: change(*given, run(*given))

    return SimpleNamespace(name="changed", prepare_gradients=prepare, **more)


def told(change, name="neuron LI", **more):
    found = judge_gradients(gradient_case_named(name), changed(change, **more))
    return found.outcome, found.message


def test_what_a_wrong_backend_is_told():
    def nan(xs, weights, state, found):
        return map_tree(lambda a: a * np.nan, found)

    assert told(nan)[0] is Outcome.FAIL
    outcome, message = told(lambda xs, weights, state, found: map_tree(lambda a: 1.1 * a, found))
    assert outcome is Outcome.FAIL
    assert message.startswith("gradient of parameter 'n0.tau' is off by ")
    assert "bound 1e-10" in message
    shorter = told(lambda xs, weights, state, found: map_tree(lambda a: a[:1], found))
    assert "has shape (1,); expected (5,)" in shorter[1]
    single = told(lambda *given: map_tree(lambda a: a.astype("f4"), given[-1]))
    assert single[1] == "gradient of parameter 'n0.tau' is float32, float64 was requested"
    missing = told(lambda *given: ({}, *given[-1][1:]))
    assert missing[1] == "gradients of parameters: n0.r, n0.tau, n0.v_leak missing or unknown"
    assert "three parts" in told(lambda *given: given[-1][:2])[1]
    assert "three parts" in told(lambda *given: None)[1]


def test_a_gradient_of_zero_has_to_be_zero():
    def added(xs, weights, state, found):
        return ({k: v + 1e-30 for k, v in found[0].items()}, *found[1:])

    assert told(lambda *given: given[-1], "attached subtract")[0] is Outcome.PASS
    assert "'n0.v_reset' is off by" in told(added, "attached subtract")[1]


def test_a_backend_may_not_write_to_what_it_is_given():
    def write(xs, weights, state, found):
        xs[...] = 0
        return found

    assert told(write)[1] == "the backend changed the input, state or graph it was given"


def test_a_backend_that_cannot_record_is_asked_for_outputs_only():
    seen = []

    def look(xs, weights, state, found):
        seen.append(weights[2])
        return found

    assert told(look, records="outputs")[0] is Outcome.PASS
    assert seen == [None]


def test_unsupported_and_errors_are_told_apart():
    def prepare(*given, **options):
        raise NotImplementedError("no LIF here")

    backend = SimpleNamespace(name="partial", prepare_gradients=prepare)
    found = judge_gradients(gradient_case_named("neuron LI"), backend)
    assert (found.outcome, found.message) == (Outcome.UNSUPPORTED, "no LIF here")
    broken = told(lambda *given: 1 / 0)
    assert broken[0] is Outcome.ERROR


def no_gradient_of_the_mask(mask, a, b):
    return torch.where(mask != 0, a, b)


def surrogate_of_v(spikes, v, threshold, surrogate):
    return with_surrogate(spikes, v, 0 * threshold, surrogate)


@pytest.mark.parametrize(
    ("place", "fault"), [("select", no_gradient_of_the_mask), ("with_surrogate", surrogate_of_v)]
)
def test_a_fault_in_torchs_own_operations_is_found(place, fault, monkeypatch):
    prepare = partial(TORCH.prepare_gradients, execution="plain")
    backend, case = SimpleNamespace(name="torch", prepare_gradients=prepare), "attached value"
    assert judge_gradients(gradient_case_named(case), backend).outcome is Outcome.PASS
    monkeypatch.setattr(f"nirx_torch.ops.{place}", fault)
    assert judge_gradients(gradient_case_named(case), backend).outcome is Outcome.FAIL


def test_the_level_has_cases_of_its_own():
    assert len(NAMES) == len(set(NAMES))
    assert [c.name for c in cases_of("gradients")] == NAMES == known_names("gradients")
    assert {c.name for c in cases_of("gradients", ["detached "])} == {
        n for n in NAMES if n.startswith("detached ")
    }
    with pytest.raises(nirx.InputError, match="no case name begins with 'ties'"):
        cases_of("gradients", ["ties"])
    assert level_tasks("gradients", ["b"], ["n"]) == [Task("n", "b", gradients=True)]


def test_every_node_type_has_a_case():
    from nirx_conformance.cases import ALL_CASES

    types = {t for case in GRADIENT_CASES for t in case.types}
    assert types == {t for case in ALL_CASES for t in case.types}


def test_the_command_line(tmp_path, capsys):
    given = ["conformance", "--level", "gradients", "--case", "neuron LI"]
    page = tmp_path / "page.md"
    assert main([*given, "--backend", "numpy", "--backend", "torch", "--page", str(page)]) == 0
    text = page.read_text()
    assert "| LIF | unsupported 0/1 | pass 1/1 |" in text
    assert "<!-- begin gradients -->" in text
    assert main([*given, "--backend", "numpy"]) == 1
    assert "no gradients" in capsys.readouterr().out
    assert main([*given, "--backend", "torch", "--dtype", "float32"]) == 2
    assert "float64 only" in capsys.readouterr().err
