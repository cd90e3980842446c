"""A recurrent layer that does not know its size takes that of the layer before."""

from __future__ import annotations

import nir
import numpy as np
import pytest
import torch

import nirx
import nirx_torch
from nirx.bridging.feedback import feedback_graph
from support.graphs import lif

D = nirx.Discretization(dt=1.0)


class Recurrent(torch.nn.Module):
    """Stands for a layer of a library; one number for all its neurons."""


def to_graph(back):
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), Recurrent())
    exporters = {Recurrent: lambda module: feedback_graph(lif(1), back, None)}
    return nirx_torch.torch_to_nir(model, exporters, discretization=D)


def test_the_layer_before_tells_the_size():
    graph = to_graph(nir.Scale(np.array([0.5])))
    found = nirx.schedule(graph)
    assert found.shapes["1/lif"] == ((4,), (4,))
    assert len(found.feedback_edges) == 1
    layer = graph.nodes["1"]
    assert layer.nodes["lif"].tau.shape == (4,)
    assert layer.nodes["input"].input_type["input"].tolist() == [4]
    assert layer.nodes["output"].output_type["output"].tolist() == [4]


def test_without_a_layer_before_the_input_shape_is_asked_for():
    exporters = {Recurrent: lambda m: feedback_graph(lif(1), nir.Scale(np.array([0.5])), None)}
    model = torch.nn.Sequential(Recurrent())
    with pytest.raises(nirx.GraphError, match=r"nothing in the model determines .*input_shape="):
        nirx_torch.torch_to_nir(model, exporters, discretization=D)
    graph = nirx_torch.torch_to_nir(model, exporters, input_shape=(6,), discretization=D)
    assert nirx.schedule(graph).shapes["0/lif"] == ((6,), (6,))
