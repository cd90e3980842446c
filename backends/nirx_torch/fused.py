"""Fused kernels on torch: tensors of the CPU are lent to them, with gradients."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from nirx.dynamics.base import Dynamics
from nirx.dynamics.ops import Array, Ops
from nirx.dynamics.surrogate_formulas import Surrogate
from nirx.execution.kernels.gather import GatheredWeight
from nirx.execution.kernels.gradient import backward_scan, kept_again, kept_scan
from nirx.execution.kernels.plan import Plan
from nirx.execution.kernels.product import ProductRunner
from nirx.execution.kernels.runner import FusedRunner
from nirx.execution.kernels.surrogate import has_formula
from nirx.execution.kernels.trace import TracedStep
from nirx.execution.runners import NativeRunner
from nirx_torch.lending import lent, lent_without_gradient, memory
from nirx_torch.ops import TorchOps
from nirx_torch.product import affine, needs_gradient, with_gradients
from nirx_torch.reproducible import ReproducibleTorchOps

__all__ = ["HOST", "TorchFusedRunner", "TorchHost", "TorchProductRunner"]


class TorchHost:
    """See `nirx.execution.kernels.runner.Host`.

    Arguments:
        lend: the memory of a tensor, or None where it is not lent.
    """

    def __init__(self, lend: Callable[[torch.Tensor], np.ndarray | None]):
        self._lend = lend

    def stands_for(self, ops: Ops) -> bool:
        return type(ops) in (TorchOps, ReproducibleTorchOps)

    def arrays(self, arrays: Sequence[Array]) -> list[np.ndarray] | None:
        found = [self._lend(a) for a in arrays]
        return None if any(a is None for a in found) else found  # type: ignore[return-value]

    def result(self, array: np.ndarray) -> Array:
        return torch.from_numpy(array)


HOST = TorchHost(lent_without_gradient)
GRADIENT_HOST = TorchHost(lent)
"""Lends tensors that need a gradient too, to a caller that sees to it."""


class TorchFusedRunner(FusedRunner):
    """`FusedRunner` with gradients: the adjoint of the step runs as a second kernel."""

    def __init__(
        self,
        dynamics: Dynamics,
        parameters: Mapping[str, Array],
        plan: Plan,
        surrogate: Surrogate,
    ):
        super().__init__(dynamics, parameters, plan, HOST)
        self.surrogate: Surrogate = surrogate

    def step(self, ops: Ops, c: Any, x: Array, state: Any) -> tuple[Array, Any]:
        """One step; with gradients in the kernels, which are two operations in place of dozens."""
        if self.plan.is_worth_it(1, x.numel()) and needs_gradient(x, *c.values(), *state.values()):
            y, state, _ = self.chunk(ops, c, x[None], state, ())
            return y[0], state
        return super().step(ops, c, x, state)

    def chunk(
        self, ops: Ops, c: Any, xs: Array, state: Any, record: tuple[str, ...]
    ) -> tuple[Array, Any, dict[str, Array]]:
        step = self.kernel_step(ops, xs)
        if step is None:
            return NativeRunner.chunk(self, ops, c, xs, state, record)
        tensors = step.operands(xs, c, state)
        if not needs_gradient(*tensors):
            return super().chunk(ops, c, xs, state, record)
        lendable = all(lent(t) is not None for t in tensors)
        if not (xs.numel() and lendable and has_formula(self.surrogate)):
            return NativeRunner.chunk(self, ops, c, xs, state, record)
        y, *more = _Scan.apply(self, step, ops, record, *tensors)
        states = dict(zip(step.states, more, strict=False))
        return y, states, dict(zip(record, more[len(states) :], strict=True))


class TorchProductRunner(ProductRunner):
    """`ProductRunner` with gradients; in reproducible mode those of the plain product."""

    def chunk(
        self, ops: Ops, c: Any, xs: Array, state: Any, record: tuple[str, ...]
    ) -> tuple[Array, Any, dict[str, Array]]:
        prepared, bias = c["weight"], c.get("bias")
        if isinstance(prepared, GatheredWeight) and needs_gradient(xs, prepared.dense, bias):
            return affine(xs, prepared, bias), {}, {}
        if isinstance(prepared, tuple) and needs_gradient(xs, prepared[0], bias):
            y = self.gathered(ops, c, xs, GRADIENT_HOST) if HOST.stands_for(ops) else None
            if y is not None:
                return with_gradients(y, xs, prepared[0], bias), {}, {}
        return super().chunk(ops, c, xs, state, record)


class _Scan(torch.autograd.Function):
    """(runner, step, ops, record, xs, *coefficients, *states) -> (y, *last states, *recordings)."""

    @staticmethod
    def forward(  # type: ignore[override]
        ctx: Any,
        runner: TorchFusedRunner,
        step: TracedStep,
        ops: Ops,
        record: Any,
        *tensors: Any,
    ) -> Any:
        x, coefficients, states = step.named([memory(t) for t in tensors])
        y, kept = kept_scan(step, coefficients, x, states, runner.dynamics.output_shape)
        ctx.runner, ctx.step, ctx.ops, ctx.record = runner, step, ops, record
        # Traces too: what is saved this way is let go, and recomputed, by a checkpoint.
        ctx.save_for_backward(*tensors, *map(torch.from_numpy, kept.traces.values()))
        # Copies: what is returned must not change with what is kept, nor the other way round.
        shape = x.shape[1:]
        last = [torch.from_numpy(kept.traces[k][-1].reshape(shape).copy()) for k in step.states]
        recorded = [torch.from_numpy(kept.traces[k][1:].reshape(x.shape).copy()) for k in record]
        return torch.from_numpy(y), *last, *recorded

    @staticmethod
    def backward(ctx: Any, gy: Any, *gradients: Any) -> Any:  # type: ignore[override]
        step: TracedStep = ctx.step
        count = len(step.states)
        saved = ctx.saved_tensors
        tensors, traces = saved[: len(saved) - count], saved[len(saved) - count :]
        # create_graph (second derivatives) and is_grads_batched: by the plain steps.
        if torch.is_grad_enabled() or any(lent(g) is None for g in (gy, *gradients)):
            return None, None, None, None, *_plain_gradients(ctx, tensors, (gy, *gradients))
        runner: TorchFusedRunner = ctx.runner
        x, coefficients, _ = step.named([memory(t) for t in tensors])
        own = {name: t.numpy() for name, t in zip(step.states, traces, strict=True)}
        kept = kept_again(coefficients, x, own, runner.dynamics.output_shape)
        arrays = [g.detach().numpy() for g in gradients]
        last = dict(zip(step.states, arrays[:count], strict=True))
        recorded = dict(zip(ctx.record, arrays[count:], strict=True))
        needed = zip(step.coefficients, ctx.needs_input_grad[5:], strict=False)
        wanted = tuple(f"c.{k}" for k, need in needed if need)
        gx, first, parameters = backward_scan(
            step, kept, runner.surrogate, wanted, gy.detach().numpy(), recorded, last
        )
        found: list[Any] = [torch.from_numpy(gx)]
        for name, tensor in zip(step.coefficients, tensors[1:], strict=False):
            own = parameters.get(f"c.{name}")
            found.append(None if own is None else torch.from_numpy(own).sum_to_size(tensor.shape))
        found += [
            torch.from_numpy(first[name]).sum_to_size(tensor.shape)
            for name, tensor in zip(step.states, tensors[-count:] if count else (), strict=True)
        ]
        return None, None, None, None, *found


def _plain_gradients(ctx: Any, tensors: Any, gradients: Any) -> list[Any]:
    """The same gradients as a differentiable function, through the steps one by one."""
    step: TracedStep = ctx.step
    twice = torch.is_grad_enabled()
    xs, coefficients, states = step.named(tensors)
    with torch.enable_grad():
        y, last, recorded = NativeRunner.chunk(
            ctx.runner, ctx.ops, coefficients, xs, states, ctx.record
        )
    outputs = [y, *(last[k] for k in step.states), *(recorded[k] for k in ctx.record)]
    pairs = [(o, g) for o, g in zip(outputs, gradients, strict=True) if o.requires_grad]
    wanted = [t for t in tensors if t.requires_grad]
    found = torch.autograd.grad(
        [o for o, _ in pairs],
        wanted,
        [g for _, g in pairs],
        create_graph=twice,
        allow_unused=True,
    )
    given = iter(found)
    return [next(given) if t.requires_grad else None for t in tensors]
