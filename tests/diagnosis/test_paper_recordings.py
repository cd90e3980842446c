"""The recordings of the NIR paper: one LIF neuron on five platforms (columns input, v, spikes)."""

from __future__ import annotations

import numpy as np
import pytest

import nirx

pytestmark = pytest.mark.exhaustive
KEYS = (("1",), ("1", "1.v"), ("1.v",))
PLATFORMS = {
    # what v and spikes together pin, and the scale of v
    "norse": ({"integrator": "euler", "reset": "value"}, 1.0),
    "snntorch": ({"integrator": "euler", "reset": "value"}, 25.0),
    "nengo": ({"integrator": "exponential", "input_gain": "matched", "reset": "value"}, 10.0),
    "sinabs": (
        {
            "integrator": "exponential",
            "input_gain": "euler",
            "reset": "subtract",
            "reset_when": "same",
        },
        1.0,
    ),
}


def columns(paper, name):
    """Input, v and spikes, each [time, batch, features]."""
    values = np.loadtxt(paper / f"lif_{name}.csv", delimiter=",")
    return [values[:, None, k : k + 1] for k in range(3)]


def found_for(paper, xs, v, z, keys, **options):
    observed = {key: own for key, own in (("1", z), ("1.v", v)) if key in keys}
    return nirx.diagnose(paper / "lif_norse.nir", xs, observed, dt=1e-4, **options)


@pytest.mark.parametrize("name", PLATFORMS)
@pytest.mark.parametrize("keys", KEYS)
def test_every_platform_is_explained_without_a_gain(name, keys, paper):
    x, v, z = columns(paper, name)
    found = found_for(paper, (x > 0).astype(float), v, z, keys)
    assert found.explained
    assert not found.gains
    node, (pinned, scale) = found["1"], PLATFORMS[name]
    assert all(value in node.possible[choice] for choice, value in pinned.items())
    if "1.v" in keys:
        assert node.pinned.items() >= pinned.items()
        assert node.best.scale == pytest.approx(scale, rel=1e-4)


def test_sinabs_needs_the_gain_of_euler_even_for_its_spikes(paper):
    x, v, z = columns(paper, "sinabs")
    found = found_for(paper, (x > 0).astype(float), v, z, ("1",))
    assert found["1"].pinned["input_gain"] == "euler"
    text = "1 scales its input by dt/tau, as forward Euler does (input_gain='euler')"
    assert text in found.explain()


@pytest.mark.parametrize("keys", KEYS)
def test_sinabs_with_the_input_that_it_had_fits_with_a_gain(keys, paper):
    x, v, z = columns(paper, "sinabs")
    found = found_for(paper, x, v, z, keys)
    assert not found.explained
    assert found.explained_by_gains
    gain = found["1"].best.gain
    if "1.v" in keys:
        assert (gain.input, gain.threshold) == (25.0, 1.0)
        assert "it fits with the input scaled by 25" in found.explain()
    else:
        assert 24 < gain.low < gain.input < gain.high < 27


def test_an_input_that_is_ten_times_too_large(paper):
    x, v, z = columns(paper, "norse")
    found = found_for(paper, 10 * x, v, z, ("1", "1.v"))
    assert "no rule alone explains 1; it fits with the input scaled by 0.1" in found.explain()
    assert found.to_dict()["nodes"][0]["gain"]["input"] == 0.1


def test_loihi_is_one_step_late(paper):
    x, v, z = columns(paper, "lava_loihi_fixed")
    found = found_for(paper, x, v, z, ("1",))
    assert found.explained
    assert "the recording of 1 is 1 step late" in found.explain()


def test_the_v_of_loihi_is_in_integers_that_the_spikes_decide(paper):
    x, v, z = columns(paper, "lava_loihi_fixed")
    found = found_for(paper, x, v, z, ("1", "1.v"))
    assert found["1"].by_spikes
    assert not found.gains
    assert found.arithmetic is not None
    assert found.arithmetic.scales["1"] == pytest.approx(16000)
    assert "judged by its spikes, which are all explained" in found.explain()
    assert found_for(paper, x, v, z, ("1", "1.v"), tolerance=0.093).explained
