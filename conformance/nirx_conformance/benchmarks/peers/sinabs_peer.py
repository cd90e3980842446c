"""sinabs: its layers over [batch, time], weights on all steps at once, as in its documentation."""

# pyright: reportMissingImports=false

from __future__ import annotations

from typing import Any

import torch

from nirx.execution.node_surrogates import SURROGATES
from nirx_conformance.benchmarks.peers.torch_chain import TorchPart, parts_of, torch_subject
from nirx_conformance.benchmarks.peers.torch_layers import OverTime
from nirx_conformance.benchmarks.subject import Case, Subject

__all__ = ["build"]


def build(case: Case) -> Subject:
    """See `nirx_conformance.benchmarks.peers.Build`."""
    import sinabs.layers as sl

    _, parts = parts_of(case, "sinabs")
    layers: list[torch.nn.Module] = []
    for part in parts:
        linear = all(isinstance(w, torch.nn.Linear) for w in part.weights)
        layers += part.weights if linear else [OverTime(w) for w in part.weights]
        if part.cell is not None:
            part.cell.surrogate_grad_fn = _superspike
            layers.append(part.cell if part.feedback is None else _recurrent(part))
    model = torch.nn.Sequential(*layers)
    stateful: list[Any] = [m for m in model.modules() if isinstance(m, sl.StatefulLayer)]

    def forward(xs: torch.Tensor) -> torch.Tensor:
        for layer in stateful:
            layer.reset_states()
        return model(xs)

    note = "layers over time; SuperSpike, slope 100"
    return torch_subject("sinabs", case, model, forward, time_axis=1, note=note)


def _superspike(v_mem: torch.Tensor, spike_threshold: Any) -> torch.Tensor:
    return SURROGATES["superspike"](v_mem - spike_threshold)


def _recurrent(part: TorchPart) -> Any:
    """Its recurrent layer, with the numbers of the cell."""
    import sinabs.layers as sl

    cell = part.cell
    synapse = getattr(cell, "alpha_syn", None)
    layer = sl.LIFRecurrent(
        1.0,
        rec_connect=part.feedback,
        tau_syn=None if synapse is None else 1.0,
        spike_threshold=cell.spike_threshold,
        spike_fn=cell.spike_fn,
        reset_fn=cell.reset_fn,
        surrogate_grad_fn=_superspike,
        train_alphas=True,
        norm_input=False,
    )
    layer.alpha_mem, layer.alpha_syn = cell.alpha_mem, synapse
    return layer
