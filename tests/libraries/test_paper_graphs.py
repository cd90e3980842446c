"""The NIR paper's Braille networks in every library: the exact executor's spikes, or a reason."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import nirx
from nirx.bridging.bridge import find_bridge

PAPER = Path(__file__).parents[3] / "shared" / "nir_paper"
BRAILLE = ("braille_noDelay_bias_zero", "braille_noDelay_noBias_subtract")
RULES = {
    "to v_reset at once": nirx.Discretization(dt=1e-4),
    "subtract, one step late": nirx.Discretization(
        dt=1e-4, reset="subtract", reset_when="next", synapse_input="jump"
    ),
    "as spyx.CuBaLIF": nirx.Discretization(
        dt=1e-4,
        reset="subtract",
        reset_when="next-leaked",
        output="old",
        synapse_input="jump",
    ),
}
REFUSED = {
    ("norse", "subtract, one step late"): "reset='subtract'",
    ("norse", "as spyx.CuBaLIF"): "output='old'",
    ("snntorch", "as spyx.CuBaLIF"): "output='old'",
}
"""What a library cannot do, and the choice that the refusal names; all else runs."""
LIBRARIES = ("norse", "snntorch", "sinabs", "spikingjelly", "rockpool", "spyx", "slax", "brainpy")


def drive(shape, seed=0):
    return (np.random.default_rng(seed).random((256, 2, *shape)) < 0.3).astype(np.float64)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("library", LIBRARIES)
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
    if (library, rule) in REFUSED:
        with pytest.raises(nirx.NotRepresentable, match="the nearest") as caught:
            nirx.move(graph, library, discretization=d, xs=xs)
        assert REFUSED[library, rule] in str(caught.value)
        assert caught.value.place == "lif1.lif"
        return
    moved = nirx.move(graph, library, discretization=d, xs=xs)
    assert moved.to_target.spike_mismatches == 0, str(moved)
    assert moved.fidelity != "different"
    assert not moved.silent
