"""DYNAP-CNN's neurons as sinabs has them, in whole numbers: the oracle of integers agrees.

sinabs rounds weights and thresholds to the chip's and then runs its own IAF on them. It has the
lower bound of the chip's membrane, not its upper end of 16 bits, so the test stays below that.
"""

from __future__ import annotations

import nir
import numpy as np
import pytest
import torch

import nirx
from nirx_conformance.oracle.integers import Arithmetic, run
from support.graphs import line, make_graph

pytest.importorskip("sinabs", reason="sinabs is installed by `make libraries` only")

from sinabs.layers import IAF

CHOICES = nirx.Discretization(dt=1.0, threshold="ge", reset="subtract", spikes="multi")
LOWEST, THRESHOLD = -400, 300


def test_convolution_and_spikes_with_a_lower_bound():
    draw = np.random.default_rng(0)
    weight = draw.integers(-128, 128, (4, 2, 3, 3)).astype(float)
    bias = draw.integers(-128, 128, 4).astype(float)
    xs = draw.integers(0, 3, (60, 2, 6, 6))

    neurons = IAF(spike_threshold=float(THRESHOLD), min_v_mem=float(LOWEST), record_states=True)
    with torch.no_grad():
        parameters = (torch.tensor(values, dtype=torch.float32) for values in (weight, bias))
        currents = torch.nn.functional.conv2d(torch.tensor(xs, dtype=torch.float32), *parameters)
        spikes = neurons(currents[None])[0].numpy()
        v = neurons.recordings["v_mem"][0].numpy()

    shape = v.shape[1:]
    graph = make_graph(
        line("input", "conv", "neurons", "output"),
        (2, 6, 6),
        conv=nir.Conv2d((6, 6), weight, 1, 0, 1, 1, bias),
        neurons=nir.IF(np.ones(shape), np.full(shape, THRESHOLD), np.zeros(shape)),
        output=nir.Output({"output": np.array(shape)}),
    )
    seen = run(graph, CHOICES, xs, Arithmetic(membrane_lowest=LOWEST)).recordings
    assert np.array_equal(seen["neurons"], spikes)
    assert np.array_equal(seen["neurons.v"], v)
    assert spikes.max() > 1
    assert (v == LOWEST).any()
    assert not np.any(seen["neurons.v_overflows"])
