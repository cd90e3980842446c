"""The level `neurons`: what the libraries recorded, on every backend; mutants of tracing."""

import json

import numpy as np
import pytest

import nirx
from nirx.cli import main
from nirx.execution.numpy_backend import BACKEND
from nirx_conformance.mutants import (
    GRADIENT_MUTANTS,
    INTEGER_MUTANTS,
    MUTANTS,
    NEURON_MUTANTS,
    NEURONS_KILLED_BY,
    neuron_kill_table,
)
from nirx_conformance.mutants.neuron_killing import ALL_NEURON_MUTANTS, try_neuron
from nirx_conformance.recorded import RECORDED_CASES
from nirx_conformance.suite.judge_neurons import judge_neurons
from nirx_conformance.suite.outcome import Outcome
from nirx_conformance.suite.random_graphs import neuron_case_named
from nirx_conformance.suite.runner import Task, cases_of, known_names, run_task

NAMES = [case.name for case in RECORDED_CASES]
QUICK = ("norse LIFAdExRefracCell", "torch AdaptiveLIF, by hand")


def failures(backend, names):
    found = {name: run_task(Task(name, backend, neurons=True)) for name in names}
    return {n: (f.outcome, f.message) for n, f in found.items() if f.outcome is not Outcome.PASS}


@pytest.mark.parametrize("backend", ["numpy", "torch"])
def test_every_neuron_is_what_its_library_computes(backend):
    assert len(NAMES) >= 40
    assert failures(backend, NAMES) == {}


def test_some_on_jax():
    assert failures("jax", QUICK) == {}


@pytest.mark.exhaustive
def test_all_on_jax():
    assert failures("jax", NAMES) == {}


def test_records_are_active_and_of_several_libraries():
    libraries = {case.about["library"] for case in RECORDED_CASES}
    assert libraries == {"norse", "snntorch", "spikingjelly", "torch"}
    for case in RECORDED_CASES:
        assert np.count_nonzero(case.outputs) > 5, case.name
        assert all(np.ptp(case.states[name]) > 0 for name in list(case.states)[:1]), case.name


def test_every_mutant_has_its_case_and_a_name_of_its_own():
    assert list(NEURONS_KILLED_BY) == list(NEURON_MUTANTS)
    assert len(NEURON_MUTANTS) == len(ALL_NEURON_MUTANTS)
    assert not set(NEURON_MUTANTS) & {*MUTANTS, *GRADIENT_MUTANTS, *INTEGER_MUTANTS}


@pytest.mark.parametrize("name", NEURONS_KILLED_BY)
def test_the_mutant_is_killed(name):
    mutant, case = NEURON_MUTANTS[name], neuron_case_named(NEURONS_KILLED_BY[name])
    assert try_neuron(BACKEND, case).outcome is Outcome.PASS
    found = try_neuron(mutant, case)
    # Not an error: that could be a mistake in the mutant's own code.
    assert found.outcome is Outcome.FAIL, found.message
    assert mutant.sentence.endswith(".")


def test_the_table_of_kills():
    case = neuron_case_named("torch AdaptiveLIF, by hand")
    table = neuron_kill_table([case], [NEURON_MUTANTS["parameter of the first neuron"]])
    assert table["parameter of the first neuron"].values == (case.name,)


def test_a_wrong_backend_is_told_the_first_step():
    case = neuron_case_named("norse LSNNCell")

    class Late:
        name = "late"

        def prepare(self, *given, **options):
            run = BACKEND.prepare(*given, **options)

            def late(*inputs):
                outputs, state, recorded = run(*inputs)
                return np.roll(outputs, 1, axis=0), state, recorded

            return late

    found = judge_neurons(case, Late())
    assert found.outcome is Outcome.FAIL
    assert found.message.startswith("'output' is ")
    assert "the library has" in found.message


def test_the_command_runs_the_level(capsys):
    level = ["conformance", "--level", "neurons"]
    assert main([*level, "--case", "norse LSNN", "--backend", "numpy", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["level"] == "neurons"
    assert main([*level, "--random", "3"]) == 2
    assert "recorded cases only" in capsys.readouterr().err


def test_names():
    assert [c.name for c in cases_of("neurons")] == NAMES == known_names("neurons")
    with pytest.raises(nirx.InputError, match="recorded cases only"):
        neuron_case_named("random 3")
