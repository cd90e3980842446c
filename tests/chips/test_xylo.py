"""The oracle of integers computes what Xylo's simulator computes, and where it cannot.

Where sums saturate on their way, the order of single spikes matters; `xylo_events` has it.
"""

from __future__ import annotations

import random

import pytest

from nirx_conformance.chips import xylo_events
from nirx_conformance.chips.xylo import ARITHMETIC, DISCRETIZATION, Layer, XyloNetwork
from nirx_conformance.oracle.integers import Arithmetic, run
from nirx_conformance.oracle.integers.agreement import first_difference

STEPS, INPUTS, HIDDEN, OUTPUTS = 300, 6, 10, 3
STATES = {"i": ".i", "v": ".v", "spikes": ""}

# The number of steps that a graph, which saturates once, has in common with the chip.
ALL = STEPS
CASES = {
    "feed-forward": ({"recurrent": False}, ALL),
    "recurrent": ({"recurrent": True}, ALL),
    "shifts": ({"recurrent": True, "shifts": (1, 0, 2), "thresholds": (900, 5000)}, ALL),
    # Saturates often, but all weights into a neuron have one sign: the order is the same.
    "saturated": (
        {
            "recurrent": True,
            "shifts": (7, 5, 6),
            "thresholds": (300, 32767),
            "active": 0.4,
            "one_sign": True,
            "bias": 20000,
        },
        ALL,
    ),
    "order": (
        {"recurrent": True, "shifts": (4, 3, 3), "thresholds": (900, 30000), "active": 0.3},
        5,
    ),
    "many spikes": (
        {
            "recurrent": True,
            "shifts": (8, 8, 8),
            "thresholds": (1, 100),
            "active": 0.5,
            "bias": 32767,
        },
        1,
    ),
}


def drawn(
    seed: str,
    recurrent: bool,
    shifts: tuple[int, int, int] = (0, 0, 0),
    thresholds: tuple[int, int] = (200, 3000),
    active: float = 0.1,
    one_sign: bool = False,
    bias: int = 20,
) -> tuple[XyloNetwork, list[list[int]]]:
    """A network and its input: up to 15 spikes per step."""
    draw = random.Random(f"{seed}1")

    of_hidden = [draw.choice([-1, 1]) for _ in range(HIDDEN)]
    of_output = [draw.choice([-1, 1]) for _ in range(OUTPUTS)]

    def weights(rows: int, signs: list[int], share: float = 1.0) -> list[list[int]]:
        every = [[draw.randint(-128, 127) for _ in signs] for _ in range(rows)]
        if one_sign:
            every = [
                [k * min(abs(w), 127) for w, k in zip(row, signs, strict=True)] for row in every
            ]
        return [[w if draw.random() < share else 0 for w in row] for row in every]

    def layer(size: int) -> Layer:
        return Layer(
            dash_syn=[draw.randint(0, 5) for _ in range(size)],
            dash_mem=[draw.randint(1, 7) for _ in range(size)],
            threshold=[draw.randint(*thresholds) for _ in range(size)],
            bias=[draw.randint(-bias, bias) for _ in range(size)],
        )

    network = XyloNetwork(
        weights(INPUTS, of_hidden),
        weights(HIDDEN, of_hidden, 0.3) if recurrent else None,
        weights(HIDDEN, of_output),
        layer(HIDDEN),
        layer(OUTPUTS),
        shifts,
    )

    def x() -> int:
        return draw.randint(1, 15) if draw.random() < active else 0

    return network, [[x() for _ in range(INPUTS)] for _ in range(STEPS)]


SLOW = ("recurrent", "saturated")


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(c, marks=pytest.mark.slow if c in SLOW else pytest.mark.exhaustive)
        for c in CASES
    ],
)
def test_every_state_and_spike(case, xylo):
    choices, common = CASES[case]
    network, xs = drawn(case, **choices)
    answer = xylo.ask(network.request(xs))
    events = xylo_events.evolve(network, xs)
    oracle = run(network.graph(), DISCRETIZATION, xs, Arithmetic(**ARITHMETIC)).recordings
    assert events.same_at_once == common
    for layer in ("hidden", "output"):
        assert sum(map(sum, answer[layer]["spikes"])) > 0
        for name, ending in STATES.items():
            theirs, where = answer[layer][name], f"{layer} {name}"
            assert first_difference(where, getattr(events, layer)[name], theirs) is None
            assert first_difference(where, oracle[layer + ending][:common], theirs[:common]) is None
    if case == "saturated":
        assert sum(oracle["hidden.i_overflows"][-1]) > 0
        assert sum(oracle["hidden.v_overflows"][-1]) > 0


@pytest.mark.exhaustive
def test_the_order_of_spikes_matters_where_a_sum_saturates(xylo):
    """+127 three times, then -128 three times, each << 7: saturation first, or 0 and below."""
    one = Layer(dash_syn=[15], dash_mem=[1], threshold=[32767], bias=[0])
    network = XyloNetwork([[127], [-128]], None, [[0]], one, one, (7, 0, 0))
    xs = [[3, 3], [0, 0]]
    first = xylo.ask(network.request(xs))["hidden"]["i"][0]
    assert first == [32767 - 3 * 128 * 128 + 1]  # i loses 1 in the step, towards zero
    graph_first = run(network.graph(), DISCRETIZATION, xs, Arithmetic(**ARITHMETIC)).recordings
    assert graph_first["hidden.i"][0] == [3 * (127 - 128) * 128 + 1]


@pytest.mark.exhaustive
def test_more_than_fifteen_spikes_of_an_input_are_fifteen(xylo):
    one = Layer(dash_syn=[15], dash_mem=[1], threshold=[32767], bias=[0])
    network = XyloNetwork([[1]], None, [[0]], one, one)
    answer = xylo.ask(network.request([[15], [20], [255]]))
    assert answer["hidden"]["i"] == [[14], [28], [42]]  # 1 is lost in each step


@pytest.mark.exhaustive
def test_a_membrane_without_memory_sticks_at_its_lowest(xylo):
    """With a dash of 0 the leak of -32768 is +32768, which XyloSim's 16 bits turn round."""
    one = Layer(dash_syn=[15], dash_mem=[0], threshold=[32767], bias=[-100])
    network = XyloNetwork([[-128], [127]], None, [[0]], one, one, (7, 0, 0))
    xs = [[15, 0]] + 3 * [[0, 15]]
    answer = xylo.ask(network.request(xs))["hidden"]
    assert answer["i"] == [[-32767], [32766], [32766], [32766]]
    assert answer["v"] == [[-32768]] * 4
    oracle = run(network.graph(), DISCRETIZATION, xs, Arithmetic(**ARITHMETIC)).recordings
    assert oracle["hidden.v"] == [[-32768], [-101], [32566], [32666]]
