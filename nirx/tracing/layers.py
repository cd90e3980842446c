"""NIR nodes of layers, from the arrays and options of their torch and JAX modules."""

from __future__ import annotations

from typing import Any

import nir
import numpy as np

from nirx.basics.foreign_arrays import to_numpy
from nirx.errors import InputError, UnsupportedError

__all__ = ["array", "conv_node", "flatten_node", "linear_node", "pair", "pool_node", "refuse"]


def array(value: Any) -> np.ndarray:
    """A copy of a tensor or JAX array. **Raises** `InputError` if it has no values yet."""
    if getattr(value, "is_meta", False) or hasattr(value, "materialize"):
        raise InputError("a parameter has no numbers yet (meta device, or lazy module)")
    return to_numpy(value)


def refuse(module: Any, found: str, mend: str) -> UnsupportedError:
    """The error for an option of a module that NIR cannot express."""
    return UnsupportedError(f"{type(module).__name__} with {found} has no NIR node; {mend}")


def linear_node(weight: Any, bias: Any) -> nir.NIRNode:
    """Affine, or Linear if there is no bias."""
    return nir.Linear(array(weight)) if bias is None else nir.Affine(array(weight), array(bias))


def conv_node(
    weight: Any, bias: Any, stride: Any, padding: Any, dilation: Any, groups: int
) -> nir.NIRNode:
    """Conv1d or Conv2d. Its input_shape is left open, because the graph determines it."""
    own = array(weight)
    # nir's own writer needs a bias; Equinox keeps [channels, 1, ...].
    offset = np.zeros(len(own), own.dtype) if bias is None else array(bias).reshape(-1)
    sizes = _first if own.ndim == 3 else pair
    kind: Any = nir.Conv1d if own.ndim == 3 else nir.Conv2d
    padding = padding if isinstance(padding, str) else sizes(padding)
    return kind(None, own, sizes(stride), padding, sizes(dilation), int(groups), offset)


def pool_node(kind: type, kernel_size: Any, stride: Any, padding: Any) -> nir.NIRNode:
    """SumPool2d or AvgPool2d; the default stride is the kernel size."""
    stride = kernel_size if stride is None or stride == () else stride
    return kind(*(np.array(pair(v)) for v in (kernel_size, stride, padding)))


def flatten_node(start: int, end: int) -> nir.NIRNode:
    """Flatten, with axes counted without the batch; the graph determines its input_type."""
    unknown: Any = {"input": None}  # narrower in nir's annotations than in nir
    return nir.Flatten(unknown, start, end)


def pair(value: Any) -> tuple[int, int]:
    """A number, or two, as two."""
    numbers = [int(n) for n in np.asarray(value).reshape(-1)]
    return (numbers[0], numbers[-1])


def _first(value: Any) -> int:
    return pair(value)[0]
