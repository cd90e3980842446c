"""The oracle of integers computes what Lava's bit-accurate Loihi computes, in every step."""

from __future__ import annotations

import random

import pytest

from nirx_conformance.chips.loihi import DISCRETIZATION, Connection, LoihiNetwork, Population
from nirx_conformance.oracle.integers import Arithmetic, run
from nirx_conformance.oracle.integers.agreement import first_difference

STEPS, INPUTS, NEURONS, LAST = 300, 20, 12, 6
STATES = {"u": ".i", "v": ".v", "spikes": ""}

# (weight exponent, dv of the first population, largest bias exponent, what must happen)
CASES = {
    "small": (0, 30, 2, ()),
    "u wraps": (3, 700, 3, ("u",)),
    "u wraps, v saturates": (7, 5, 7, ("u", "v")),
    "the exponent drops bits": (-3, 60, 3, ()),
    "no leak": (1, 0, 5, ("v",)),
    "v forgets": (6, 4095, 7, ("u",)),
}


def drawn(seed: str, weight_exp: int, dv: int, bias_exp: int) -> tuple[LoihiNetwork, list]:
    """A recurrent population, then a second one; weights of both signs, input of 300 steps."""
    draw = random.Random(seed)

    def population(size: int, dv: int) -> Population:
        mantissas = [draw.randint(-4096, 4095) for _ in range(size)]
        exponents = [draw.randint(0, bias_exp) for _ in range(size)]
        return Population(draw.randint(0, 1500), dv, draw.randint(50, 9000), mantissas, exponents)

    def weights(out: int, into: int) -> list[list[int]]:
        return [[2 * draw.randint(-128, 127) for _ in range(into)] for _ in range(out)]

    network = LoihiNetwork(
        [population(NEURONS, dv), population(LAST, draw.randint(1, 300))],
        [
            Connection(None, 0, weights(NEURONS, INPUTS)),
            Connection(0, 0, weights(NEURONS, NEURONS)),
            Connection(0, 1, weights(LAST, NEURONS)),
        ],
        weight_exp,
    )
    return network, [[int(draw.random() < 0.4) for _ in range(INPUTS)] for _ in range(STEPS)]


# Every request starts half a dozen processes of Lava: seconds.
SLOW = "u wraps, v saturates"


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(c, marks=pytest.mark.slow if c == SLOW else pytest.mark.exhaustive)
        for c in CASES
    ],
)
def test_every_state_and_spike(case, lava):
    *drawn_from, happens = CASES[case]
    network, xs = drawn(case, *drawn_from)
    answer = lava.ask(network.request(xs))
    oracle = run(network.graph(), DISCRETIZATION, xs, Arithmetic(**network.arithmetic)).recordings
    for k, theirs in enumerate(answer):
        for name, ending in STATES.items():
            assert first_difference(f"{k} {name}", oracle[f"{k}{ending}"], theirs[name]) is None
    assert sum(map(sum, oracle["0"])) > 0
    overflows = {"u": oracle["0.i_overflows"][-1], "v": oracle["0.v_overflows"][-1]}
    assert all(sum(overflows[name]) > 0 for name in happens)


@pytest.mark.exhaustive
@pytest.mark.parametrize("sign", [1, -1])
def test_weights_of_one_sign_have_nine_bits(sign, lava):
    ones = [[sign * 255, sign * 3], [sign, 0]]
    network = LoihiNetwork(
        [Population(500, 40, 900, [0, 4095], [0, 3])], [Connection(None, 0, ones)], 2
    )
    xs = [[t % 2, t % 3 % 2] for t in range(60)]
    (theirs,) = lava.ask(network.request(xs))
    oracle = run(network.graph(), DISCRETIZATION, xs, Arithmetic(**network.arithmetic)).recordings
    for name, ending in STATES.items():
        assert first_difference(name, oracle[f"0{ending}"], theirs[name]) is None


def currents(lava, weights: list[list[int]], weight_exp: int = 0) -> list[int]:
    """u one step after every input has spiked once, with nothing left of it later."""
    silent = Population(4095, 1, 131071, [0] * len(weights), [0] * len(weights))
    network = LoihiNetwork([silent], [Connection(None, 0, weights)], weight_exp)
    size = len(weights[0])
    (answer,) = lava.ask(network.request([[1] * size, [0] * size]))
    return answer["u"][1]


@pytest.mark.exhaustive
def test_what_lava_does_to_weights(lava):
    """Mixed signs lose the lowest bit, rounding down; what does not fit is clipped."""
    mixed = [[1], [3], [-1], [-3], [255], [300], [-256], [-300]]
    assert currents(lava, mixed) == [64 * w for w in (0, 2, -2, -4, 254, 254, -256, -256)]


@pytest.mark.exhaustive
def test_an_overflow_wraps_once(lava):
    """2^23 itself stays, -2^23 becomes 2^23; beyond 3 * 2^23 u stays outside of its 24 bits."""
    assert currents(lava, [[128] * 8, [-128] * 8], 7) == [2**23, 2**23]
    inputs = 20  # 20 * 254 << 13 is 41615360
    assert currents(lava, [[254] * inputs, [-256] * inputs], 7) == [24838144, -25165824]
