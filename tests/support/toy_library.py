"""A made-up SNN library on torch with its bridge, a model of it, and a graph to move."""

# nir's and torch's annotations are narrower than what both take and give.
# pyright: reportAttributeAccessIssue=false, reportOperatorIssue=false, reportOptionalCall=false

from __future__ import annotations

from functools import partial
from importlib.metadata import EntryPoint

import nir
import numpy as np
import pytest
import torch

import nirx
from nirx.basics.type_map import TypeMap
from nirx.bridging import bridge as bridges
from nirx.bridging.bridge import Bridge
from nirx.bridging.limits import Limits
from nirx.bridging.membrane import Membrane, membrane_of, neuron_node
from nirx.graphs.rules import with_rule
from nirx_torch.bridges.exporting import export_with
from nirx_torch.bridges.neuron import LibraryNeuron
from nirx_torch.bridges.running import run_steps
from nirx_torch.module_map import MODULE_MAP
from support.graphs import chain

__all__ = ["EULER", "TOY", "Cell", "Model", "fidelities", "graph", "lif", "sluggish", "toys"]

EULER = nirx.Discretization(dt=1e-3)
LIMITS = Limits("toy.Cell", ({"reset": ("value",), "reset_when": ("same",), "output": ("new",)},))


class Cell(torch.nn.Module):
    """v = keep*v + x, spikes above 1, then 0 (or `reset`)."""

    def __init__(self, keep, reset=0.0):
        super().__init__()
        self.register_buffer("keep", torch.as_tensor(np.array(keep, np.float64)))
        self.reset = reset

    def forward(self, x, state=None):
        v = self.keep * (torch.zeros_like(x) if state is None else state) + x
        z = (v > 1).to(x.dtype)
        return z, torch.where(z > 0, torch.full_like(v, self.reset), v)


class ToyNeuron(LibraryNeuron):
    def advance(self, x, state):
        z, v = self.cell(x, state[0])
        return z, (v,)


def build(node, rule, reset=0.0):
    LIMITS.require(rule)
    shift = np.asarray(node.v_reset)
    own = membrane_of(node, rule).shifted(shift)
    own, scale = own.scaled(own.threshold), own.threshold
    cell = Cell(own.keep, reset)
    where = {"gain": own.gain, "offset": own.offset, "shift": shift, "scale": scale}
    return ToyNeuron(cell, node, rule, start=[own.start], **where)


def export(cell):
    own = Membrane(cell.keep.numpy(), threshold=np.ones(()))
    return with_rule(neuron_node(own, EULER, True), EULER)


def bridge(name, reset):
    module_map = MODULE_MAP | {Cell: export}
    return Bridge(
        name=name,
        library="toy",
        backend="torch",
        node_map=TypeMap({nir.LIF: partial(build, reset=reset)}),
        module_map=module_map,
        export=partial(export_with, module_map),
        run=run_steps,
    )


TOY, TOY_OFF = bridge("toy", 0.0), bridge("off", 0.4)


@pytest.fixture(autouse=True)
def toys(monkeypatch):
    """The bridges `toy` and `off`, whose neurons reset to a wrong value."""
    real = bridges.entry_points

    def entry_points(group):
        values = {"toy": f"{__name__}:TOY", "off": f"{__name__}:TOY_OFF"}
        own = [EntryPoint(name, value, "nirx.bridges") for name, value in values.items()]
        return [*real(group=group), *(own if group == "nirx.bridges" else [])]

    monkeypatch.setattr(bridges, "entry_points", entry_points)


def layers(seed=0):
    generator = torch.Generator().manual_seed(seed)
    first, second = torch.nn.Linear(5, 12), torch.nn.Linear(12, 4)
    with torch.no_grad():
        for layer in (first, second):
            layer.weight.copy_(1.5 * torch.randn(layer.weight.shape, generator=generator) + 0.5)
            layer.bias.copy_(0.1 * torch.randn(layer.bias.shape, generator=generator))
    return first, second


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.fc2 = layers()
        self.cell1, self.cell2 = Cell(np.full(12, 0.8)), Cell(np.linspace(0.5, 0.9, 4))

    def forward(self, x, state=None):
        first, second = (None, None) if state is None else state
        z, first = self.cell1(self.fc1(x), first)
        z, second = self.cell2(self.fc2(z), second)
        return z, (first, second)


def lif(size, seed=0):
    draw = np.random.default_rng(seed).uniform
    return nir.LIF(
        draw(2e-3, 2e-2, size),
        draw(5, 9, size),
        draw(-0.2, 0.3, size),
        draw(0.5, 1.5, size),
        draw(-0.3, 0.2, size),
    )


def graph():
    """5 inputs -> Affine -> 12 LIF -> Affine -> 4 LIF."""
    fc1, fc2 = (MODULE_MAP[torch.nn.Linear](layer) for layer in layers())
    return chain({"fc1": fc1, "lif1": lif(12), "fc2": fc2, "lif2": lif(4, 1)}, takes=5, gives=4)


def sluggish():
    """Spikes of height 1 do not reach its thresholds."""
    given = graph()
    for name in ("lif1", "lif2"):
        given.nodes[name].v_threshold[:] = 9
        given.nodes[name].r[:] = 1
    for name in ("fc1", "fc2"):
        given.nodes[name].weight[:] = np.abs(given.nodes[name].weight)
    given.nodes["fc2"].weight *= 40
    return given


def fidelities(run):
    return {node.key: node.fidelity for node in run.nodes}
