"""Presets of chips: graphs built by hand for a chip run as its simulator's graph does."""

# pyright: reportAttributeAccessIssue=false, reportOptionalMemberAccess=false

from __future__ import annotations

import random
from dataclasses import replace

import nir
import numpy as np
import pytest

import nirx
from nirx_conformance.chips import loihi, xylo
from support.paper import shared_folder

CHIPS = ("loihi", "xylo", "dynapcnn", "spinnaker", "int8")


def drawn(draw, rows, columns, low, high):
    return [[draw.randint(low, high) for _ in range(columns)] for _ in range(rows)]


def all_of(graph, rule, xs):
    return nirx.digest(
        nirx.find_backend("numpy").prepare(graph, rule, execution="plain")(xs, None, "all")[2]
    )


def test_loihi():
    """The preset has weights of both signs in 8 bits: they are half of Lava's even ones."""
    draw = random.Random(0)
    even = [[2 * w for w in row] for row in drawn(draw, 5, 4, -128, 127)]
    biases = [draw.randint(-4096, 4095) for _ in range(5)]
    first = loihi.Population(300, 40, 900, biases, [2] * 5)
    network = loihi.LoihiNetwork([first], [loihi.Connection(None, 0, even)])
    rule = replace(loihi.DISCRETIZATION, arithmetic=nirx.Arithmetic(**network.arithmetic))
    own = nirx.PRESETS["loihi"]
    changes = {"weight_bits": 8, "weight_shift": network.arithmetic["weight_shift"] + 1}
    assert own == replace(rule, arithmetic=rule.arithmetic.changed(changes))
    halved = network.graph()
    halved.nodes["w0"].weight = np.array(even) / 2
    xs = np.array(drawn(draw, 200, 4, 0, 1))
    assert all_of(network.graph(), rule, xs) == all_of(halved, own, xs)


def test_xylo():
    draw = random.Random(1)

    def layer(size):
        dash = [draw.randint(1, 5) for _ in range(size)]
        biases = [draw.randint(-5, 5) for _ in range(size)]
        return xylo.Layer(dash, dash[::-1], [draw.randint(100, 900) for _ in dash], biases)

    first, back, last = (drawn(draw, a, b, -128, 127) for a, b in ((3, 6), (6, 6), (6, 2)))
    network = xylo.XyloNetwork(first, back, last, layer(6), layer(2))
    rule = replace(xylo.DISCRETIZATION, arithmetic=nirx.Arithmetic(**xylo.ARITHMETIC))
    own = nirx.PRESETS["xylo"]
    assert own == replace(
        rule, arithmetic=rule.arithmetic.changed({"weight_bits": 8}), overrides={}
    )
    xs = np.array(drawn(draw, 200, 3, 0, 3))
    mine = replace(own, overrides=rule.overrides)
    assert all_of(network.graph(), rule, xs) == all_of(network.graph(), mine, xs)


@pytest.mark.parametrize("name", CHIPS)
def test_a_preset_has_its_arithmetic_in_its_json(name):
    own = nirx.PRESETS[name]
    assert own.arithmetic is not None
    assert nirx.Discretization.from_json(own.to_json()) == own


PAPER = {
    "lif_norse.nir": ({}, 0.3),
    "braille_noDelay_bias_zero.nir": ({}, 0.1),
    "braille_noDelay_noBias_subtract.nir": ({"reset": "subtract"}, 0.1),
    "cnn_sinabs.nir": (
        {"dt": 1.0, "threshold": "ge", "reset": "subtract", "spikes": "multi"},
        0.05,
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", PAPER)
@pytest.mark.sampled(2)
def test_the_graphs_of_the_paper_are_quantized(name):
    """Every weight keeps most of its bits, and the layers spike about as often."""
    choices, rate = PAPER[name]
    graph = nirx.read(shared_folder("nir_paper") / name)
    rule = nirx.Discretization(**{"dt": 1e-4, **choices})
    (shape,) = [n.input_type["input"] for n in graph.nodes.values() if isinstance(n, nir.Input)]
    xs = (np.random.default_rng(0).random((100, 4, *shape)) < rate).astype(np.int64)
    found = nirx.compare(graph, xs, "numpy", arithmetic=nirx.Arithmetic(), discretization=rule)
    report = found.quantization.report
    assert min(own.weight_bits for own in report if own.weight_bits) >= 6
    assert sum(own.saturated or 0 for own in report) == 0
    assert not any(own.lost for own in report)
    for floats, integers in found.spikes.values():
        assert abs(integers - floats) <= 0.15 * floats
    assert found.causes["decays"] == 0
