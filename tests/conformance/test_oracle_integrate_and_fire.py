"""IF by hand, and spikes counted in multiples of the threshold."""

import nir
import numpy as np
import pytest

ONES = np.ones(1)


def integrate_and_fire(v_threshold=0.5, v_reset=-1.0):
    return nir.IF(2 * ONES, v_threshold * ONES, v_reset * ONES)


def test_single(run_node):
    # dt * r = 1: 0.25;  0.5 is no spike;  0.625 -> -1;  0
    xs = [[0.25], [0.25], [0.125], [1]]
    result = run_node(integrate_and_fire(), xs, dt=0.5, initial_v="leak")
    assert result.outputs["out"].ravel().tolist() == [0, 0, 1, 0]
    assert result.recordings["node.v"].ravel().tolist() == [0.25, 0.5, -1.0, 0.0]


@pytest.mark.parametrize(
    ("choices", "spikes", "v"),
    [
        # 1.75 = 3 * 0.5 + 0.25;  0.5 is a tie and counts;  -1;  -1 + 3 = 2: 4 spikes
        ({"reset": "subtract"}, [3, 1, 0, 4], [0.25, 0.0, -1.0, 0.0]),
        # 2 of 3: 0.75 left;  1.0: 2;  -1;  2: 2, 1 left
        ({"reset": "subtract", "max_spikes": 2}, [2, 2, 0, 2], [0.75, 0.0, -1.0, 1.0]),
        # any number of spikes resets to -1
        ({"reset": "value"}, [3, 0, 0, 2], [-1.0, -0.75, -1.75, -1.0]),
        ({"reset": "none"}, [3, 4, 2, 8], [1.75, 2.0, 1.0, 4.0]),
    ],
)
def test_multi(run_node, choices, spikes, v):
    xs = [[1.75], [0.25], [-1], [3]]
    result = run_node(integrate_and_fire(), xs, dt=0.5, spikes="multi", **choices)
    assert result.outputs["out"].ravel().tolist() == spikes
    assert result.recordings["node.v"].ravel().tolist() == v


@pytest.mark.parametrize(
    ("threshold", "v", "quotient", "spikes"),
    [
        # 3 * threshold rounds to v itself, though v / threshold rounds to just below 3
        (0.05056378869683274, 0.15169136609049821, 2, 3),
        # 3 * threshold rounds to more than v, though v / threshold rounds to 3
        (0.2770888466262316, 0.8312665398786948, 3, 2),
    ],
)
def test_multi_counts_by_products_where_the_quotient_misleads(
    run_node, threshold, v, quotient, spikes
):
    assert np.floor(v / threshold) == quotient
    result = run_node(integrate_and_fire(threshold), [[v]], dt=0.5, spikes="multi")
    assert result.outputs["out"].item() == spikes


def test_multi_of_a_huge_v_ends(run_node):
    result = run_node(integrate_and_fire(), [[1e300]], dt=0.5, spikes="multi")
    assert result.outputs["out"].item() == 2e300


def test_multi_ignores_the_choice_of_threshold(run_node):
    for threshold in ("gt", "ge"):
        result = run_node(
            integrate_and_fire(), [[0.5]], dt=0.5, spikes="multi", threshold=threshold
        )
        assert result.outputs["out"].item() == 1
