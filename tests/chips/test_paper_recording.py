"""What explains the NIR paper's recording of Loihi 2: every spike, and v but for spiking steps."""

from __future__ import annotations

import csv

from nirx_conformance.chips.loihi import DISCRETIZATION, Connection, LoihiNetwork, Population
from nirx_conformance.oracle.integers import Arithmetic, run
from support.paper import shared_folder

# tau = 2.5e-3, dt = 1e-4, v_threshold = 0.1, a weight of 1: dt/tau = 0.04. One unit of the file
# is 250 of the chip, before its 6 bits: the weight 250 * 0.04 = 10, the threshold 25.
# 4096 * 0.04 = 163.84 is cut to 163, not rounded to 164. du keeps nothing of the current.
NETWORK = LoihiNetwork([Population(4095, 163, 25, [0], [0])], [Connection(None, 0, [[10]])])
IN_A_SPIKING_STEP = 128
"""What the recording holds as v where the neuron spikes; it is 0 after the reset, and later."""


def columns() -> list[list[int]]:
    """Input, v and spikes."""
    path = shared_folder("nir_paper") / "lif_lava_loihi_fixed.csv"
    with path.open(newline="") as file:
        return [[int(float(n)) for n in column] for column in zip(*csv.reader(file), strict=True)]


def rerun(network: LoihiNetwork, xs: list[int]) -> tuple[list[int], list[int]]:
    """v and spikes."""
    result = run(
        network.graph(), DISCRETIZATION, [[x] for x in xs], Arithmetic(**network.arithmetic)
    )
    return [v for (v,) in result.recordings["0.v"]], [z for (z,) in result.recordings["0"]]


def test_loihi_arithmetic_explains_the_recording():
    xs, recorded, spikes = columns()
    v, ours = rerun(NETWORK, xs)
    assert ours == spikes
    assert sum(spikes) == 4
    assert recorded == [IN_A_SPIKING_STEP if z else own for own, z in zip(v, ours, strict=True)]


def test_its_numbers_are_the_only_ones():
    """One more or less in the decay, the threshold or the weight, and it fits no more."""
    xs, recorded, spikes = columns()
    for dv, vth, weight in [
        (162, 25, 10),
        (164, 25, 10),
        (163, 24, 10),
        (163, 26, 10),
        (163, 25, 9),
    ]:
        other = Population(4095, dv, vth, [0], [0])
        v, ours = rerun(LoihiNetwork([other], [Connection(None, 0, [[weight]])]), xs)
        differ = sum(a != b for a, b, z in zip(v, recorded, spikes, strict=True) if not z)
        assert ours != spikes or differ > 100
