"""Tracing a forward that loops over time: all steps of a short sequence, one after the other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import torch
from torch import fx
from torch.fx.proxy import TraceError

from nirx.errors import UnsupportedError
from nirx.execution.runners import takes_state
from nirx_torch.held_values import held_marks
from nirx_torch.in_place_writes import kept_as_it_is, require_no_lost_writes, user_line
from nirx_torch.multi_step import time_axis
from nirx_torch.sequence import REWRITE, AcrossSteps, FinalState, Sequence, over_steps, stacked
from nirx_torch.sequence import applied as applied_to_sequences
from nirx_torch.sequence_axes import NotALoop, TooShort
from nirx_torch.trace import StepTracer, assignments_to, untraceable
from nirx_torch.watched import watched

__all__ = ["LEAST", "Unrolled", "time_step", "time_steps", "unroll"]


LEAST = 3
"""Fewest steps that show a first step, and one that is neither the first nor the last."""


def time_step(argument: Any, number: int) -> Any:
    """Stands in a trace for one step of an input."""
    raise AssertionError("only traced, never called")


def time_steps(*values: Any) -> Any:
    """Stands in a trace for the values of all steps, stacked along time."""
    raise AssertionError("only traced, never called")


@dataclass
class Unrolled:
    """All steps of a short sequence.

    Arguments:
        graph: what they compute; its result holds `time_steps` calls.
        constants: the tensors and other objects that it reads.
        count: the number of steps.
        is_loop: whether forward takes steps apart, or calls a neuron once per step.
        pinned: the arguments that have a fixed value.
    """

    graph: fx.Graph
    constants: dict[str, Any]
    count: int
    is_loop: bool
    pinned: tuple[str, ...] = ()
    keeping: tuple[str, ...] = ()
    """The paths of the modules that keep a state."""


def unroll(
    module: torch.nn.Module,
    is_leaf: Callable[[torch.nn.Module], bool],
    has_memory: Callable[[torch.nn.Module, str], bool],
    pinned: dict[str, Any],
    shapes: Any,
    axis: int | None,
    length: int,
) -> Unrolled:
    """Trace a module on `length` steps.

    Arguments:
        module, is_leaf, pinned, shapes: as for `trace`.
        has_memory: whether a module's node keeps a state.
        axis: of time in the first argument; None if that is one step's input, read in all.
        length: how many steps the first argument has.

    **Raises**: `AcrossSteps` if it loops over time but its steps cannot be told apart, `NotALoop`
    if it does not loop, `TooShort`.
    """
    tracer = _LoopTracer(is_leaf, has_memory, shapes, axis, length)
    # Neurons start at zero in NIR: what forward resets in them before the loop needs no node.
    own = tuple(path for path, m in module.named_modules() if path and is_leaf(m))
    with (
        kept_as_it_is(module, own),
        assignments_to(tracer, module),
        watched(tracer.note_reset, module, own),
    ):
        try:
            graph = tracer.trace(module, dict(pinned) or None)
        except TooShort:
            raise
        except Exception as error:  # forward may do anything with what stands in for a tensor
            if tracer.is_loop and isinstance(error, UnsupportedError):
                raise AcrossSteps(str(error)) from error
            if tracer.is_loop and isinstance(error, TraceError | TypeError):
                raise AcrossSteps(str(untraceable(tracer, module, error))) from error
            raise NotALoop(str(error)) from error
        read = {str(n.target) for n in graph.nodes if n.op == "get_attr"}
        constants = {name: attrgetter(name)(module) for name in sorted(read)}
    require_no_lost_writes(graph, {}, module)
    return Unrolled(
        graph, constants, tracer.count, tracer.is_loop, tuple(pinned), tuple(tracer.called)
    )


class _LoopTracer(StepTracer):
    def __init__(self, is_leaf: Any, has_memory: Any, shapes: Any, axis: int | None, length: int):
        super().__init__(is_leaf, {}, shapes)
        self.has_memory, self.axis, self.length = has_memory, axis, length
        self.read: list[int] = []
        """The steps that forward took out of its input, in the order of reading."""
        self.stacks: list[int] = []
        self.called: dict[str, int] = {}
        self.reset: list[str] = []
        """The modules whose state forward changed after it had called them."""
        self.held: dict[str, Any] = {}
        """What every module held when it was called first: forward must not change it."""
        self.entered = False
        self.whole: fx.Proxy | None = None
        self.batch: fx.Proxy | None = None

    @property
    def count(self) -> int:
        """How many steps forward took."""
        if self.read:
            return max(self.read) + 1
        if self.stacks:
            return max(self.stacks)
        return max([self.length, *self.called.values()])

    @property
    def is_loop(self) -> bool:
        """Whether these are steps of a loop for certain."""
        calls = max(self.called.values(), default=0)
        return self.entered or max(len(set(self.read)), calls) >= LEAST

    def here(self) -> str:
        """The line of the user's program that is traced now."""
        file, line = user_line()
        return f"{file.rsplit('/', 1)[-1]}:{line}"

    def batch_of(self, value: fx.Proxy) -> fx.Proxy:
        if self.batch is None:  # one symbol for all steps
            whole = value if self.whole is None else self.whole
            self.batch = super().batch_of(whole)
        return self.batch

    def read_step(self, sequence: Sequence, number: int) -> Any:
        """One step of a sequence that forward takes apart."""
        if sequence.count is None:
            if number >= self.length:
                raise TooShort(number + 1)
            self.read.append(number)
        elif number >= sequence.count:
            raise IndexError(f"step {number} of {sequence.count}")
        return sequence.step(number)

    def create_args_for_root(self, root_fn: Any, is_module: bool, concrete_args: Any = None) -> Any:
        function, args = super().create_args_for_root(root_fn, is_module, concrete_args)
        if self.axis is None:
            return function, args
        first = next((i for i, a in enumerate(args) if isinstance(a, fx.Proxy)), None)
        if first is None:
            return function, args
        self.whole = whole = args[first]

        def step(number: int) -> Any:
            return self.create_proxy("call_function", time_step, (whole, number), {})

        args[first] = Sequence(self, step, self.axis)
        return function, args

    def create_arg(self, a: Any) -> Any:
        if isinstance(a, FinalState):
            return super().create_arg(a.last(self.count))
        if isinstance(a, Sequence):
            count = self.count if a.count is None else a.count
            if a.merged:
                raise AcrossSteps(f"forward uses time and batch as one axis{REWRITE}")
            values = tuple(a.step(number) for number in range(count))
            return super().create_arg(self.create_proxy("call_function", time_steps, values, {}))
        return super().create_arg(a)

    def create_proxy(
        self, kind: str, target: Any, args: Any, kwargs: Any, *a: Any, **k: Any
    ) -> Any:
        if target in (torch.stack, torch.cat, torch.concat) and not self.asking:
            made = self._stacked(target, args, kwargs)
            if made is not None:
                return made
        sequences = [v for v in (*args, *kwargs.values()) if isinstance(v, Sequence)]
        if sequences and kind != "call_module" and target is not time_steps:
            function = target if kind == "call_function" else str(target)
            return applied_to_sequences(self, function, args, kwargs)
        return super().create_proxy(kind, target, args, kwargs, *a, **k)

    def _stacked(self, target: Any, args: Any, kwargs: Any) -> Sequence | None:
        parts = args[0] if args else kwargs.get("tensors")
        dim = args[1] if len(args) > 1 else kwargs.get("dim", 0)
        if not isinstance(parts, list | tuple):
            return None
        if target is not torch.stack:
            nodes = [getattr(part, "node", None) for part in parts]
            if not all(_adds_axis(node, dim) for node in nodes):
                return None
            parts = [fx.Proxy(node.args[0], self) for node in nodes]  # type: ignore[union-attr]
            parts = [self.proxy(part.node) for part in parts]
        made = stacked(self, parts, dim)
        if made is not None:
            self.stacks.append(len(parts))
        return made

    def note_reset(self, path: str) -> None:
        if self.called.get(path):
            self.reset.append(path)

    def refuse_assigned_item(self, place: str) -> None:
        if self.read:
            self.entered = True
            raise AcrossSteps(
                f"{self.here()} writes the value of a step into a tensor; append it to a list, and "
                "return torch.stack of that"
            )
        super().refuse_assigned_item(place)

    # -- modules ------------------------------------------------------------------------

    def call_module(self, m: torch.nn.Module, forward: Any, args: Any, kwargs: Any) -> Any:
        if self.asking:
            return forward(*args, **kwargs)
        path = self.path_of_module(m)
        given = [a for a in (*args, *kwargs.values()) if isinstance(a, Sequence)]
        if not self.is_leaf_module(m, path):
            return super().call_module(m, forward, args, kwargs)
        if self.held.setdefault(path, marks := held_marks(m)) != marks:
            self.note_reset(path)
        if path in self.reset:
            self.entered = True
            raise AcrossSteps(
                f"{self.here()}: the state of {path} is changed or reset between two steps, which "
                f"a NIR node cannot do{REWRITE}"
            )
        memory = self._keeps(m, path)
        if not given:
            if memory:
                self.called[path] = self.called.get(path, 0) + 1
            return super().call_module(m, forward, args, kwargs)
        if not memory:
            return self._stateless(m, forward, args, kwargs)
        return self._multi_step(m, path, forward, args, kwargs)

    def _stateless(self, m: torch.nn.Module, forward: Any, args: Any, kwargs: Any) -> Any:
        first = args[0] if args else None
        flattens = isinstance(m, torch.nn.Flatten) and time_axis(m) is None
        if flattens and isinstance(first, Sequence):
            return applied_to_sequences(self, "flatten", (first, m.start_dim, m.end_dim), {})
        return over_steps(
            self, lambda a, k: fx.Tracer.call_module(self, m, forward, tuple(a), k), args, kwargs
        )

    def _multi_step(
        self, m: torch.nn.Module, path: str, forward: Any, args: Any, kwargs: Any
    ) -> Any:
        """A neuron that loops over time itself."""
        sequence = next(a for a in (*args, *kwargs.values()) if isinstance(a, Sequence))
        if sequence.merged or time_axis(m) != sequence.axis:
            raise AcrossSteps(
                f"{self.here()}: {path} ({type(m).__name__}) gets all time steps at once, but "
                f"takes one at a time; call it in a loop over the steps{REWRITE}"
            )
        self.entered = True
        self.called.setdefault(path, 1)
        if not takes_state(m.forward):
            return over_steps(
                self,
                lambda a, k: fx.Tracer.call_module(self, m, forward, tuple(a), k),
                args,
                kwargs,
            )
        start = args[1] if len(args) > 1 else kwargs.get("state")
        made: dict[int, Any] = {}

        def call(number: int) -> Any:
            for n in range(number + 1):
                if n not in made:
                    state = start if n == 0 else made[n - 1][1]
                    made[n] = fx.Tracer.call_module(self, m, forward, (sequence.step(n), state), {})
            return made[number]

        outputs = sequence._like(lambda number: call(number)[0])
        return outputs, FinalState(lambda count: call(count - 1)[1])

    def _keeps(self, m: torch.nn.Module, path: str) -> bool:
        self.asking = True
        try:
            return self.has_memory(m, path)
        finally:
            self.asking = False


def _adds_axis(node: Any, dim: int) -> bool:
    if not isinstance(node, fx.Node) or dim not in (0, 1):
        return False
    if getattr(node.target, "__name__", "") == "getitem":
        return dim == 0 and node.args[1] is None
    named = node.target in ("unsqueeze", torch.unsqueeze)
    return named and (*node.args[1:], *node.kwargs.values()) == (dim,)
