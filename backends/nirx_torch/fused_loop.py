"""Cyclic components with gradients: forward in one kernel, backward in another."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from nirx.dynamics.ops import Shape
from nirx.dynamics.surrogate_formulas import Surrogate
from nirx.errors import UnsupportedError
from nirx.execution.kernels.dense import LARGEST
from nirx.execution.kernels.gather import GatheredWeight
from nirx.execution.kernels.loop import Loop, LoopNode
from nirx.execution.kernels.loop_gradient import LoopGradients, LoopTrace, backward_loop
from nirx.execution.kernels.loop_run import LoopCall, Loops, Outputs
from nirx.execution.kernels.surrogate import has_formula
from nirx.execution.node_surrogates import NodeSurrogates
from nirx.graphs.schedule import Schedule
from nirx.graphs.state import NodeState
from nirx_torch.lending import lent, memory
from nirx_torch.product import gradient_of_weight

__all__ = ["TorchLoops"]

MOST_PRODUCTS = 1_500_000
"""Multiplications of one step with weights that are too large for `dense_product`, all samples
together, above which the products of BLAS, step by step, were measured to be faster."""


@dataclass(frozen=True)
class TorchLoops(Loops):
    """`Loops` with gradients."""

    surrogates: NodeSurrogates

    def run(self, call: LoopCall) -> Outputs | None:
        loop = self.plan.loops.get(call.start)
        if loop is None or not torch.is_grad_enabled():
            return super().run(call)
        own = _Call(self, loop, call)
        if not any(t.requires_grad for t in own.tensors):
            return super().run(call)
        found = _Loop.apply(own, *own.tensors) if own.is_differentiable() else None
        return None if found is None else own.structured(found)


class _Call:
    """One call of `run`, with its tensors in a row."""

    def __init__(self, loops: TorchLoops, loop: Loop, run: LoopCall):
        self.loops, self.loop, self.run = loops, loop, run
        self.keys: list[tuple[str, Any]] = []
        self.tensors: list[torch.Tensor] = []
        for p in loop.outside:
            self._add("outside", p, run.values[p])
        for (p, node), c, (own, late) in zip(
            _pairs(loop), run.coefficients, run.states, strict=True
        ):
            if node.kind == "product":
                self._add("weight", p, _plain_weight(c["weight"]))
                if "bias" in c:
                    self._add("bias", p, c["bias"])
            elif node.step is not None:
                for name in node.step.coefficients:
                    self._add("coefficient", (p, name), c[name])
                for name in node.step.states:
                    self._add("state", (p, name), own[name])
            for source in node.late:
                self._add("late", (p, source), late[loops.schedule.nodes[source].name])

    def _add(self, kind: str, key: Any, tensor: torch.Tensor) -> None:
        self.keys.append((kind, key))
        self.tensors.append(tensor)

    def is_differentiable(self) -> bool:
        """Whether the kernels can run, and are the faster way."""
        late = dict(zip(self.keys, self.tensors, strict=True))
        source, first = next((key[1], t) for (kind, key), t in late.items() if kind == "late")
        features = self.loops.schedule.nodes[source].output_shape
        samples = first.numel() // max(1, int(np.prod(features)))
        sizes = [n.sizes[0] * n.sizes[1] for n in self.loop.nodes if n.kind == "product"]
        large = sum(size for size in sizes if size * first.element_size() > LARGEST)
        if samples * large > MOST_PRODUCTS or any(lent(t) is None for t in self.tensors):
            return False
        return all(map(has_formula, self.surrogates))

    @property
    def surrogates(self) -> tuple[Surrogate, ...]:
        """Those of the component's nodes, in their order."""
        return tuple(map(self.loops.surrogates.at, self.loop.positions))

    @property
    def every_state(self) -> list[tuple[int, str]]:
        """All state variables of the component."""
        return [(p, k) for p, n in _pairs(self.loop) if n.step for k in n.step.states]

    def forward(self) -> Outputs | None:
        """Run without gradients; every value and state is returned."""
        whole = replace(
            self.run,
            wanted=list(self.loop.positions),
            recorded=self.every_state,
        )
        return super(TorchLoops, self.loops).run(whole)

    def without_arrays(self) -> _Call:
        """The same call for the way back, which gets its tensors from autograd."""
        states = [(dict.fromkeys(own), dict.fromkeys(late)) for own, late in self.run.states]
        light = copy.copy(self)
        light.tensors = []
        light.run = replace(self.run, values={}, coefficients=[], states=states)
        return light

    def structured(self, found: Sequence[torch.Tensor]) -> Outputs:
        """From the tensors that `_Loop` returns."""
        given = iter(found)
        outs = [next(given) for _ in self.run.wanted]
        recorded = [next(given) for _ in self.run.recorded]
        states: list[NodeState] = []
        for own, late in self.run.states:
            states.append(({k: next(given) for k in own}, {k: next(given) for k in late}))
        return states, outs, recorded


def _pairs(loop: Loop) -> list[tuple[int, LoopNode]]:
    return list(zip(loop.positions, loop.nodes, strict=True))


def _plain_weight(prepared: Any) -> torch.Tensor:
    if isinstance(prepared, GatheredWeight):
        return prepared.dense
    return prepared[0] if isinstance(prepared, tuple) else prepared


class _Loop(torch.autograd.Function):
    """(call, *tensors) -> (*wanted, *recordings, *new states and late values)."""

    @staticmethod
    def forward(ctx: Any, call: _Call, *tensors: Any) -> Any:  # type: ignore[override]
        found = call.forward()
        if found is None:
            return None
        new, values, states = found
        ctx.call = call.without_arrays()
        # All of it this way: what is saved so is let go, and recomputed, by a checkpoint.
        ctx.save_for_backward(*tensors, *values, *states)
        value = dict(zip(call.loop.positions, values, strict=True))
        state = dict(zip(call.every_state, states, strict=True))
        outs = [value[p].clone() for p in call.run.wanted]
        outs += [state[key].clone() for key in call.run.recorded]
        for (own, late), (before, late_before) in zip(new, call.run.states, strict=True):
            outs += [own[k] for k in before]
            outs += [late[k] for k in late_before]
        return tuple(outs)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:  # type: ignore[override]
        if torch.is_grad_enabled() or any(lent(g) is None for g in gradients):
            raise UnsupportedError(
                "second derivatives and batches of gradients (is_grads_batched) through a cyclic "
                'component have no kernel; build the network with execution="plain"'
            )
        call: _Call = ctx.call
        schedule, loop = call.loops.schedule, call.loop
        saved = iter(ctx.saved_tensors)
        given = {key: next(saved) for key in call.keys}
        values = {p: next(saved) for p in loop.positions}
        states = {key: next(saved) for key in call.every_state}
        trace = _trace(schedule, loop, given, values, states)
        arrays = iter(g.detach().numpy() for g in gradients)
        of_values: dict[int, np.ndarray] = {}
        for p in call.run.wanted:
            of_values[p] = _flat(next(arrays), 1, schedule, p)
        of_states = {key: _flat(next(arrays), 1, schedule, key[0]) for key in call.run.recorded}
        of_last, of_late = {}, {}
        for (p, node), (own, late) in zip(_pairs(loop), call.run.states, strict=True):
            for k in own:
                of_last[p, k] = _flat(next(arrays), 0, schedule, p)
            positions = {schedule.nodes[source].name: source for source in node.late}
            for name in late:
                source = positions[name]
                of_late[p, source] = _flat(next(arrays), 0, schedule, source)
        found = backward_loop(loop, trace, call.surrogates, of_values, of_states, of_last, of_late)
        result = []
        for (kind, key), tensor in given.items():
            result.append(_gradient(kind, key, tensor, schedule, loop, trace, found))
        return None, *result


def _flat(array: np.ndarray, axes: int, schedule: Schedule, position: int) -> np.ndarray:
    """[*time, *batch, *features] as [*time, samples, elements]."""
    size = int(np.prod(schedule.nodes[position].output_shape))
    lead = array.shape[:axes]
    samples = array.size // max(1, size * int(np.prod(lead)))
    return np.ascontiguousarray(array).reshape((*lead, samples, size))


def _trace(
    schedule: Schedule,
    loop: Loop,
    given: Mapping[tuple[str, Any], torch.Tensor],
    values: Mapping[int, torch.Tensor],
    states: Mapping[tuple[int, str], torch.Tensor],
) -> LoopTrace:
    held: dict[str, dict[Any, np.ndarray]] = {}
    for (kind, key), tensor in given.items():
        held.setdefault(kind, {})[key] = memory(tensor)
    own = {p: _flat(v.numpy(), 1, schedule, p) for p, v in values.items()}
    before = {
        key: np.concatenate(
            [
                _flat(held["state"][key], 0, schedule, key[0])[None],
                _flat(s.numpy(), 1, schedule, key[0]),
            ]
        )
        for key, s in states.items()
    }
    late = {
        (p, source): np.concatenate([_flat(first, 0, schedule, source)[None], own[source][:-1]])
        for (p, source), first in held.get("late", {}).items()
    }
    coefficients = {
        (p, name): np.broadcast_to(c, schedule.nodes[p].output_shape).reshape(-1).copy()
        for (p, name), c in held.get("coefficient", {}).items()
    }
    outside = {p: _flat(o, 1, schedule, p) for p, o in held.get("outside", {}).items()}
    return LoopTrace(outside, own, before, late, coefficients, held.get("weight", {}))


def _gradient(
    kind: str,
    key: Any,
    tensor: torch.Tensor,
    schedule: Schedule,
    loop: Loop,
    trace: LoopTrace,
    found: LoopGradients,
) -> torch.Tensor:
    """The gradient of one of the tensors of a call."""
    if kind == "outside":
        return torch.from_numpy(found.outside[key]).reshape(tensor.shape)
    if kind == "state":
        return torch.from_numpy(found.states[key]).reshape(tensor.shape)
    if kind == "late":
        return torch.from_numpy(found.late[key]).reshape(tensor.shape)
    if kind == "coefficient":
        whole = torch.from_numpy(found.coefficients[key].sum(axis=0))
        return _summed(whole, tensor, schedule.nodes[key[0]].output_shape)
    product = torch.from_numpy(found.products[key])
    if kind == "bias":
        return _summed(product.sum(dim=(0, 1)), tensor, schedule.nodes[key].output_shape)
    node = loop.nodes[key - loop.start]
    total = None
    for source, late in node.sources:
        one = trace.late[key, source] if late else trace.values.get(source)
        one = trace.outside[source] if one is None else one
        total = one if total is None else total + one
    assert total is not None, "a product in a cycle has a source"
    return gradient_of_weight(product, torch.from_numpy(total))


def _summed(whole: torch.Tensor, tensor: torch.Tensor, features: Shape) -> torch.Tensor:
    """A gradient per element as that of a tensor that was broadcast to them."""
    return whole.reshape(features).sum_to_size(tensor.shape)
