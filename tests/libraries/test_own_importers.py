"""A moved model, written by nirx, is read by nir and by the libraries' own importers."""

# The libraries are not in .venv, where types are checked.
# pyright: reportMissingImports=false, reportArgumentType=false, reportCallIssue=false

from __future__ import annotations

import contextlib
import copy
import io
from typing import Any

import nir
import numpy as np
import pytest
import torch
from torch import nn

import nirx

norse = pytest.importorskip("norse.torch")
snn = pytest.importorskip("snntorch")
sinabs = pytest.importorskip("sinabs")
pytest.importorskip("nirtorch")

pytestmark = pytest.mark.filterwarnings("ignore")  # what the importers say is theirs


def fc() -> nn.Linear:
    return nn.Linear(6, 4)


def models() -> dict[str, Any]:
    from sinabs import layers
    from spikingjelly.activation_based import neuron

    return {
        "snntorch.Leaky": [fc(), snn.Leaky(beta=0.8, init_hidden=True, output=True)],
        "snntorch.Leaky, thresholds": [
            fc(),
            snn.Leaky(beta=0.8, threshold=torch.rand(4) + 0.5, init_hidden=True, output=True),
        ],
        "snntorch.RLeaky": [
            fc(),
            snn.RLeaky(beta=0.8, linear_features=4, init_hidden=True, output=True),
        ],
        "sinabs.LIF": [fc(), layers.LIF(tau_mem=10.0)],
        "sinabs.IAF": [fc(), layers.IAF()],
        "sinabs.LIFRecurrent": [
            fc(),
            layers.LIFRecurrent(tau_mem=10.0, rec_connect=nn.Linear(4, 4)),
        ],
        "spikingjelly.LIFNode": [fc(), neuron.LIFNode(tau=2.0)],
        "spikingjelly.IFNode": [fc(), neuron.IFNode()],
    }


def by_nirtorch(graph: nir.NIRGraph) -> Any:
    from nirtorch import nir_to_torch

    from nirx_torch import from_nir as build  # any module will do for a neuron

    def neuron(node: Any) -> nn.Module:
        return build(nir.NIRGraph.from_list(node), nirx.Discretization(dt=1e-4))

    return nir_to_torch(graph, {nir.LIF: neuron, nir.IF: neuron})


def by_snntorch(graph: nir.NIRGraph) -> Any:
    from snntorch.import_nir import import_from_nir

    return import_from_nir(graph)


def by_sinabs(graph: nir.NIRGraph) -> Any:
    from sinabs.nir import from_nir

    return from_nir(graph, batch_size=2)


def by_norse(graph: nir.NIRGraph) -> Any:
    return norse.from_nir(graph, ignore_warnings=True)


CASES = [
    (name, importer)
    for name in models()
    for importer in (by_norse, by_snntorch, by_sinabs, by_nirtorch)
    if (name, importer) != ("snntorch.Leaky, thresholds", by_snntorch)  # it wants equal ones
]


@pytest.mark.parametrize(("name", "importer"), CASES)
def test_an_importer_accepts_the_file(name, importer, tmp_path):
    torch.manual_seed(0)
    moved = nirx.move(nn.Sequential(*models()[name]), "torch", input_shape=(6,))
    nirx.write(tmp_path / "m.nir", moved.graph)
    graph = nir.read(tmp_path / "m.nir")
    with contextlib.redirect_stdout(io.StringIO()):
        net = importer(copy.deepcopy(graph))
    held = {tuple(p.shape) for p in net.parameters()}
    weight = np.asarray(moved.graph.nodes["0"].weight)
    assert weight.shape in held
