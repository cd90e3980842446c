"""The NIR paper's Braille networks in every library: the exact executor's spikes, or a reason."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import nirx
from nirx.bridging.bridge import find_bridge

PAPER = Path(__file__).parents[3] / "shared" / "nir_paper"
BRAILLE = ("braille_noDelay_bias_zero", "braille_noDelay_noBias_subtract")
JUMP = nirx.Discretization(dt=1e-4, synapse_input="jump")
RULES = {
    "to v_reset at once": nirx.Discretization(dt=1e-4),
    "subtract at once": replace(JUMP, reset="subtract"),
    "subtract one step late": replace(JUMP, reset="subtract", reset_when="next"),
    "as spyx.CuBaLIF": replace(JUMP, reset="subtract", reset_when="next-leaked", output="old"),
}
RUNS = {
    "norse": {"to v_reset at once"},
    "snntorch": {"to v_reset at once", "subtract one step late"},
    "sinabs": {"to v_reset at once", "subtract at once"},
    "spikingjelly": {"to v_reset at once", "subtract at once"},
    "rockpool": {"subtract at once"},
    "spyx": {"as spyx.CuBaLIF"},
    "slax": set(RULES),  # it has no current-based neuron: nirx runs them in its place
    "brainpy": {"to v_reset at once", "subtract at once"},
}
"""What each library's own neuron can do; all else is refused, with the nearest."""


def drive(shape, seed=0):
    return (np.random.default_rng(seed).random((256, 2, *shape)) < 0.3).astype(np.float64)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("library", RUNS)
@pytest.mark.parametrize("name", BRAILLE)
def test_braille(name, library, rule):
    path = PAPER / f"{name}.nir"
    if not path.exists():
        pytest.skip(f"{path} is not there (../shared)")
    try:
        find_bridge(library)
    except nirx.UnsupportedError as error:
        pytest.skip(str(error))
    graph, d = nirx.read(path), RULES[rule]
    schedule = nirx.schedule(graph, d)
    xs = drive(schedule.nodes[schedule.inputs[0][1]].input_shape)
    if rule not in RUNS[library]:
        with pytest.raises(nirx.NotRepresentable, match=r"reset.*the nearest") as caught:
            nirx.move(graph, library, discretization=d, xs=xs)
        assert caught.value.place == "lif1.lif"
        return
    moved = nirx.move(graph, library, discretization=d, xs=xs)
    assert moved.to_target.spike_mismatches == 0, str(moved)
    assert moved.fidelity != "different"
    assert not moved.silent
    assert moved.by_nirx == (("lif1.lif", "lif2") if library == "slax" else ())
