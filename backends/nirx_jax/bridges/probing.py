"""Facts about a library's model that only a call of its code can tell."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from nirx.dynamics.ops import Shape
from nirx.errors import InputError

__all__ = ["is_step", "probed_shape"]

Look = Callable[[Any, Shape | None], None]
"""(input of a layer, the shape that the layer reads) -> None; called before each layer."""


def probed_shape(sizes: Iterable[Shape], run: Callable[[jax.Array, Look], Any]) -> Shape:
    """The shape of one sample, found by calling the model.

    Layers are known by name and not by the order of their calls, so a sample of each shape that
    a layer reads is tried, until one reaches a layer as it is.

    Arguments:
        sizes: shapes that layers read.
        run: (x, look) -> anything: runs one step on the sample x.

    **Raises**: `InputError` where no shape, or more than one, is possible.
    """
    fit: list[Shape] = []
    for size in dict.fromkeys(sizes):
        read = _read_by(run, jnp.zeros(size))
        if read:
            return read[0]
        fit += [size] if read is not None else []
    if len(fit) == 1:
        return fit[0]
    raise InputError("nothing tells the shape of the input; pass input_shape=")


def _read_by(run: Callable[[jax.Array, Look], Any], x: jax.Array) -> list[Shape] | None:
    """The shape that the layer reads which gets x itself; None if x does not fit the model."""
    read: list[Shape] = []

    def look(given: Any, size: Shape | None) -> None:
        if given is x and size is not None:
            read.append(size)
            raise _Found

    try:
        run(x, look)
    except Exception:  # the library may wrap `_Found`; the model may raise anything
        return read or None
    return read


class _Found(Exception):
    """Ends a run whose input has reached a layer."""


def is_step(function: Callable[[Any], Any], at_zero: bool) -> bool:
    """Whether an activation is a step: 1 above 0, 0 below.

    Arguments:
        at_zero: whether it is 1 at 0.
    """
    given = np.array([-2.0, -1e-3, 0.0, 1e-3, 2.0])
    with jax.ensure_compile_time_eval():  # an export may happen while a model is traced
        spikes = np.asarray(function(jnp.asarray(given)))
    return bool((spikes == (given >= 0 if at_zero else given > 0)).all())
