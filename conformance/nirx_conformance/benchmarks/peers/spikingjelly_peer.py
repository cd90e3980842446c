"""SpikingJelly: its nodes in step mode "m", its recurrent container for a loop."""

# pyright: reportMissingImports=false

from __future__ import annotations

from typing import Any

import torch

from nirx_conformance.benchmarks.peers.torch_chain import TorchPart, parts_of, torch_subject
from nirx_conformance.benchmarks.subject import Case, Subject

__all__ = ["build"]


def build(case: Case) -> Subject:
    """See `nirx_conformance.benchmarks.peers.Build`."""
    from spikingjelly.activation_based import functional
    from spikingjelly.activation_based.layer import SeqToANNContainer

    _, parts = parts_of(case, "spikingjelly")
    layers: list[Any] = []
    for part in parts:
        linear = all(isinstance(w, torch.nn.Linear) for w in part.weights)
        if linear:
            layers += part.weights
        elif part.weights:
            layers.append(SeqToANNContainer(*part.weights))
        if part.cell is not None:
            layers.append(_neuron(part))
    model = torch.nn.Sequential(*layers)
    functional.set_step_mode(model, "m")

    def forward(xs: torch.Tensor) -> torch.Tensor:
        functional.reset_net(model)
        return model(xs)

    note = 'step mode "m", backend "torch"; its own surrogate (sigmoid)'
    return torch_subject("spikingjelly", case, model, forward, note=note)


def _neuron(part: TorchPart) -> Any:
    if part.feedback is None:
        return part.cell
    from spikingjelly.activation_based.layer import ElementWiseRecurrentContainer

    return ElementWiseRecurrentContainer(part.cell, _WithFeedback(part.feedback), step_mode="m")


class _WithFeedback(torch.nn.Module):
    """How its container joins the last output and the input."""

    def __init__(self, feedback: torch.nn.Module):
        super().__init__()
        self.feedback = feedback

    def forward(self, y: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        return self.feedback(y) + x
