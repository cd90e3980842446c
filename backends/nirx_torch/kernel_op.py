"""`nirx::scan`: a fused layer as one operation that torch.compile does not look into.

Compilers trace tensors without memory, so they cannot enter a kernel; and without it they unroll
the loop over time, so that compile time grows with the length of a run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from nirx.dynamics.base import Dynamics
from nirx.dynamics.ops import Array, Ops, Shape
from nirx.dynamics.surrogate_formulas import Surrogate
from nirx.execution.kernels.gradient import backward_scan, kept_again, kept_scan
from nirx.execution.kernels.plan import Plan
from nirx.execution.kernels.scan import traced
from nirx.execution.kernels.surrogate import has_formula
from nirx.execution.kernels.trace import TracedStep
from nirx.execution.node_surrogates import NodeSurrogates
from nirx.execution.runners import NativeRunner
from nirx.graphs.schedule import Schedule
from nirx_torch.lending import memory

__all__ = ["CompiledRunner", "Layer", "compiled_layers"]


@dataclass(frozen=True, eq=False)
class Layer:
    """A fused layer as a compiled graph knows it.

    Arguments:
        key: text that stands for it; a compiled graph holds nothing else.
        step, surrogate, features: what it computes.
    """

    key: str
    step: TracedStep
    surrogate: Surrogate
    features: Shape


_LAYERS: dict[str, Layer] = {}
_SURROGATES: dict[Surrogate, Surrogate] = {}


def compiled_layers(
    schedule: Schedule, plan: Plan, surrogates: NodeSurrogates
) -> list[Layer | None]:
    """The layers of a network that an operation can run under a compiler, by position."""
    found: list[Layer | None] = []
    for position, (place, choice) in enumerate(zip(schedule.nodes, plan.choices, strict=True)):
        surrogate = surrogates.at(position)
        if choice.how != "fused" or place.dynamics is None or not has_formula(surrogate):
            found.append(None)
            continue
        step = traced(place.dynamics, *plan.mode)
        surrogate = _SURROGATES.setdefault(surrogate, surrogate)  # equal ones share a graph
        key = f"{id(step)} {id(surrogate)} {place.output_shape}"
        # The table keeps step and surrogate alive, so that their ids stay theirs.
        own = Layer(key, step, surrogate, place.output_shape)
        found.append(_LAYERS.setdefault(key, own))
    return found


class CompiledRunner(NativeRunner):
    """A node whose chunks a compiler takes as one operation."""

    def __init__(
        self, dynamics: Dynamics, parameters: Mapping[str, Array], layer: Layer, plan: Plan
    ):
        super().__init__(dynamics, parameters, layer.surrogate)
        self.layer, self.plan = layer, plan

    def chunk(
        self, ops: Ops, c: Any, xs: Array, state: Any, record: tuple[str, ...]
    ) -> tuple[Array, Any, dict[str, Array]]:
        step = self.layer.step
        if not self.plan.is_worth_it(xs.shape[0], xs.numel()):
            return super().chunk(ops, c, xs, state, record)
        tensors = [t.contiguous() for t in step.operands(xs, c, state)]
        y, *traces = torch.ops.nirx.scan(tensors, self.layer.key)
        own = dict(zip(step.states, traces, strict=True))
        return y, {k: t[-1] for k, t in own.items()}, {k: own[k][1:] for k in record}


@torch.library.custom_op("nirx::scan", mutates_args=(), device_types="cpu")
def _scan(tensors: list[torch.Tensor], key: str) -> list[torch.Tensor]:
    """[xs, *coefficients, *states] -> [y, *every state before each step and after the last]."""
    layer = _LAYERS[key]
    x, coefficients, states = layer.step.named([memory(t) for t in tensors])
    y, kept = kept_scan(layer.step, coefficients, x, states, layer.features)
    traces = [t.reshape((len(t), *x.shape[1:])) for t in kept.traces.values()]
    return [torch.from_numpy(a) for a in (y, *traces)]


@_scan.register_fake
def _(tensors: list[torch.Tensor], key: str) -> list[torch.Tensor]:
    xs = tensors[0]
    trace = (xs.shape[0] + 1, *xs.shape[1:])
    return [
        xs.new_empty(xs.shape),
        *(xs.new_empty(trace) for _ in _LAYERS[key].step.states),
    ]


@torch.library.custom_op("nirx::scan_backward", mutates_args=(), device_types="cpu")
def _backward(
    tensors: list[torch.Tensor],
    traces: list[torch.Tensor],
    gradients: list[torch.Tensor],
    key: str,
) -> list[torch.Tensor]:
    layer = _LAYERS[key]
    step = layer.step
    x, coefficients, _ = step.named([memory(t) for t in tensors])
    own = dict(zip(step.states, (t.detach().numpy() for t in traces), strict=True))
    kept = kept_again(coefficients, x, own, layer.features)
    gy, *of_traces = (g.detach().numpy() for g in gradients)
    of_states = dict(zip(step.states, of_traces, strict=True))
    gx, first, parameters = backward_scan(
        step,
        kept,
        layer.surrogate,
        tuple(f"c.{name}" for name in step.coefficients),
        gy,
        {name: g[1:] for name, g in of_states.items()},
        {},
    )
    found = [torch.from_numpy(gx)]
    for name, tensor in zip(step.coefficients, tensors[1:], strict=False):
        found.append(torch.from_numpy(parameters[f"c.{name}"]).sum_to_size(tensor.shape))
    found += [
        torch.from_numpy(first[name]) + of_trace[0]
        for name, of_trace in zip(step.states, gradients[1:], strict=True)
    ]
    return [f.clone() for f in found]


@_backward.register_fake
def _(
    tensors: list[torch.Tensor],
    traces: list[torch.Tensor],
    gradients: list[torch.Tensor],
    key: str,
) -> list[torch.Tensor]:
    return [t.new_empty(t.shape) for t in tensors]


def _set_up(ctx: Any, inputs: Any, output: Any) -> None:
    tensors, ctx.key = inputs
    ctx.count = len(tensors)
    ctx.save_for_backward(*tensors, *output[1:])


def _differentiate(ctx: Any, gradients: Any) -> Any:
    tensors = list(ctx.saved_tensors[: ctx.count])
    traces = list(ctx.saved_tensors[ctx.count :])
    like = [tensors[0], *traces]
    whole = [
        torch.zeros_like(one) if g is None else g.contiguous()
        for g, one in zip(gradients, like, strict=True)
    ]
    return torch.ops.nirx.scan_backward(tensors, traces, whole, ctx.key), None


_scan.register_autograd(_differentiate, setup_context=_set_up)
