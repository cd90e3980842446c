"""Neurons of the libraries that NIR does not know: refused by name, with what to do."""

# The libraries are not in .venv, where types are checked.
# pyright: reportMissingImports=false, reportArgumentType=false, reportCallIssue=false

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import nirx
from support.torch_neurons import neurons_of

snn = pytest.importorskip("snntorch")
norse = pytest.importorskip("norse.torch")
pytest.importorskip("spikingjelly")
pytest.importorskip("sinabs.layers")

OPTIONS: Any = {"init_hidden": True, "output": True}
WITHOUT = {
    "snntorch": {"SLSTM": lambda: snn.SLSTM(4, 4, **OPTIONS)},
    "norse": {
        name: lambda name=name: getattr(norse, name)(4, 4)
        for name in ("LIFAdExRecurrentCell", "LIFRefracRecurrentCell", "LSNNRecurrentCell")
    },
    "spikingjelly": {"FewSpikeNode": neurons_of("spikingjelly")["FewSpikeNode"]},
    "sinabs": {"ALIFRecurrent": neurons_of("sinabs")["ALIFRecurrent"]},
}
CASES = [(library, kind) for library, kinds in WITHOUT.items() for kind in kinds]


@pytest.mark.parametrize(("library", "kind"), CASES)
def test_the_refusal_says_what_to_do(library, kind):
    model = nn.Sequential(nn.Linear(6, 4), WITHOUT[library][kind]())
    said = rf"1: {library}'s {kind} has no NIR node: .*Use .* or define .*register_type"
    with pytest.raises(nirx.UnsupportedError, match=said):
        nirx.move(model, "torch", source=library, input_shape=(6,))


@pytest.mark.parametrize("options", [{"beta": 0.8}, {"R": 2.0, "C": 4.0}, {"beta": 0.9, "R": 5.0}])
def test_a_lapicque_is_an_lif(options):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 4), snn.Lapicque(threshold=0.3, **options, **OPTIONS))
    xs = 4 * np.random.default_rng(0).random((200, 3, 6)).astype(np.float32)
    moved = nirx.move(model, "torch", xs=xs)
    assert moved.fidelity in ("exact", "rounding")
    assert moved.silent == ()


def test_a_lapicque_that_resets_to_zero_is_no_nir_node():
    cell = snn.Lapicque(beta=0.8, threshold=0.3, reset_mechanism="zero", **OPTIONS)
    xs = 4 * np.random.default_rng(0).random((200, 3, 6)).astype(np.float32)
    moved = nirx.move(nn.Sequential(nn.Linear(6, 4), cell), "torch", xs=xs)
    assert isinstance(moved.graph.nodes["1"], nirx.Neuron)
    assert moved.fidelity in ("exact", "rounding")
