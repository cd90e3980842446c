"""`nirx.diagnose` tells from a recording of its spikes how each library's own neuron steps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import nirx
from nirx.bridging.bridge import bridge_names, find_bridge
from nirx_conformance.libraries.neurons import around, drive, neuron
from nirx_conformance.libraries.run import run_on

DT = 1e-3
LIBRARIES = [name for name in bridge_names() if name not in ("torch", "jax")]
STEPS = 400


def recordings(name):
    """Of every spiking neuron that a library has, by each of its presets: its own spikes."""
    try:
        bridge = find_bridge(name)
    except nirx.UnsupportedError as error:
        pytest.skip(str(error))
    xs = drive(STEPS)
    for preset in bridge.presets:
        d = replace(nirx.PRESETS[preset], dt=DT)
        for kind in ("IF", "LIF", "CubaLIF"):
            graph = around(neuron(kind, uniform=True, rest=0.0))
            if type(graph.nodes["neuron"]) not in bridge.node_map:
                continue
            dtype = bridge.dtypes[-1]
            try:
                spikes = run_on(bridge, graph, d, xs, dtype)
            except nirx.UnsupportedError:
                continue  # a preset is for some of the library's neurons
            if spikes.any():
                yield preset, kind, graph, d, xs, spikes


@pytest.mark.parametrize("name", LIBRARIES)
def test_the_step_of_a_library_is_found_from_its_spikes(name):
    found = []
    for preset, kind, graph, d, xs, spikes in recordings(name):
        start = nirx.Discretization(dt=DT)
        given = {"neuron": np.asarray(spikes, np.float64)}
        diagnosis = nirx.diagnose(graph, xs, given, discretization=start)
        assert diagnosis.explained, f"{preset}, {kind}: {diagnosis}"
        node = diagnosis["neuron"]
        assert node.allows(d), f"{preset}, {kind}: {diagnosis}"
        assert node.pinned, f"{preset}, {kind}: no choice was distinguished"
        found.append((preset, kind))
    assert found, "no neuron of the library was recorded"
