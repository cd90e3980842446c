"""What is wrong with a node: its parameters as arrays, and the checks on them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from nirx.dynamics.ops import Shape
from nirx.errors import Fault

__all__ = [
    "NodeMismatch",
    "broadcasts_to",
    "check_finite",
    "check_positive",
    "common_shape",
    "numeric",
    "parameter",
]


class NodeMismatch(Exception):
    """A node's parameters or its input are wrong; `nirx.check` reports it with the node's path.

    Arguments:
        gives: the output shape that the node was probably meant to have, for the nodes after it.
    """

    def __init__(self, found: str, expected: str = "", mend: str = "", gives: Shape | None = None):
        super().__init__(found)
        self.found, self.expected, self.mend, self.gives = found, expected, mend, gives

    def fault(self, where: str) -> Fault:
        """The same as a fault of the node at the path `where`."""
        return Fault(where, self.found, self.expected, self.mend)


def parameter(node: Any, name: str) -> np.ndarray:
    """A node's parameter as a NumPy array.

    **Raises**: `NodeMismatch` if it is not numeric.
    """
    return numeric(getattr(node, name, None), f"parameter {name}")


def numeric(value: Any, what: str) -> np.ndarray:
    """A value as a NumPy array of numbers.

    Arguments:
        what: it is, for the message: `"parameter tau"`.

    **Raises**: `NodeMismatch` if it is not numeric.
    """
    if value is None:
        raise NodeMismatch(f"{what} is missing", "an array of numbers")
    if np.ma.is_masked(value):  # np.asarray would take what is masked as numbers
        raise NodeMismatch(f"{what} has masked elements", "an array without a mask")
    try:
        array = np.asarray(value)
    except Exception as error:  # an unknown array type may raise anything
        raise NodeMismatch(f"{what} is a {type(value).__name__}", "an array") from error
    if array.dtype.kind not in "fiub":
        raise NodeMismatch(f"{what} has dtype {array.dtype}", "real numbers")
    return array


def broadcasts_to(own: Shape, shape: Shape) -> bool:
    """Whether an array of shape `own` broadcasts to `shape` without enlarging it."""
    tail = shape[len(shape) - len(own) :]
    return len(own) <= len(shape) and all(a in (1, b) for a, b in zip(own, tail, strict=True))


def common_shape(shapes: Mapping[str, Shape]) -> Shape | None:
    """The shape that arrays broadcast to, or None if all of them are scalars.

    Arguments:
        shapes: by name.

    **Raises**: `NodeMismatch`.
    """
    try:
        shape = np.broadcast_shapes(*shapes.values())
    except (ValueError, RuntimeError) as error:  # RuntimeError: NumPy's limit of 32 axes
        found = ", ".join(f"{name} {own}" for name, own in shapes.items())
        raise NodeMismatch(f"the parameters' shapes do not fit together: {found}") from error
    return shape or None


def check_finite(node: Any, names: tuple[str, ...]) -> None:
    """Raise `NodeMismatch` for NaN or infinity in a parameter."""
    for name in names:
        array = parameter(node, name)
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            bad = np.argwhere(~np.isfinite(array))[0]
            index = tuple(int(i) for i in bad)
            raise NodeMismatch(
                f"{name}{list(index) if index else ''} is {float(array[index])}", "finite numbers"
            )


def check_positive(node: Any, names: tuple[str, ...]) -> None:
    """Raise `NodeMismatch` for a parameter that is not positive."""
    for name in names:
        array = parameter(node, name)
        if array.size and not (array > 0).all():
            raise NodeMismatch(f"{name} is {float(array.min())!r}", f"{name} > 0")
