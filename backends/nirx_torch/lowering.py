"""`Call`: the arguments of a traced operation, and what can flow through a trace besides values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from nirx.errors import UnsupportedError
from nirx.tracing.arranged import Arranged, in_nir
from nirx.tracing.layers import array
from nirx.tracing.lowering import Constant, TracedOperation
from nirx.tracing.value import Value

__all__ = [
    "Call",
    "Constant",
    "Dimension",
    "LeafResult",
    "LeafState",
    "Shape",
    "StateIn",
    "as_array",
]


@dataclass(frozen=True)
class Shape:
    """The shape of some value, which is only known at run time."""


@dataclass(frozen=True)
class Dimension:
    """One number of it: axis 0, the batch, `times` a number; or another that is not known."""

    axis: Any
    times: int = 1


@dataclass(frozen=True)
class StateIn:
    """A part of the previous step's state: an argument or an attribute, and the path into it."""

    root: Any
    path: tuple[Any, ...] = ()


@dataclass(eq=False)
class LeafResult:
    """What a stateful module returns: (value, state).

    Arguments:
        value: its output.
        module: its path.
        state_in: the parts of the state that it was called with.
        unpacked: whether forward takes the pair apart, so that it sees the state.
    """

    value: Value
    module: str
    state_in: Any
    unpacked: bool = False


@dataclass(frozen=True)
class LeafState:
    """The new state of a stateful module, or a part of it."""

    result: LeafResult
    path: tuple[Any, ...] = ()


def _unwrapped(tree: Any) -> Any:
    """Constants as what they hold, in tuples too; anything else as it is."""
    if isinstance(tree, Constant):
        return tree.content
    return tuple(_unwrapped(part) for part in tree) if isinstance(tree, tuple) else tree


@dataclass(frozen=True)
class Call(TracedOperation):
    """One operation of a trace.

    Arguments:
        arguments, keywords: as written, with what flows there in place of fx nodes.
        target: a function, or the name of a method of a tensor.
        as_flow: turns what flows there into a `Value` or an `Arranged`, or leaves it a `Constant`.
        assume_batch: told of a batch size that forward has as a number, and whether the
            operation itself fails with any other.
        line: of the program, as "model.py:12", or "".
    """

    arguments: tuple[Any, ...]
    keywords: dict[str, Any]
    target: Any
    as_flow: Callable[[Any], Any]
    assume_batch: Callable[[int, bool], None]
    line: str = ""

    def as_value(self, flow: Any) -> Any:
        """What flows, as a `Value` in the program's layout, or a `Constant`."""
        return in_nir(self.draft, self.as_flow(flow), self.name, self.place)

    def arranged(self, position: int = 0) -> Value | Arranged:
        """A positional argument (or `input`) as it flows, however its elements are arranged."""
        found = self.as_flow(self._given("input", position, None))
        if not isinstance(found, Value | Arranged):
            raise self.refuse("does not depend on the network's inputs")
        return found

    def run(self, value: torch.Tensor, batch: int) -> Any:
        """The operation itself on a tensor of `batch` samples in place of its value."""
        given, keywords = list(self.arguments), dict(self.keywords)
        if given:
            given[0] = Constant(value)
        else:
            keywords["input" if "input" in keywords else "tensor"] = Constant(value)
        args, options = sizes_with(tuple(given), batch), sizes_with(keywords, batch)
        if isinstance(self.target, str):
            return getattr(args[0], self.target)(*args[1:], **options)
        return self.target(*args, **options)

    def argument(self, name: str, position: int, default: Any = None) -> Any:
        """An argument as a Python object."""
        return _unwrapped(self._given(name, position, default))

    def rest(self, start: int) -> tuple[Any, ...]:
        """The positional arguments from `start` on."""
        return tuple(_unwrapped(a) for a in self.arguments[start:])

    def value(self, position: int) -> Value:
        """A positional argument (or `input`) as a value of the network."""
        found = self.as_value(self._given("input", position, None))
        if not isinstance(found, Value):
            raise self.refuse("does not depend on the network's inputs")
        return found

    def constant(self, name: str, position: int, optional: bool = False) -> np.ndarray | None:
        """An argument that does not depend on the network's inputs, as an array."""
        value = self._given(name, position, Constant(None))
        if not isinstance(value, Constant):
            raise self.refuse(f"computes its {name} from the network's inputs")
        if value.content is None:
            if optional:
                return None
            raise self.refuse(f"has no {name}")
        return as_array(value)

    def operands(self, second: str, alpha: bool = False, lazy: bool = False) -> tuple[Any, Any]:
        """Two operands, each a `Value` or a `Constant`, at least one of them a `Value`.

        `lazy` leaves an `Arranged` as it is.
        """
        if alpha and self.argument("alpha", 99, 1) != 1:
            raise self.refuse("uses alpha=", "multiply first")
        given = [
            *self.arguments,
            *(self.keywords[k] for k in ("input", second) if k in self.keywords),
        ]
        if len(given) != 2:
            raise self.refuse(f"has {len(given)} operands")
        as_operand = self.as_flow if lazy else self.as_value
        a, b = (x if isinstance(x, Constant) else as_operand(x) for x in given)
        return a, b

    def _given(self, name: str, position: int, default: Any) -> Any:
        if name in self.keywords:
            return self.keywords[name]
        return self.arguments[position] if position < len(self.arguments) else default


def sizes_with(tree: Any, batch: int) -> Any:
    """Arguments as Python objects, with the batch size in place of the symbol for it."""
    if isinstance(tree, Dimension):
        if tree.axis != 0:
            raise UnsupportedError("uses a size that is not known; pass input_shape=")
        return batch * tree.times
    if isinstance(tree, Constant):
        return tree.content
    if isinstance(tree, dict):
        return {key: sizes_with(part, batch) for key, part in tree.items()}
    if isinstance(tree, tuple | list):
        return tuple(sizes_with(part, batch) for part in tree)
    if isinstance(tree, Shape | LeafState | StateIn | Value | Arranged):
        raise UnsupportedError("has an argument that depends on the network's inputs")
    return tree


def as_array(constant: Constant) -> np.ndarray:
    """A constant as an array; Python numbers in double precision."""
    content = constant.content
    is_tensor = isinstance(content, torch.Tensor)
    return array(content if is_tensor else torch.tensor(content, dtype=torch.float64))
