"""Every mutant is killed by the case meant to kill it; the unmutated backend passes that case."""

import dataclasses
import functools
import types

import nir
import numpy as np
import pytest

import nirx
from nirx.execution.numpy_backend import BACKEND
from nirx_conformance.cases import ALL_CASES
from nirx_conformance.cases.case import chain, neuron, uniform
from nirx_conformance.mutants import ALL_MUTANTS, KILLED_BY, MUTANTS, kill_table, try_case
from nirx_conformance.mutants.__main__ import main, markdown
from nirx_conformance.mutants.equations import fused
from nirx_conformance.mutants.killing import KILLED, Kills
from nirx_conformance.suite.expected import expect
from nirx_conformance.suite.outcome import Outcome
from nirx_conformance.suite.random_graphs import case_named

KILLERS = sorted(set(KILLED_BY.values()), key=lambda kill: (kill.case, kill.by))


@functools.cache
def expected(name):
    return expect(case_named(name))


def outcome(backend, kill):
    known = expected(kill.case) if kill.by == "values" else None
    return try_case(backend, case_named(kill.case), kill.by, known)


def test_every_mutant_has_its_case():
    assert list(KILLED_BY) == list(MUTANTS)
    assert len(MUTANTS) >= 34
    assert len(MUTANTS) == len(ALL_MUTANTS)  # no name twice
    known = {case.name for case in ALL_CASES}
    assert not [kill.case for kill in KILLERS if kill.case not in known]


@pytest.mark.parametrize("name", KILLED_BY)
@pytest.mark.sampled(4)
def test_the_mutant_is_killed(name):
    found = outcome(MUTANTS[name], KILLED_BY[name])
    assert found.outcome in KILLED
    # Not an error: that could be a mistake in the mutant's own code.
    assert found.outcome is Outcome.FAIL, found.message


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", KILLED_BY)
def test_the_mutant_is_killed_in_kernels_too(name):
    fused = functools.partial(MUTANTS[name].prepare, execution="fused")
    backend = types.SimpleNamespace(name=name, prepare=fused)
    found = outcome(backend, KILLED_BY[name])
    assert found.outcome is Outcome.FAIL, found.message


@pytest.mark.parametrize("kill", KILLERS, ids=lambda k: f"{k.case}, {k.by}")
def test_the_unmutated_backend_passes(kill):
    found = outcome(BACKEND, kill)
    assert (found.outcome, found.message) == (Outcome.PASS, "")


def test_no_case_kills_a_correct_backend():
    backend = types.SimpleNamespace(
        name="numpy", sentence="nothing is wrong", prepare=BACKEND.prepare
    )
    cases = [case_named(name) for name in ("neuron LIF", "linear", "delay in a ring")]
    table = kill_table(cases, [backend, MUTANTS["output of zeros"], MUTANTS["reset to zero"]])
    assert table["numpy"] == Kills("numpy", "nothing is wrong", (), ())
    assert table["output of zeros"].bits == ("neuron LIF", "linear", "delay in a ring")
    assert table["reset to zero"].values == ("neuron LIF", "delay in a ring")
    lines = markdown(table).splitlines()
    assert len(lines) == 5
    assert {line.count("|") for line in lines} == {7}


def test_a_case_that_kills_everything_is_refused():
    case = dataclasses.replace(case_named("neuron LI"), inputs=2.0 * case_named("neuron LI").inputs)
    with pytest.raises(nirx.InputError, match="does not pass 'neuron LI' by its bits: fail"):
        kill_table([case], [MUTANTS["reset to zero"]])


def test_the_command_prints_the_table_and_the_survivors(monkeypatch, capsys):
    from nirx_conformance.mutants import __main__ as command

    monkeypatch.setattr(command, "ALL_CASES", (case_named("neuron LI"),))
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["--mutant", "leak dropped"]) == 0
    assert "neuron LI" in capsys.readouterr().out
    assert main(["--mutant", "leak dropped", "--mutant", "kernel flipped", "--markdown"]) == 1
    printed = capsys.readouterr()
    row = "| leak dropped | v_leak is taken as 0. | 1 | neuron LI | 1 | neuron LI |"
    assert row in printed.out.splitlines()
    assert "alive: kernel flipped" in printed.err


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_has_a_sentence_and_leaves_the_graph_alone(name):
    mutant = MUTANTS[name]
    assert mutant.name == name
    assert mutant.sentence.endswith(".")
    assert len(mutant.sentence) < 110
    weight, lif = uniform(1, 3, 3), neuron(nir.CubaLIF, 2, 3)
    kept = [array.copy() for array in (weight, *_arrays(lif))]
    graph = chain((3,), (3,), nir.Affine(weight, np.ones(3)), lif, nir.Delay(np.full(3, 2e-3)))
    edges = list(graph.edges)
    run = mutant.prepare(graph, nirx.Discretization(dt=1e-3), "float64")
    run(uniform(3, 4, 2, 3))
    now = (*_arrays(graph.nodes["n0"])[:1], *_arrays(graph.nodes["n1"]))
    assert all(np.array_equal(a, b) for a, b in zip(now, kept, strict=True))
    assert graph.edges == edges


def _arrays(node):
    return [value for value in vars(node).values() if isinstance(value, np.ndarray)]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_fused_product_is_rounded_once(dtype):
    from fractions import Fraction

    a, b, c = (uniform(seed, 300).astype(dtype) for seed in (11, 12, 13))
    exact = [
        Fraction(float(x)) * Fraction(float(y)) + Fraction(float(z))
        for x, y, z in zip(a, b, c, strict=True)
    ]

    def error(found):
        return [abs(Fraction(float(y)) - e) for y, e in zip(found, exact, strict=True)]

    once = fused(a, b, c)
    assert once.dtype == dtype
    half = [Fraction(float(s)) / 2 for s in np.spacing(np.abs(once))]
    assert all(e <= h for e, h in zip(error(once), half, strict=True))
    assert any(e > h for e, h in zip(error(a * b + c), half, strict=True))
