"""`StepProxy`: a value during tracing, which knows its shape where the layers before it tell."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from torch import fx
from torch.fx.proxy import Attribute, TraceError

__all__ = ["IN_PLACE", "Sizes", "StepProxy"]

IN_PLACE = (operator.iadd, operator.isub, operator.imul, operator.itruediv)


def _in_place(function: Callable[..., Any]) -> Callable[[Any, Any], Any]:
    return lambda self, other: self.tracer.create_proxy(
        "call_function", function, (self, other), {}
    )


def _untraceable(found: str) -> Any:
    def refuse(self: fx.Proxy) -> Any:
        raise TraceError(found)

    return refuse


class Sizes(tuple):
    """A shape of which the batch is a symbol, and the rest numbers."""

    def numel(self) -> Any:
        """All sizes multiplied."""
        product: Any = 1
        for size in reversed(self):
            product = size * product
        return product


class StepProxy(fx.Proxy):
    """A value during tracing. torch.fx records `y += x` as `y = y + x`; this class does not."""

    __iadd__, __isub__, __imul__, __itruediv__ = (_in_place(f) for f in IN_PLACE)
    __len__ = _untraceable("len() of a tensor")
    __index__ = _untraceable("a size of a tensor as a Python number")
    __int__ = _untraceable("int() of a tensor")
    __float__ = _untraceable("float() of a tensor")

    def __setitem__(self, key: Any, value: Any) -> None:
        stack = self.tracer.module_stack  # type: ignore[attr-defined]
        self.tracer.refuse_assigned_item(next(reversed(stack), ""))  # type: ignore[attr-defined]

    # -- shapes -------------------------------------------------------------------------

    def _known(self) -> tuple[int, ...] | None:
        return self.tracer.shape_of(self.node)  # type: ignore[attr-defined]

    def _batch(self) -> Any:
        return self.tracer.batch_of(self)  # type: ignore[attr-defined]

    @property
    def shape(self) -> Any:
        """The sizes, or what torch.fx records where they are not known."""
        known = self._known()
        return Attribute(self, "shape") if known is None else Sizes((self._batch(), *known))

    def size(self, dim: Any = None) -> Any:
        """The shape, or one size of it."""
        known = self._known()
        if known is None:
            given = (self,) if dim is None else (self, dim)
            return self.tracer.create_proxy("call_method", "size", given, {})
        return self.shape if dim is None else self.shape[dim]

    @property
    def ndim(self) -> Any:
        """How many axes the value has, with the batch."""
        known = self._known()
        return Attribute(self, "ndim") if known is None else 1 + len(known)

    def dim(self) -> Any:
        """The same."""
        return self.ndim
