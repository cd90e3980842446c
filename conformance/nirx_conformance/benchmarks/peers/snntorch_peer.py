"""snnTorch: Leaky and Synaptic, one call of the network per step, as in its tutorials."""

# pyright: reportMissingImports=false

from __future__ import annotations

from typing import Any

import torch

from nirx_conformance.benchmarks.peers.torch_chain import StepByStep, parts_of, torch_subject
from nirx_conformance.benchmarks.subject import CannotRunError, Case, Subject

__all__ = ["build"]


def build(case: Case) -> Subject:
    """See `nirx_conformance.benchmarks.peers.Build`."""
    from snntorch import Synaptic
    from snntorch.surrogate import fast_sigmoid

    chain, parts = parts_of(case, "snntorch")
    for layer, part in zip(chain.layers, parts, strict=True):
        if part.cell is not None:
            if not hasattr(layer.neuron, "v_threshold"):
                raise CannotRunError("neurons that do not spike are not built for snnTorch")
            part.cell.spike_grad = fast_sigmoid(slope=100)

    def call(cell: Any, x: torch.Tensor, state: Any) -> Any:
        if state is None:
            count = 2 if isinstance(cell, Synaptic) else 1
            state = (torch.zeros_like(x),) * count
        y, *state = cell(x, *state)
        return y, state

    model = StepByStep(parts, call)
    return torch_subject("snntorch", case, model, note="step by step; fast sigmoid, slope 100")
