"""The judge: the outcome of each behaviour of a backend."""

import dataclasses

import nir
import numpy as np
import pytest

import nirx
from nirx.execution.numpy_backend import BACKEND
from nirx.graphs.state import map_tree
from nirx_conformance.cases.case import FixedCase, chain, neuron, spikes, uniform
from nirx_conformance.mutants import MUTANTS
from nirx_conformance.suite import judge as judge_module
from nirx_conformance.suite.expected import expect
from nirx_conformance.suite.judge import judge, judge_bits
from nirx_conformance.suite.outcome import Outcome
from nirx_conformance.suite.random_graphs import case_named

D = nirx.Discretization(dt=1e-3)
CASE = FixedCase(
    "a chain from a state",
    chain((3,), (2,), nir.Linear(uniform(1, 2, 3)), neuron(nir.LIF, 2, 2, r=30.0)),
    uniform(3, 20, 2, 3),
    D,
    warmup=uniform(4, 5, 2, 3),
)
FRESH = dataclasses.replace(CASE, warmup=None, name="a chain")
EXACT = FixedCase(
    "no sum of products",
    chain((2,), (2,), nir.Scale(uniform(6, 2)), neuron(nir.LIF, 2, 2, r=30.0)),
    uniform(7, 20, 2, 2),
    D,
)
"""NumPy gives the oracle's bits."""
PORTS = case_named("ports of a subgraph")
AT_THRESHOLD = MUTANTS["spike at the threshold"]


class Altered:
    """The NumPy backend, with its results changed."""

    name = "altered"

    def __init__(self, change=lambda *found: found):
        self.change = change

    def prepare(self, graph, discretization, dtype, **options):
        run = BACKEND.prepare(graph, discretization, dtype, **options)
        return lambda inputs, state=None, record=(): self.change(*run(inputs, state, record))


class Raising:
    """A backend that raises in `prepare` or in its run."""

    name = "raising"

    def __init__(self, error, where):
        self.error, self.where = error, where

    def prepare(self, graph, discretization, dtype, **options):
        if self.where == "prepare":
            raise self.error

        def run(inputs, state=None, record=()):
            raise self.error

        return run


TIE = FixedCase(
    "tie",
    chain((1,), (1,), nir.IF(np.array([1000.0]), np.array([1.0]), np.array([0.0]))),
    0.25 * np.ones((10, 1, 1)),
    D,
)


def with_recordings(change):
    return Altered(lambda outputs, state, recordings: (outputs, state, change(dict(recordings))))


@pytest.mark.parametrize("case", [CASE, FRESH], ids=lambda c: c.name)
@pytest.mark.parametrize("dtype", [None, "float32", "float64"])
def test_a_correct_backend_passes(case, dtype):
    found = judge(case, Altered(), dtype)
    assert (found.outcome, found.message) == (Outcome.PASS, "")
    assert (found.case, found.backend, found.types) == (case.name, "altered", ("LIF", "Linear"))
    assert found.explanation is not None
    assert found.explanation.spike_mismatches == 0
    assert found.seconds > 0


def test_the_expectation_may_be_passed_in():
    other = expect(dataclasses.replace(FRESH, inputs=2.0 * FRESH.inputs))
    assert judge(FRESH, BACKEND, expected=expect(FRESH)).outcome is Outcome.PASS
    assert judge(FRESH, BACKEND, expected=other).outcome is Outcome.FAIL


@pytest.mark.parametrize("error", [nirx.UnsupportedError("no LIF"), NotImplementedError("no LIF")])
def test_prepare_may_declare_a_case_unsupported(error):
    found = judge(CASE, Raising(error, "prepare"))
    assert (found.outcome, found.message) == (Outcome.UNSUPPORTED, "no LIF")


def test_a_run_may_declare_it_only_by_nirxs_own_error():
    found = judge(CASE, Raising(nirx.UnsupportedError("no LIF"), "run"))
    assert (found.outcome, found.message) == (Outcome.UNSUPPORTED, "no LIF")
    found = judge(CASE, Raising(NotImplementedError("no LIF"), "run"))
    assert found.outcome is Outcome.ERROR
    assert found.message.startswith("NotImplementedError: no LIF (")
    assert "test_judge.py:" in found.message


@pytest.mark.parametrize("where", ["prepare", "run"])
@pytest.mark.parametrize("error", [ValueError("boom"), TypeError("boom"), nirx.InputError("boom")])
def test_any_other_exception_is_an_error(error, where):
    found = judge(CASE, Raising(error, where))
    assert found.outcome is Outcome.ERROR
    assert found.message.startswith(f"{type(error).__name__}: boom (")


def test_a_run_that_does_not_return_three_things_is_an_error():
    assert judge(CASE, Altered(lambda outputs, *_: outputs)).outcome is Outcome.ERROR
    assert judge(CASE, with_recordings(lambda _: None)).outcome is Outcome.ERROR


def test_missing_unknown_and_misshapen_recordings_fail():
    def missing(recordings):
        del recordings["n1.v"]
        return recordings

    found = judge(CASE, with_recordings(missing))
    assert (found.outcome, found.message) == (Outcome.FAIL, "recorded keys differ: n1.v")
    found = judge(CASE, with_recordings(lambda r: {**r, "other": r["n1"]}))
    assert (found.outcome, found.message) == (Outcome.FAIL, "recorded keys differ: other")
    found = judge(CASE, with_recordings(lambda r: {**r, "n1": r["n1"][1:]}))
    assert found.outcome is Outcome.FAIL
    assert found.message == "n1 has shape (19, 2, 2); expected (20, 2, 2)"


def _changed(recordings, by=0.5):
    recordings["n0"] = recordings["n0"].copy()
    recordings["n0"][7, 1, 0] += by
    return recordings


def test_a_wrong_number_fails_and_is_explained_and_drawn():
    found = judge(EXACT, with_recordings(_changed))
    assert found.outcome is Outcome.FAIL
    assert found.explanation is not None
    first = found.explanation.first
    assert first is not None
    assert (first.step, first.node, first.index) == (7, "n0", (1, 0))
    assert found.message == str(first)
    drawn = found.plot
    assert drawn is not None
    assert (drawn["node"], drawn["index"], drawn["step"], drawn["from"]) == ("n0", [1, 0], 7, 0)
    assert len(drawn["expected"]) == len(drawn["found"]) == 20
    assert drawn["found"][7] == drawn["expected"][7] + 0.5


def test_a_failure_is_not_explained_by_an_earlier_rounding_difference():
    def change(recordings):
        recordings["n0"][0, 0, 0] = np.nextafter(recordings["n0"][0, 0, 0], np.inf)
        return _changed(recordings)

    found = judge(EXACT, with_recordings(change))
    assert found.outcome is Outcome.FAIL
    assert "step 7, n0[1, 0]" in found.message
    assert "meaning" in found.message


def test_an_output_has_to_equal_the_recording_of_its_node():
    assert judge(EXACT, Altered(lambda y, s, r: (y + 1.0, s, r))).outcome is Outcome.FAIL


def test_an_output_may_not_be_missing():
    assert judge(EXACT, Altered(lambda y, s, r: (None, s, r))).outcome is not Outcome.PASS


def test_a_state_of_another_dtype_fails():
    def change(outputs, state, recordings):
        # as numbers they are the same, so only the dtype is wrong
        return outputs, map_tree(lambda a: a.astype("longdouble"), state), recordings

    assert judge(EXACT, Altered(change)).outcome is Outcome.FAIL


def test_the_graph_may_not_be_written_to():
    own = dataclasses.replace(EXACT, graph=chain((2,), (2,), nir.Scale(np.ones(2))))

    class Writing:
        name = "writing"

        def prepare(self, graph, discretization, dtype):
            run = BACKEND.prepare(graph, discretization, dtype)
            graph.nodes["n0"].scale[:] = 2
            return run

    assert judge(own, Writing()).outcome is Outcome.FAIL


def test_ties_are_not_excused_in_an_exact_case():
    assert judge(dataclasses.replace(TIE, tolerance=0.0), AT_THRESHOLD).outcome is Outcome.FAIL


def test_a_wrong_spike_fails():
    def change(recordings):
        recordings["n1"] = 1 - recordings["n1"]
        return recordings

    found = judge(CASE, with_recordings(change))
    assert found.outcome is Outcome.FAIL
    assert found.explanation is not None
    assert found.explanation.spike_mismatches == CASE.inputs.shape[0] * 2 * 2


def test_a_wrong_or_missing_state_fails():
    def scaled(outputs, state, recordings):
        return outputs, map_tree(lambda leaf: leaf + 1.0, state), recordings

    assert judge(CASE, Altered(scaled)).outcome is Outcome.FAIL
    assert judge(CASE, Altered(lambda y, s, r: (y, {}, r))).outcome is Outcome.FAIL


def test_the_tolerance_is_that_of_the_case():
    def change(recordings):
        return {k: v if k == "n1" else v * (1 + 1e-9) for k, v in recordings.items()}

    backend = with_recordings(change)
    case = dataclasses.replace(
        FRESH, graph=chain((3,), (2,), nir.Linear(uniform(1, 2, 3))), name="linear alone"
    )
    assert judge(case, backend).outcome is Outcome.FAIL
    loose = dataclasses.replace(case, tolerance=1e-8)
    drifting = Altered(lambda y, s, r: (y * (1 + 1e-9), s, change(r)))
    assert judge(loose, drifting).outcome is Outcome.PASS


@pytest.mark.parametrize("part", ["outputs", "recordings"])
def test_another_dtype_fails(part):
    def change(outputs, state, recordings):
        narrow = map_tree(lambda a: a.astype("float32"), {"o": outputs, "r": recordings})
        return (
            (narrow["o"], state, recordings) if part == "outputs" else (outputs, state, narrow["r"])
        )

    found = judge(CASE, Altered(change))
    message = "values in float32, float64 was requested"
    assert (found.outcome, found.message) == (Outcome.FAIL, message)
    assert judge(CASE, Altered(change), "float32").outcome is Outcome.PASS


@pytest.mark.parametrize("target", ["input", "state"])
def test_input_and_state_may_not_be_written_to(target):
    kept = nirx.digest((CASE.inputs, CASE.warmup))
    found = judge(CASE, MUTANTS[f"{target} written to"])
    assert found.outcome is Outcome.FAIL
    assert found.message.startswith("the backend changed the input")
    assert nirx.digest((CASE.inputs, CASE.warmup)) == kept


def test_judging_in_float32_does_not_change_the_graph_of_the_case():
    before = {k: v.copy() for k, v in vars(CASE.graph.nodes["n1"]).items() if hasattr(v, "copy")}
    judge(CASE, BACKEND, "float32")
    after = vars(CASE.graph.nodes["n1"])
    assert all(np.array_equal(after[k], v) for k, v in before.items())
    assert after["tau"].dtype == np.float64


def test_several_outputs_have_to_equal_the_recordings_of_their_nodes():
    assert judge(PORTS, Altered()).outcome is Outcome.PASS
    assert judge(PORTS, MUTANTS["outputs exchanged"]).outcome is Outcome.FAIL


def test_a_spike_that_rounding_decides_is_excused_and_counted():
    found = judge(TIE, AT_THRESHOLD)
    assert found.outcome is Outcome.PASS
    assert found.explanation is not None
    assert found.explanation.excused_at == 3
    assert found.explanation.spike_mismatches > 0
    assert judge(TIE, BACKEND).explanation.excused_at is None  # type: ignore[union-attr]


class OutputsOnly(Altered):
    """A backend that cannot record and gives no state."""

    name = "outputs only"
    records = "outputs"

    def prepare(self, graph, discretization, dtype, **options):
        run = super().prepare(graph, discretization, dtype, **options)

        def silent(inputs, state=None, record=()):
            assert record == ()
            return run(inputs, state)[0], None, {}

        return silent


def test_a_backend_that_cannot_record_is_judged_by_its_outputs_alone():
    assert judge(CASE, OutputsOnly()).outcome is Outcome.PASS
    assert judge(PORTS, OutputsOnly()).outcome is Outcome.PASS

    def flipped(outputs, state, recordings):
        outputs[7, 1, 0] = 1 - outputs[7, 1, 0]
        return outputs, state, recordings

    found = judge(CASE, OutputsOnly(flipped))
    assert found.outcome is Outcome.FAIL
    assert "step 7, output[1, 0]" in found.message
    for wrong in (lambda y, s, r: (None, s, r), lambda y, s, r: (y[1:], s, r)):
        assert judge(CASE, OutputsOnly(wrong)).outcome is Outcome.FAIL
    less = OutputsOnly(lambda y, s, r: ({"p": y["p"]}, s, r))
    assert judge(PORTS, less).message == "recorded keys differ: q"


# -- bits ---------------------------------------------------------------------------------


@pytest.fixture
def table(monkeypatch):
    case = dataclasses.replace(CASE, inputs=spikes(5, 20, 2, 3))
    digests = {
        case.name: {
            kind: judge_module.case_digest(case, BACKEND, kind) for kind in ("float32", "float64")
        }
    }
    monkeypatch.setattr(judge_module, "committed", lambda: digests)
    return case


@pytest.mark.parametrize("dtype", [None, "float32", "float64"])
def test_the_committed_bits_pass_and_one_changed_bit_fails(table, dtype):
    assert judge_bits(table, Altered(), dtype).outcome is Outcome.PASS

    def change(outputs, state, recordings):
        if "n1.v" in recordings:
            recordings["n1.v"].reshape(-1).view(np.uint8)[0] ^= 1
        return outputs, state, recordings

    found = judge_bits(table, Altered(change), dtype)
    assert found.outcome is Outcome.FAIL
    assert found.message.startswith("digest ")


def test_a_backend_without_reproducible_mode_is_unsupported(table):
    class Plain:
        name = "plain"

        def prepare(self, graph, discretization, dtype):
            return BACKEND.prepare(graph, discretization, dtype)

    assert judge_bits(table, Plain()).outcome is Outcome.UNSUPPORTED
    for error in (nirx.UnsupportedError("no"), NotImplementedError("no")):
        assert judge_bits(table, Raising(error, "prepare")).outcome is Outcome.UNSUPPORTED


def test_an_exception_in_a_run_for_bits_is_an_error(table):
    assert judge_bits(table, Raising(ValueError("boom"), "run")).outcome is Outcome.ERROR
    assert judge_bits(table, Raising(ValueError("boom"), "prepare")).outcome is Outcome.ERROR


@pytest.mark.parametrize("error", [TypeError("boom"), NotImplementedError("boom")])
def test_a_type_error_in_a_run_for_bits_is_an_error(table, error):
    assert judge_bits(table, Raising(error, "run")).outcome is Outcome.ERROR
