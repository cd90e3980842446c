"""Neurons of the libraries that NIR does not know: moved as `nirx.Neuron`, or refused by name."""

# The libraries are not in .venv, where types are checked.
# pyright: reportMissingImports=false, reportArgumentType=false, reportCallIssue=false

from __future__ import annotations

from typing import Any

import nir
import numpy as np
import pytest
import torch
from torch import nn

import nirx
from support.torch_neurons import neurons_of

snn = pytest.importorskip("snntorch")
norse = pytest.importorskip("norse.torch")
neuron = pytest.importorskip("spikingjelly.activation_based.neuron")
pytest.importorskip("sinabs.layers")

OPTIONS: Any = {"init_hidden": True, "output": True}
WITHOUT = {
    "snntorch": {
        "Alpha": lambda: snn.Alpha(alpha=0.9, beta=0.8, **OPTIONS),
        "SLSTM": lambda: snn.SLSTM(4, 4, **OPTIONS),
    },
    "norse": {
        name: lambda name=name: getattr(norse, name)()
        for name in ("LIFAdExCell", "LIFRefracCell", "LSNNCell", "LIFExCell")
    },
    "spikingjelly": {
        "KLIFNode": lambda: neuron.KLIFNode(),
        "QIFNode": lambda: neuron.QIFNode(),
        "EIFNode": lambda: neuron.EIFNode(),
        "IzhikevichNode": lambda: neuron.IzhikevichNode(),
    },
    "sinabs": {"ALIFRecurrent": neurons_of("sinabs")["ALIFRecurrent"]},
}
CASES = [(library, kind) for library, kinds in WITHOUT.items() for kind in kinds]


REFUSED = ("SLSTM", "ALIFRecurrent")
"""They mix neurons or steps, or their forward is many steps."""


@pytest.mark.parametrize(("library", "kind"), CASES)
def test_they_move_as_neurons_or_the_refusal_says_what_to_do(library, kind):
    torch.manual_seed(0)
    container = norse.SequentialState if library == "norse" else nn.Sequential
    model = container(nn.Linear(6, 4), WITHOUT[library][kind]())
    if kind in REFUSED:
        said = rf"1: {library}'s {kind} has no NIR node: .*Use .* or define .*register_type"
        with pytest.raises(nirx.UnsupportedError, match=said):
            nirx.move(model, "torch", source=library, input_shape=(6,))
        return
    xs = 4 * np.random.default_rng(0).random((60, 2, 6)).astype(np.float32)
    moved = nirx.move(model, "jax", xs=xs, source=library)
    assert moved.fidelity in ("exact", "rounding"), moved
    kinds = [type(node) for node in moved.graph.nodes.values()]
    assert nirx.Neuron in kinds


@pytest.mark.parametrize("options", [{"beta": 0.8}, {"R": 2.0, "C": 4.0}, {"beta": 0.9, "R": 5.0}])
def test_a_lapicque_is_an_lif(options):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 4), snn.Lapicque(threshold=0.3, **options, **OPTIONS))
    xs = 4 * np.random.default_rng(0).random((200, 3, 6)).astype(np.float32)
    moved = nirx.move(model, "torch", xs=xs)
    assert moved.fidelity in ("exact", "rounding")
    assert moved.silent == ()


def test_a_lapicque_that_resets_to_zero_is_a_lif():
    torch.manual_seed(0)
    cell = snn.Lapicque(beta=0.8, threshold=0.3, reset_mechanism="zero", **OPTIONS)
    xs = 4 * np.random.default_rng(0).random((100, 3, 6)).astype(np.float32)
    moved = nirx.move(nn.Sequential(nn.Linear(6, 4), cell), "torch", xs=xs)
    assert moved.fidelity in ("exact", "rounding")
    assert type(moved.graph.nodes["1"]) is nir.LIF
