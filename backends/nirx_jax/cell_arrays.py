"""Arrays of a cell as those of a node: their elements, and their names."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable
from typing import Any, TypeVar

import numpy as np

from nirx.dynamics.program import LONGEST_NAME, RESERVED

__all__ = ["at_positions", "good_name", "names_for", "short_number"]

T = TypeVar("T")


def at_positions(array: np.ndarray, positions: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Elements of an array, in an array that broadcasts to a shape.

    An axis along which they are all the same element has size 1, so that training keeps them
    the same.

    Arguments:
        array: any.
        positions: in the flat array, one for each element of `shape`.
        shape: of the input of the neuron.
    """
    own = np.arange(array.size).reshape(array.shape)
    if array.ndim <= len(shape) and _reads(own, positions, shape):
        return np.array(array)
    where = positions.reshape(shape)
    for axis in range(len(shape)):
        first = np.take(where, [0], axis)
        where = first if (where == first).all() else where
    while where.ndim and where.shape[0] == 1:
        where = where[0]
    return np.array(array.ravel()[where])


def _reads(own: np.ndarray, positions: np.ndarray, shape: tuple[int, ...]) -> bool:
    try:
        spread = np.broadcast_to(own, shape)
    except ValueError:
        return False
    return bool((spread.ravel() == positions).all())


def names_for(things: Iterable[tuple[str, T]]) -> dict[str, T]:
    """Things by their names; where a name is there several times, it gets a number."""
    listed = [(good_name(name), thing) for name, thing in things]
    counts = Counter(name for name, _ in listed)
    found: dict[str, T] = {}
    for name, thing in listed:
        own, number = name, 0
        if counts[name] > 1:
            own = f"{name}_0"
        while own in found or (own != name and own in counts):
            number += 1
            own = f"{name}_{number}"
        found[own] = thing
    return found


def good_name(path: str) -> str:
    """A name that an attribute of a node can have."""
    name = re.sub(r"\W", "_", path).strip("_")[: LONGEST_NAME - 4]
    if not name or not name.isidentifier() or name in RESERVED:
        name = f"s_{name}" if name[:1].isdigit() else f"{name}_own".strip("_")
    return name


def short_number(value: Any) -> float:
    """A constant of the program. One in float32 is the decimal number that it was written as:
    0.9 is 0.9 in float64 too, and the same bits in float32."""
    number = float(value)
    if getattr(value, "dtype", None) != np.float32 or not math.isfinite(number):
        return number
    short = float(str(value))
    return short if np.float32(short) == value else number
