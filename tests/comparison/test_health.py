"""`nirx.health`: what keeps a network from learning."""

from __future__ import annotations

from typing import Any

import nir
import numpy as np
import pytest
import torch

import nirx
from support.graphs import lif

RULE = nirx.Discretization(dt=1e-3)
XS = np.random.default_rng(0).random((60, 4, 2)).astype("f4")


def network(backend: str = "torch", gain: float = 1e-3, **options: Any) -> Any:
    """Three busy neurons, then four whose input is `gain` times their spikes."""
    graph = nir.NIRGraph.from_list(
        nir.Affine(np.full((3, 2), 2.0), np.zeros(3)),
        lif(3, tau=0.01),
        nir.Affine(np.full((4, 3), gain), np.zeros(4)),
        lif(4, tau=0.01),
    )
    return nirx.from_nir(graph, backend, RULE, **options)


@pytest.mark.parametrize("backend", ["numpy", "torch", "jax"])
def test_silence_and_rates(backend):
    net = network(backend)
    found = nirx.health(net, XS)
    spikes = np.asarray(nirx.state_to_numpy(net.run(XS, record=["lif"])[2]["lif"]))
    busy, still = found.nodes
    assert (busy.name, busy.neurons, busy.silent, busy.saturated) == ("lif", 3, 0, 0)
    assert busy.rate == pytest.approx(spikes.mean())
    assert busy.rate > 0.05
    assert (still.name, still.rate, still.silent) == ("lif_1", 0, 4)
    assert still.unreached == (None if backend == "numpy" else 4)
    assert len(found.findings) == 1
    assert "lif_1: all 4 neurons never spiked" in str(found)


def test_a_sound_network_has_no_findings():
    found = nirx.health(network(gain=5.0), XS)
    assert found.sound
    assert found.findings == ()
    assert "all is well" in str(found)


def test_a_wide_surrogate_reaches_silent_neurons():
    wide = network(surrogate=nirx.surrogates.fast_sigmoid(slope=1.0))
    assert nirx.health(wide, XS).nodes[1].unreached == 0
    own = network(surrogate=lambda u: 1 / (1 + abs(u)))
    assert nirx.health(own, XS).nodes[1].unreached is None


def test_neurons_that_always_spike():
    found = nirx.health(network(), np.full((60, 4, 2), 1e3, "f4"))
    assert found.nodes[0].saturated == 3
    assert "lif: all 3 neurons spiked in every step" in found.findings


def test_what_training_broke_is_named_with_its_first_step():
    net = network(gain=5.0)
    with torch.no_grad():
        net.lif_1.tau[2] = float("nan")
        net.lif.tau[0] = -1.0
        net.affine.bias[1] = float("inf")
    found = nirx.health(net, XS)
    assert "lif_1.tau: 1 of 4 numbers is NaN or infinite" in found.findings
    assert any(text.startswith("lif.tau: 1 of 3 numbers is not above 0") for text in found.findings)
    assert found.first_nonfinite == "infinity: affine at step 0, [0, 1] of batch and features"


def test_a_network_that_explodes_late_is_dated():
    graph = nir.NIRGraph.from_list(nir.I(r=np.array([1e30])), nir.Scale(np.array([1e10])))
    xs = np.zeros((9, 2, 1), "f4")
    xs[5, 1] = 1e3
    found = nirx.health(nirx.from_nir(graph, "numpy", nirx.Discretization(dt=1.0)), xs)
    assert found.first_nonfinite == "infinity: scale at step 5, [1, 0] of batch and features"


def test_only_networks_are_taken():
    with pytest.raises(nirx.InputError, match=r"expected a network of nirx\.from_nir"):
        nirx.health(torch.nn.Linear(2, 2), XS)
