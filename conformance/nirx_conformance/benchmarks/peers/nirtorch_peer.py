"""nirtorch: its own import with a node map, called once per step with its state.

It brings no neurons, so the node map's are plain torch: NIR's default step, SuperSpike. The node
map has torch's layers too, since nirtorch 2.6 by itself leaves the bias of an Affine at random and
flattens the batch.
"""

# pyright: reportMissingImports=false

from __future__ import annotations

import copy
from typing import Any

import nir
import numpy as np
import torch

from nirx.dynamics.discretization import Discretization
from nirx.execution.node_surrogates import SURROGATES
from nirx_conformance.benchmarks.chain import chain_of
from nirx_conformance.benchmarks.peers.torch_chain import torch_subject
from nirx_conformance.benchmarks.peers.torch_layers import torch_layer
from nirx_conformance.benchmarks.subject import CannotRunError, Case, Subject

__all__ = ["build"]


def build(case: Case) -> Subject:
    """See `nirx_conformance.benchmarks.peers.Build`."""
    import nirtorch

    chain = chain_of(case.graph, case.discretization)
    dt, kind = case.discretization.dt, getattr(torch, case.dtype)
    for layer in chain.layers:
        if layer.rule != Discretization(dt=dt):
            raise CannotRunError("its neurons here take NIR's default step only")
        if layer.neuron is not None and not isinstance(layer.neuron, tuple(NEURONS)):
            raise CannotRunError(f"{type(layer.neuron).__name__} is not built for nirtorch")
    node_map = {t: lambda node: NEURONS[type(node)](node, dt, kind) for t in NEURONS}
    node_map |= dict.fromkeys(LAYERS, lambda node: torch_layer(node, case.dtype))
    net = nirtorch.nir_to_torch(copy.deepcopy(case.graph), node_map, dtype=kind)
    for module in net.modules():
        if isinstance(module, torch.nn.Linear | torch.nn.Conv2d):
            module.requires_grad_(True)

    def forward(xs: torch.Tensor) -> torch.Tensor:
        state, rows = None, []
        for x in xs:
            y, state = net(x) if state is None else net(x, state)
            rows.append(y)
        return torch.stack(rows)

    note = "step by step; neurons in plain torch; SuperSpike, slope 100"
    return torch_subject("nirtorch", case, net, forward, note=note)


class _Spike(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, u: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        ctx.save_for_backward(u)
        return (u > 0).to(u.dtype)

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        (u,) = ctx.saved_tensors
        return grad * SURROGATES["superspike"](u)


class _Neuron(torch.nn.Module):
    """The parameters of a node, as buffers, and its spike and reset."""

    def __init__(self, node: Any, dt: float, kind: torch.dtype):
        super().__init__()
        self.dt = dt
        for name, value in vars(node).items():
            if isinstance(value, np.ndarray):
                self.register_buffer(name, torch.from_numpy(value.copy()).to(kind))

    def spike(self, v: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        z: Any = _Spike.apply(v - self.v_threshold)  # type: ignore[operator]
        return z, torch.where(z > 0, self.v_reset, v)  # type: ignore[call-overload]


class _IF(_Neuron):
    def forward(self, x: torch.Tensor, state: Any = None) -> Any:
        v = torch.zeros_like(x) if state is None else state
        return self.spike(v + (self.dt * self.r) * x)  # type: ignore[operator]


class _LIF(_Neuron):
    def forward(self, x: torch.Tensor, state: Any = None) -> Any:
        v = torch.zeros_like(x) if state is None else state
        return self.spike(v + (self.dt / self.tau) * ((self.v_leak - v) + self.r * x))  # type: ignore[operator]


class _CubaLIF(_Neuron):
    def forward(self, x: torch.Tensor, state: Any = None) -> Any:
        v, i = (torch.zeros_like(x),) * 2 if state is None else state
        i = i + (self.dt / self.tau_syn) * (self.w_in * x - i)  # type: ignore[operator]
        v = v + (self.dt / self.tau_mem) * ((self.v_leak - v) + self.r * i)  # type: ignore[operator]
        z, v = self.spike(v)
        return z, (v, i)


LAYERS = (nir.Linear, nir.Affine, nir.Conv2d, nir.SumPool2d, nir.Flatten)
NEURONS = {nir.IF: _IF, nir.LIF: _LIF, nir.CubaLIF: _CubaLIF}
