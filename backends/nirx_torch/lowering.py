"""What a traced operation is given, and what can flow through a trace beside values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from nirx.errors import UnsupportedError
from nirx.tracing.draft import Draft
from nirx.tracing.value import Value

__all__ = ["Call", "Constant", "Dimension", "LeafResult", "LeafState", "Shape", "StateIn", "zero"]


@dataclass(frozen=True)
class Constant:
    """A number, a tensor or anything else that no input reaches."""

    content: Any

    def tensor(self) -> torch.Tensor:
        """As a tensor; Python numbers in double precision."""
        if isinstance(self.content, torch.Tensor):
            return self.content
        return torch.tensor(self.content, dtype=torch.float64)


def zero() -> Value:
    """The value of a tensor of zeros: a sum of nothing."""
    return Value(())


@dataclass(frozen=True)
class Shape:
    """The shape of some value: known at run time alone."""


@dataclass(frozen=True)
class Dimension:
    """One number of it."""

    axis: Any


@dataclass(frozen=True)
class StateIn:
    """A part of what the step before left: an argument or an attribute, and the way into it."""

    root: Any
    path: tuple[Any, ...] = ()


@dataclass(eq=False)
class LeafResult:
    """What a stateful module gives: (value, state)."""

    value: Value
    module: str
    state_in: Any
    unpacked: bool = False
    """Whether forward takes it apart, so that it does see the state."""


@dataclass(frozen=True)
class LeafState:
    """The new state of a stateful module, or a part of it."""

    result: LeafResult
    path: tuple[Any, ...] = ()


_MISSING = object()


def _unwrapped(tree: Any) -> Any:
    """Constants as what they hold, in tuples too; the rest as it is."""
    if isinstance(tree, Constant):
        return tree.content
    return tuple(_unwrapped(part) for part in tree) if isinstance(tree, tuple) else tree


@dataclass(frozen=True)
class Call:
    """One operation of a trace.

    Arguments:
        draft: what it adds its nodes to.
        name: for the node that it may become.
        place: the operation and where it stands, for errors.
        arguments, keywords: as written, with what flows there in the place of fx nodes.
        as_value: makes a value of the network of what flows there.
    """

    draft: Draft
    name: str
    place: str
    arguments: tuple[Any, ...]
    keywords: dict[str, Any]
    as_value: Callable[[Any], Any]

    def refuse(self, found: str, mend: str = "") -> UnsupportedError:
        """The error for what NIR cannot say."""
        end = f"; {mend}" if mend else ""
        return UnsupportedError(f"{self.place} {found}, which has no NIR node{end}")

    def argument(self, name: str, position: int, default: Any = _MISSING) -> Any:
        """An argument as a Python object."""
        value = self.keywords.get(name, _MISSING)
        if value is _MISSING and position < len(self.arguments):
            value = self.arguments[position]
        if value is _MISSING:
            value = default
        return _unwrapped(value)

    def number(self, name: str, position: int, default: int) -> int:
        """An argument as an integer."""
        return int(self.argument(name, position, default))

    def rest(self, start: int) -> tuple[Any, ...]:
        """The positional arguments from `start` on."""
        return tuple(_unwrapped(a) for a in self.arguments[start:])

    def value(self, position: int) -> Value:
        """A positional argument (or `input`) as a value of the network."""
        if position < len(self.arguments):
            found = self.as_value(self.arguments[position])
        else:
            found = self.as_value(self.keywords.get("input"))
        if not isinstance(found, Value):
            raise self.refuse("works on no value of the network")
        return found

    def constant(self, name: str, position: int, optional: bool = False) -> torch.Tensor | None:
        """An argument that no input reaches, as a tensor."""
        value = self.keywords.get(name, _MISSING)
        if value is _MISSING:
            value = self.arguments[position] if position < len(self.arguments) else Constant(None)
        if not isinstance(value, Constant):
            raise self.refuse(f"takes its {name} from a value of the network")
        if value.content is None:
            if optional:
                return None
            raise self.refuse(f"has no {name}")
        return value.tensor()

    def operands(self, second: str, alpha: bool = False) -> tuple[Any, Any]:
        """Two operands, each a `Value` or a `Constant`, one of them a `Value`."""
        if alpha and self.argument("alpha", 99, 1) != 1:
            raise self.refuse("uses alpha=", "multiply first")
        given = [
            *self.arguments,
            *(self.keywords[k] for k in ("input", second) if k in self.keywords),
        ]
        if len(given) != 2:
            raise self.refuse(f"has {len(given)} operands")
        a, b = (x if isinstance(x, Constant) else self.as_value(x) for x in given)
        return a, b
