"""The arithmetic of the oracle of integers, by hand: decays, widths, shifts, one node each."""

from __future__ import annotations

from typing import Any

import nir
import numpy as np
import pytest

from nirx import Discretization
from nirx_conformance.oracle import integers
from nirx_conformance.oracle.integers.decay import decay, divided
from nirx_conformance.oracle.integers.overflow import over
from support.graphs import line, make_graph, neuron


def run_node(node: Any, xs: Any, choices: Any = None, **arithmetic: Any) -> integers.IntegerResult:
    """in -> node -> out with dt = 1; xs is [time, *features]."""
    edges = line("input", "node", "output")
    graph = make_graph(edges, np.shape(xs)[1:], node=node, output=nir.Output({"output": None}))  # type: ignore[arg-type]
    rule = Discretization(**{"dt": 1.0, **(choices or {})})
    return integers.run(graph, rule, xs, integers.Arithmetic(**arithmetic))


def leaves(nested: Any) -> list[int]:
    return np.ravel(nested).tolist()


@pytest.mark.parametrize(
    ("rounding", "expected"),
    [("zero", [1, 1, -1, -1, -2]), ("down", [1, 1, -2, -2, -2]), ("nearest", [1, 2, -1, -2, -2])],
)
def test_division_rounds_as_it_is_called(rounding, expected):
    # 5/4, 6/4, -5/4, -6/4, -8/4
    assert [divided(p, 2, rounding) for p in (5, 6, -5, -6, -8)] == expected


def test_division_by_one_changes_nothing():
    assert [divided(p, 0, r) for p in (-3, 3) for r in ("zero", "down", "nearest")] == [-3] * 3 + [
        3
    ] * 3


def test_a_shift_loses_at_least_one_towards_zero():
    shifts = integers.Arithmetic(decay="shift")
    # An arithmetic shift: -5 >> 2 is -2, and -1 >> 2 is -1.
    assert [decay(shifts, 2, s) for s in (9, 5, 3, 1, 0, -1, -3, -5)] == [7, 4, 2, 0, 0, 0, -2, -3]
    assert [decay(shifts, 0, s) for s in (9, -9)] == [0, 0]
    assert [decay(shifts, 15, s) for s in (9, -9, 32767, -32768)] == [8, -8, 32766, -32767]


def test_a_factor_of_all_bits_forgets_everything():
    assert [decay(integers.Arithmetic(decay_bits=4), 16, s) for s in (9, -9)] == [0, 0]
    assert [decay(integers.Arithmetic(decay_bits=4), 4, s) for s in (9, -9)] == [6, -6]


@pytest.mark.parametrize(
    ("rule", "limits", "expected"),
    [
        ("saturate", "full", [7, 7, -8, -8, -7]),
        ("saturate", "symmetric", [7, 7, -7, -7, -7]),
        ("wrap", "full", [-8, -7, -8, 7, -7]),
        ("wrap", "symmetric", [8, -7, 8, 7, -7]),
    ],
)
def test_values_beyond_four_bits(rule, limits, expected):
    assert [over(value, 4, rule, limits) for value in (8, 9, -8, -9, -7)] == expected


def test_a_leaky_membrane_counts_what_it_saturates():
    # tau = 4: 3/4 of v stays, towards zero; g = r/tau = 1; l = v_leak/tau = 2.
    result = run_node(neuron(nir.LI, 1, r=4.0, v_leak=8.0), [[5], [100], [0]], membrane_bits=6)
    assert leaves(result.outputs["output"]) == [7, 31, 25]  # 0+5+2, 5+100+2 = 107, 23+2
    assert leaves(result.recordings["node.v_overflows"]) == [0, 1, 1]
    assert result.state == {"node": {"v": [25], "v_overflows": [1]}}


def test_the_lowest_membrane_potential_is_no_overflow():
    result = run_node(nir.I(np.ones(1)), [[-5], [-5], [3]], membrane_lowest=-7)
    assert leaves(result.outputs["output"]) == [-5, -7, -4]
    assert leaves(result.state["node"]["v_overflows"]) == [0]


def test_a_change_may_saturate_before_it_is_added():
    # v = -8, its leak is +8, the input +7: the change is 7 and v' = -1, where v' = 7 is exact.
    node = neuron(nir.LI, 1, tau=1.0)
    for change, last in (("exact", 7), ("saturate", -1)):
        result = run_node(node, [[-8], [7]], membrane_bits=4, membrane_change=change)
        assert leaves(result.outputs["output"]) == [-8, last]
        assert leaves(result.state["node"]["v_overflows"]) == [int(change == "saturate")]


def test_shifts():
    node = nir.CubaLIF(
        *(np.array([n], float) for n in (1, 1, 1, 3, 5)), v_reset=np.array([2.0]), w_in=np.ones(1)
    )
    shifts = {"input_shift": 2, "threshold_shift": 1, "bias_shift": 1}
    # i = 4x; v = i + 3 is refused below: the constant of the leak is a mantissa << 1.
    with pytest.raises(ValueError, match="constant of the leak"):
        run_node(node, [[1]], **shifts)
    node.v_leak = np.array([4.0])
    result = run_node(node, [[1], [2]], **shifts)
    assert leaves(result.recordings["node.i"]) == [4, 8]
    assert leaves(result.recordings["node.v"]) == [8, 4]  # 8 < 10; 12 > 10, and reset to 2 << 1
    assert leaves(result.outputs["output"]) == [0, 1]


def test_products_are_shifted_before_the_bias_is_added():
    node = nir.Affine(np.array([[3.0, -2.0]]), np.array([5.0]))
    assert leaves(run_node(node, [[1, 2]], weight_shift=3, bias_shift=1).outputs["output"]) == [2]
    assert leaves(run_node(node, [[1, 2]], weight_shift=-2).outputs["output"]) == [4]  # -1 >> 2


def test_an_average_is_rounded_down():
    node = nir.AvgPool2d(np.array([2, 2]), np.array([2, 2]), np.array([0, 0]))
    xs = np.array([[[[1, 2, -1, -2], [2, 2, -2, -2]]]])
    assert leaves(run_node(node, xs).outputs["output"]) == [1, -2]


def test_several_spikes_per_step():
    choices = {"spikes": "multi", "max_spikes": 3, "reset": "subtract"}
    node = neuron(nir.IF, 1, v_threshold=4.0)
    result = run_node(node, [[8], [17], [-3]], choices)
    assert leaves(result.outputs["output"]) == [2, 3, 0]
    assert leaves(result.recordings["node.v"]) == [0, 5, 2]


def test_a_number_that_is_not_whole_is_refused():
    with pytest.raises(ValueError, match=r"a weight is 0.5; expected a whole number"):
        run_node(nir.Linear(np.array([[0.5]])), [[1]])


@pytest.mark.parametrize("shape", [(0, 3, 2), (4, 0, 2), (0, 2), (2, 2, 3, 2)])
def test_batches_and_runs_of_any_length(shape):
    graph = make_graph(line("input", "node", "output"), 2, node=nir.I(np.ones(2)))
    rule = Discretization(dt=1.0)
    result = integers.run(graph, rule, np.ones(shape, int), integers.Arithmetic())
    assert np.reshape(result.outputs["output"], shape).shape == shape
    assert np.array_equal(
        np.reshape(result.state["node"]["v"], shape[1:]), np.full(shape[1:], shape[0])
    )


def test_a_difference_names_its_place():
    result = run_node(nir.I(np.ones(2)), [[1, 2], [1, 2]])
    theirs = {key: np.array(value) for key, value in result.recordings.items()}
    assert integers.difference(result, theirs, result.state) is None
    theirs["node.v"][1, 1] += 1
    assert integers.difference(result, theirs) == "node.v[1, 1]: 5, oracle 4"
    state = {"node": {"v": np.array([2, 4]), "v_overflows": np.array([0, 1])}}
    theirs["node.v"][1, 1] -= 1
    expected = "state ('node', 'v_overflows')[1]: 1, oracle 0"
    assert integers.difference(result, theirs, state) == expected
