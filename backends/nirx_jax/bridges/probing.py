"""The shape of a model's input where only its own code knows what it is given to."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import jax
import jax.numpy as jnp

from nirx.dynamics.ops import Shape
from nirx.errors import InputError

__all__ = ["probed_shape"]


def probed_shape(sizes: Iterable[Shape], read_by: Callable[[jax.Array], Shape | None]) -> Shape:
    """The shape of one sample, told by calling the model.

    Layers are known by name and not by the order of their calls, so a sample of each size that
    a layer reads is tried, until one gets to a layer as it is.

    Arguments:
        sizes: that layers read.
        read_by: runs one step on a sample; gives the size that the layer reads which the sample
            itself comes to, or None. It may raise anything.

    **Raises**: `InputError` where no size, or more than one, will do.
    """
    fit: list[Shape] = []
    for size in dict.fromkeys(sizes):
        try:
            found = read_by(jnp.zeros(size))
        except Exception:  # whatever the model's code does with an input of another shape
            continue
        if found is not None:
            return found
        fit.append(size)
    if len(fit) == 1:
        return fit[0]
    raise InputError("nothing tells the shape of the input; pass input_shape=")
