"""What the torch libraries share: layers from a chain, and running a model of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from nirx.basics.type_map import ABSENT, find_handler
from nirx.bridging.bridge import Bridge, find_bridge
from nirx.execution.assemble import call_builder
from nirx_conformance.benchmarks.chain import Chain, Layer, chain_of
from nirx_conformance.benchmarks.peers.torch_layers import torch_layer, torch_weights, with_gain
from nirx_conformance.benchmarks.subject import CannotRunError, Case, Subject

__all__ = ["StepByStep", "TorchPart", "library_neuron", "parts_of", "torch_subject"]


@dataclass(frozen=True)
class TorchPart:
    """A layer of a chain: torch's weights and the library's own module.

    Arguments:
        weights: in order; the last one holds the neuron's input gain.
        cell: the library's module; None where no neuron follows.
        feedback: from the cell's output to its input; None where there is no loop.
    """

    weights: list[torch.nn.Module]
    cell: Any
    feedback: torch.nn.Module | None


def library_neuron(bridge: Bridge, layer: Layer, dtype: str, rule: Any = None) -> Any:
    """The neuron that nirx's bridge builds; its `cell` is the library's own module.

    **Raises**: `CannotRunError` where the library has none, `NotRepresentable`.
    """
    handler = find_handler(type(layer.neuron), bridge.node_map)
    if handler is ABSENT or handler is None:
        raise CannotRunError(f"{bridge.name} has no {type(layer.neuron).__name__}")
    return call_builder(handler, layer.neuron, rule or layer.rule, dtype, layer.name)


def parts_of(case: Case, name: str) -> tuple[Chain, list[TorchPart]]:
    """The parts of a chain for one library."""
    chain, bridge = chain_of(case.graph, case.discretization), find_bridge(name)
    return chain, [_part(bridge, layer, case.dtype) for layer in chain.layers]


def _part(bridge: Bridge, layer: Layer, dtype: str) -> TorchPart:
    if layer.neuron is None:
        return TorchPart(torch_weights(layer.weights, dtype, 1.0, 0.0), None, None)
    neuron = library_neuron(bridge, layer, dtype)
    starts = [getattr(neuron, f"start_{k}") for k in range(neuron.variables)]
    if any(bool((start != 0).any()) for start in starts):
        raise CannotRunError(f"{layer.name!r} starts above 0, and {bridge.name}'s neurons at 0")
    gain, offset = (t.numpy() for t in (neuron.gain, neuron.offset))
    weights = torch_weights(layer.weights, dtype, gain, offset)
    back = None
    if layer.feedback is not None:
        back = with_gain([torch_layer(layer.feedback, dtype)], gain, 0.0, dtype)
        back = torch.nn.Sequential(*back)
    cell = neuron.cell.to(getattr(torch, dtype))
    for parameter in cell.parameters():
        parameter.requires_grad_(False)  # all programs train the weights, and nothing else
    return TorchPart(weights, cell, back)


class StepByStep(torch.nn.Module):
    """A network that is called once per step, as in the tutorials of Norse and snnTorch.

    Arguments:
        call: (cell, x, state) -> (output, state); state is None before the first step.
    """

    def __init__(self, parts: list[TorchPart], call: Callable[..., Any]):
        super().__init__()
        self.call = call
        self.weights = torch.nn.ModuleList([torch.nn.Sequential(*p.weights) for p in parts])
        self.cells = torch.nn.ModuleList([p.cell or torch.nn.Identity() for p in parts])
        self.backs = torch.nn.ModuleList([p.feedback or torch.nn.Identity() for p in parts])
        self.has_cell = [p.cell is not None for p in parts]
        self.has_back = [p.feedback is not None for p in parts]

    def forward(self, xs: torch.Tensor) -> torch.Tensor:
        states: list[Any] = [None] * len(self.weights)
        before: list[Any] = [None] * len(self.weights)
        rows = []
        for x in xs:
            for k, weights in enumerate(self.weights):
                x = weights(x)
                if self.has_back[k]:
                    y = torch.zeros_like(x) if before[k] is None else before[k]
                    x = x + self.backs[k](y)
                if self.has_cell[k]:
                    x, states[k] = self.call(self.cells[k], x, states[k])
                before[k] = x
            rows.append(x)
        return torch.stack(rows)


def torch_subject(
    name: str,
    case: Case,
    model: torch.nn.Module,
    forward: Callable[[torch.Tensor], torch.Tensor] | None = None,
    time_axis: int = 0,
    note: str = "",
) -> Subject:
    """A torch model as a subject.

    Arguments:
        forward: from a fresh state; None calls the model.
        time_axis: of its input and output; 1 for [batch, time, *features].
    """
    model = model.to(case.device).train(case.train)
    xs = torch.from_numpy(case.xs).movedim(0, time_axis).contiguous().to(case.device)
    forward = forward or model
    trained = [p for p in model.parameters() if p.requires_grad]

    def outputs() -> np.ndarray:
        with torch.no_grad():
            return forward(xs).movedim(time_axis, 0).cpu().numpy()

    def run() -> None:
        if case.train:
            torch.autograd.grad(forward(xs).mean(), trained, allow_unused=True)
        else:
            with torch.no_grad():
                forward(xs)
        if case.device != "cpu":
            torch.cuda.synchronize()

    return Subject(name, "torch", run, outputs, note)
