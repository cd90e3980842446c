"""Linear and Affine: a dot product per output, plus a bias. **Source**: NIR, y = W x + b."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from nirx.dynamics.base import Arrays, Stateless
from nirx.dynamics.ops import Array, Ops, Shape
from nirx.dynamics.parameters import NodeMismatch, broadcasts_to, parameter

__all__ = ["Affine", "Linear"]


@dataclass(frozen=True)
class Linear(Stateless):
    """weight [*batched, out, in] acts on the last axis of x [*lead, *batched, in]."""

    binary: bool = False
    """Whether the input is known to be the spikes, 0 or 1, of one layer of neurons."""

    parameters = ("weight",)
    exact_shape = True

    @classmethod
    def check(cls, node: Any) -> None:
        shape = parameter(node, "weight").shape
        if len(shape) < 2:
            raise NodeMismatch(f"weight has shape {shape}", "[..., out, in]")

    @classmethod
    def declared_shapes(cls, node: Any) -> tuple[Shape | None, Shape | None]:
        *lead, out, into = parameter(node, "weight").shape
        return (*lead, into), (*lead, out)

    @classmethod
    def infer_shape(cls, node: Any, input_shape: Shape) -> Shape:
        takes, gives = cls.declared_shapes(node)
        if input_shape != takes or gives is None:
            weight = parameter(node, "weight").shape
            flat = len(input_shape) > 1 and (math.prod(input_shape),) == takes
            mend, fits = "put a Flatten with start_dim=0 before it" if flat else "", None
            if input_shape == gives and takes is not None:
                fits = takes  # what the transposed weight gives
                mend = (
                    "is the weight transposed? NIR stores (outputs, inputs); JAX libraries have "
                    "(inputs, outputs)"
                )
            raise NodeMismatch(
                f"the input has shape {input_shape}, but weight has shape {weight}",
                f"an input of shape {takes}",
                mend,
                fits,
            )
        return gives

    def coefficients(self, ops: Ops, p: Arrays) -> dict[str, Array]:
        return {**p, "weight": ops.prepare_linear(p["weight"])}

    def apply(self, ops: Ops, c: Arrays, x: Array) -> Array:
        return ops.linear(x, c["weight"], self.binary)


class Affine(Linear):
    """Linear plus a bias, which may be None."""

    parameters = ("weight", "bias")

    @classmethod
    def check(cls, node: Any) -> None:
        super().check(node)
        if getattr(node, "bias", None) is None:
            return
        gives = cls.declared_shapes(node)[1]
        bias = parameter(node, "bias").shape
        if gives is None or not broadcasts_to(bias, gives):
            raise NodeMismatch(f"bias has shape {bias}", f"bias of shape {gives}")

    def apply(self, ops: Ops, c: Arrays, x: Array) -> Array:
        y = super().apply(ops, c, x)
        return ops.add(y, c["bias"]) if "bias" in c else y
