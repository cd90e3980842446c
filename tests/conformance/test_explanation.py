"""The explanation: histogram, spikes, where two sides first diverge, and why."""

import copy
import dataclasses

import nir
import numpy as np
import pytest

import nirx
from nirx_conformance import oracle
from nirx_conformance.cases.case import chain, graph, neuron, port_in, port_out, uniform
from nirx_conformance.suite.explanation import BINS, NEAR, explain

D = nirx.Discretization(dt=1e-3)
GRAPH = chain(
    (2,), (2,), nir.Scale(uniform(1, 2, low=1.0, high=2.0)), neuron(nir.LIF, 2, 2, r=30.0)
)
XS = uniform(3, 20, 2, 2)
SCHEDULE = nirx.schedule(GRAPH, D)
RESULT = oracle.run(GRAPH, D, XS)
LOOP = graph(
    {
        "input": port_in(2),
        "lif": neuron(nir.LIF, 4, 2, r=30.0),
        "w": nir.Linear(np.eye(2)),
        "output": port_out(2),
    },
    "input -> lif -> w -> lif -> output",
)


def found(dtype="float64", **changed):
    """The oracle's recordings; `n0=[(index, value), ...]` sets single numbers."""
    recordings = {k: v.astype(dtype) for k, v in RESULT.recordings.items()}
    for name, changes in changed.items():
        key = name.replace("_v", ".v")
        for index, value in changes:
            recordings[key][index] = value
    return recordings


def beside(value, ulp, dtype="float64"):
    """The number that is `ulp` representable numbers away from zero."""
    kind = {"float32": np.int32, "float64": np.int64}[dtype]
    bits = np.asarray(abs(value), dtype).view(kind) + kind(ulp)
    return float(bits.view(dtype)) * (1.0 if value > 0 else -1.0)


def explained(recordings, dtype="float64", excused_at=None):
    return explain(RESULT, recordings, dtype, SCHEDULE, excused_at)


def first_difference(recordings, result=RESULT, schedule=SCHEDULE):
    first = explain(result, recordings, "float64", schedule).first
    assert first is not None
    return first


def numbers():
    return sum(v.size for v in RESULT.recordings.values())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_same_numbers_are_bitwise_the_same(dtype):
    same = explained(found(dtype), dtype)
    assert same.bitwise
    assert same.histogram == (numbers(), 0, 0, 0, 0, 0, 0)
    assert (same.spike_mismatches, same.first, same.excused_at) == (0, None, None)


def test_the_sign_of_zero_and_the_kind_of_nan_make_no_difference():
    result = dataclasses.replace(
        RESULT, recordings={**RESULT.recordings, "n0": np.full((20, 2, 2), np.nan)}
    )
    theirs = {**result.recordings, "n0": -result.recordings["n0"]}
    theirs["n1"] = np.where(theirs["n1"] == 0, -0.0, theirs["n1"])
    assert explain(result, theirs, "float64", SCHEDULE).bitwise


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("ulp", "place"),
    [
        (1, 1),
        (3, 1),
        (4, 2),
        (15, 2),
        (16, 3),
        (63, 3),
        (64, 4),
        (1023, 4),
        (1024, 5),
        (2**20 - 1, 5),
        (2**20, 6),
        (2**22, 6),
    ],
)
def test_each_bin_begins_at_its_number(dtype, ulp, place):
    index = (4, 1, 0)
    value = beside(RESULT.recordings["n0"].astype(dtype)[index], ulp, dtype)
    counts = explained(found(dtype, n0=[(index, value)]), dtype).histogram
    assert len(counts) == len(BINS)
    assert BINS[place] <= ulp
    assert place + 1 == len(BINS) or ulp < BINS[place + 1]
    assert counts[place] == 1
    assert sum(counts) == numbers()
    assert counts[0] == numbers() - 1


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_nan_and_infinity_fall_into_the_last_bin(value):
    other = explained(found(n0=[((4, 1, 0), value)]))
    assert other.histogram[-1] == 1
    assert not other.bitwise
    assert other.first is not None
    assert other.first.cause == "meaning"
    assert str(value) in str(other.first)


def test_spike_mismatches_are_counted():
    spikes = RESULT.recordings["n1"]
    assert 0 < spikes.sum() < spikes.size
    places = [(5, 0, 0), (5, 1, 1), (9, 0, 1)]
    other = explained(found(n1=[(p, 1 - spikes[p]) for p in places]))
    assert other.spike_mismatches == 3
    assert explained(found(n0=[((0, 0, 0), 9.0)])).spike_mismatches == 0


def test_the_first_step_counts_then_the_node_then_the_index():
    late, early = [((7, 0, 0), 9.0)], [((5, 1, 1), 9.0), ((5, 1, 0), 9.0), ((6, 0, 0), 9.0)]
    first = first_difference(found(n0=late, n1_v=early))
    assert (first.step, first.node, first.index) == (5, "n1.v", (1, 0))
    assert first.expected == RESULT.recordings["n1.v"][5, 1, 0]
    assert first.found == 9.0


def test_within_a_step_the_upstream_node_diverges_first():
    # "output" comes before "z" by name and in the dict, after it in the order of a step
    net = graph(
        {"input": port_in(2), "z": nir.Scale(np.full(2, 2.0)), "output": port_out(2)},
        "input -> z -> output",
    )
    result = oracle.run(net, D, XS)
    theirs = {k: v + 1.0 if k != "input" else v for k, v in sorted(result.recordings.items())}
    first = first_difference(theirs, result, nirx.schedule(net, D))
    assert (first.node, first.step) == ("z", 0)


def test_a_difference_on_the_same_input_is_caused_by_the_node():
    x = RESULT.recordings["n0"][6, 1, 0]
    first = first_difference(found(n1_v=[((6, 1, 0), 9.0)]))
    assert first.same_input
    assert first.inputs == (x, x)
    assert str(first).endswith("a difference in meaning, on the same input")
    assert "step 6, n1.v[1, 0]: expected " in str(first)


def test_a_different_input_is_reported():
    # A Delay in a cycle outputs before its input of the step is known, so it diverges first.
    net = graph(
        {**LOOP.nodes, "w": nir.Delay(np.full(2, 1e-3))}, "input -> lif -> w -> lif -> output"
    )
    result = oracle.run(net, D, XS)
    theirs = copy.deepcopy(result.recordings)
    theirs["w"][8, 0, 1] = 5.0
    theirs["lif"][8, 0, 1] = 1 - theirs["lif"][8, 0, 1]
    first = first_difference(theirs, result, nirx.schedule(net, D))
    assert first.node == "w"
    assert not first.same_input
    a = result.recordings["lif"][8, 0, 1]
    assert first.inputs == (a, 1 - a)
    assert str(first).endswith(f"; its input was {float(1 - a)!r}, expected {float(a)!r}")


def test_the_input_of_a_node_is_the_sum_of_its_sources_late_ones_from_the_step_before():
    schedule = nirx.schedule(LOOP, D)
    assert schedule.feedback_edges == (("w", "lif"),)
    result = oracle.run(LOOP, D, XS)
    theirs = copy.deepcopy(result.recordings)
    theirs["lif.v"][8, 0, 1] = 5.0
    first = first_difference(theirs, result, schedule)
    assert first.same_input
    x = XS[8, 0, 1] + result.recordings["w"][7, 0, 1]
    assert first.inputs == (x, x)


def test_before_the_first_step_feedback_is_not_recorded():
    result = oracle.run(LOOP, D, XS)
    theirs = copy.deepcopy(result.recordings)
    theirs["lif.v"][0, 0, 1] = 5.0
    first = first_difference(theirs, result, nirx.schedule(LOOP, D))
    assert first.step == 0
    assert first.inputs is None
    assert first.same_input is None  # unknown
    assert str(first).endswith("a difference in meaning")


def test_an_input_of_another_shape_has_no_value_for_the_output():
    net = chain((3,), (2,), nir.Linear(uniform(5, 2, 3)))
    xs = uniform(6, 5, 2, 3)
    result = oracle.run(net, D, xs)
    theirs = copy.deepcopy(result.recordings)
    theirs["n0"][2, 0, 0] += 1
    first = first_difference(theirs, result, nirx.schedule(net, D))
    assert first.inputs is None
    assert first.same_input


@pytest.mark.parametrize(
    ("ulp", "cause"), [(1, "rounding"), (NEAR // 2, "rounding"), (2 * NEAR, "meaning")]
)
def test_only_a_few_ulp_of_the_largest_number_are_rounding(ulp, cause):
    ours = RESULT.recordings["n0"]
    index = (3, 0, 1)
    value = ours[index] + ulp * np.spacing(np.abs(ours).max())
    first = first_difference(found(n0=[(index, value)]))
    assert (first.cause, first.margin) == (cause, None)


def test_a_spike_far_from_the_threshold_is_a_difference_in_meaning_with_its_margin():
    margins = RESULT.margins["n1"]
    index = tuple(int(i) for i in np.argwhere(margins == margins.max())[0])
    first = first_difference(found(n1=[(index, 1 - RESULT.recordings["n1"][index])]))
    assert first.margin == margins[index] > 0
    assert first.cause == "meaning"
    assert f"{margins[index]:.3g} from the threshold" in str(first)


def test_a_spike_at_the_threshold_is_rounding():
    net = chain((1,), (1,), nir.Threshold(np.array([0.5])))
    xs = np.array([0.25, 0.5, 0.75]).reshape(3, 1, 1)
    result = oracle.run(net, D, xs)
    theirs = copy.deepcopy(result.recordings)
    theirs["n0"][1] = 1.0
    first = first_difference(theirs, result, nirx.schedule(net, D))
    assert (first.step, first.node, first.margin, first.cause) == (1, "n0", 0.0, "rounding")


def test_a_reset_that_follows_a_spike_at_the_threshold_is_rounding_too():
    net = chain((1,), (1,), nir.IF(np.array([1000.0]), np.array([1.0]), np.array([0.0])))
    xs = 0.5 * np.ones((3, 1, 1))
    result = oracle.run(net, D, xs)
    theirs = copy.deepcopy(result.recordings)
    theirs["n0"][1], theirs["n0.v"][1] = 1.0, 0.0
    first = first_difference(theirs, result, nirx.schedule(net, D))
    assert first.cause == "rounding"


def test_the_excuse_is_passed_on():
    assert explained(found(), excused_at=4).excused_at == 4
