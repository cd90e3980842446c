"""The form of single nodes that nir's own reader accepts, and back.

nir takes the shape of a node from its parameters, so each has to have the full shape. It knows
no missing bias or input shape, and overlooks the groups of a convolution.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import nir
import numpy as np

from nirx.dynamics.base import Elementwise
from nirx.dynamics.conv import conv_geometry
from nirx.dynamics.geometry import integers
from nirx.dynamics.node_types import NATIVE_TYPES, find_type
from nirx.dynamics.ops import Shape
from nirx.dynamics.parameters import NodeMismatch
from nirx.files.nir_form.hints import FORM_KEY, hint_of, with_hint, without_hint
from nirx.files.nir_form.square import restore_square, square_form
from nirx.graphs.repair import declare_port

__all__ = ["POOLS", "TooLarge", "node_form", "pool_form", "restored_node", "spread_parameters"]

POOLS = (nir.SumPool2d, nir.AvgPool2d)
POOL = "pool"
"""In the hint of a convolution: the pool that it was."""
POOL_SIZES = ("kernel_size", "stride", "padding")


MOST_BYTES = 2**30
"""Limit for a weight that lost its groups."""


class TooLarge(Exception):
    """The form of a node that nir accepts is too large to write."""


def spread_parameters(node: Any, shape: Shape) -> dict[str, list[int]]:
    """Give every parameter of an elementwise node the full shape; the node is changed.

    Arguments:
        node: of one of NIR's own types; others are left alone.
        shape: of the node's input.

    Returns: the former shapes of the parameters that were smaller.
    """
    entry = find_type(type(node))
    if type(node) not in NATIVE_TYPES or entry is None or entry.dynamics is None:
        return {}
    if not issubclass(entry.dynamics, Elementwise):
        return {}
    return _spread(node, entry.stored, shape)


def _spread(node: Any, names: tuple[str, ...], shape: Shape) -> dict[str, list[int]]:
    """Give these arrays of a node a shape; the node is changed. Returns the former shapes."""
    former = {}
    for name in names:
        array = np.asarray(getattr(node, name))
        if array.shape != shape:
            former[name] = list(array.shape)
            setattr(node, name, np.broadcast_to(array, shape).copy())
    return former


def node_form(node: Any, takes: Shape, gives: Shape) -> tuple[Any, nir.Conv2d | None]:
    """A node as nir accepts it.

    Arguments:
        node: not changed.
        takes, gives: its input and output shape.

    Returns: the node itself or a copy in another form with a hint, and the convolution that has
    to pad its input, if one has to.

    **Raises**: `TooLarge`.
    """
    new = copy.copy(node)
    if isinstance(node, nir.Input | nir.Output | nir.Flatten | nir.SumPool2d | nir.AvgPool2d):
        declare_port(new, takes)  # a file declares it; `pool_form` reads that of a pool
        return new, None
    hint: dict[str, Any] = {}
    spread = spread_parameters(new, takes)
    if isinstance(node, nir.Affine | nir.Conv1d | nir.Conv2d):
        bias = gives if isinstance(node, nir.Affine) else gives[:1]
        if new.bias is None:
            hint["bias"] = None
            new.bias = np.zeros(bias, np.asarray(new.weight).dtype)
        spread |= _spread(new, ("bias",), bias)
    if spread:
        hint["shapes"] = spread
    before = None
    if isinstance(node, nir.Conv1d | nir.Conv2d):
        if new.input_shape is None:
            hint["input_shape"] = None
            new.input_shape = np.array(takes[1:]) if len(takes) == 3 else int(takes[1])
        groups = conv_geometry(new, len(takes) - 1).groups
        if groups > 1:
            hint["groups"] = groups
            new.weight, new.groups = _dense(np.asarray(new.weight), groups), 1
        before = square_form(new, takes, hint) if isinstance(node, nir.Conv2d) else None
    return (with_hint(new, hint) if hint else node), before


def pool_form(pool: Any) -> tuple[Any, nir.Conv2d | None]:
    """A pool that no Input reaches, so that nir cannot infer its shape: a convolution.

    Arguments:
        pool: as `node_form` returned it.

    Returns: as `node_form`.
    """
    takes = tuple(int(n) for n in pool.input_type["input"])
    conv = _pooling(pool, takes)
    own = {name: np.asarray(getattr(pool, name)).tolist() for name in POOL_SIZES}
    conv.metadata = dict(pool.metadata or {})
    with_hint(conv, {POOL: {"type": type(pool).__name__, "takes": list(takes), **own}})
    return node_form(conv, takes, takes)


def _pooling(pool: Any, takes: Shape) -> nir.Conv2d:
    """The convolution that does what a pool does."""
    kernel, stride = (integers(pool, name, 2, 1) for name in ("kernel_size", "stride"))
    padding = integers(pool, "padding", 2, 0)
    size = kernel[0] * kernel[1] if isinstance(pool, nir.AvgPool2d) else 1
    weight = np.zeros((takes[0], takes[0], *kernel))
    weight[range(takes[0]), range(takes[0])] = 1 / size
    sizes: Any = np.array(stride), np.array(padding)
    return nir.Conv2d(takes[1:], weight, *sizes, 1, 1, np.zeros(takes[0]))  # type: ignore[arg-type]


def _restored_pool(conv: Any, was: Any) -> Any:
    """The pool that a convolution stands for.

    **Raises**: `ValueError` if it stands for none.
    """
    kind = {t.__name__: t for t in POOLS}[was["type"]]
    pool = kind(*(np.array(was[name]) for name in POOL_SIZES))
    made = _pooling(pool, tuple(int(n) for n in was["takes"]))
    for name in ("weight", "stride", "padding", "dilation", "groups", "bias"):
        if not np.array_equal(getattr(conv, name), getattr(made, name)):
            raise ValueError(name)
    pool.metadata = conv.metadata
    return pool


def _dense(weight: np.ndarray, groups: int) -> np.ndarray:
    """The weight without groups: zeros between different groups."""
    out, into, *kernel = weight.shape
    if weight.nbytes * groups > MOST_BYTES:
        raise TooLarge(
            f"its weight without groups takes {weight.nbytes * groups / 2**30:.1f} GiB, and nir "
            "overlooks groups"
        )
    dense = np.zeros((out, into * groups, *kernel), weight.dtype)
    for group, (rows, columns) in enumerate(_blocks(out, into, groups)):
        dense[rows, columns] = weight[group * (out // groups) : (group + 1) * (out // groups)]
    return dense


def _blocks(out: int, into: int, groups: int) -> list[tuple[slice, slice]]:
    """The block of each group in a dense weight [out, groups * into, ...]."""
    size = out // groups
    return [
        (slice(g * size, (g + 1) * size), slice(g * into, (g + 1) * into)) for g in range(groups)
    ]


# -- back -----------------------------------------------------------------------------------


WRONG = (
    *(TypeError, ValueError, KeyError, IndexError, AttributeError, ZeroDivisionError),
    *(NodeMismatch, OverflowError, MemoryError),
)
"""What a hint from elsewhere, which may hold anything, can lead to."""


def restored_node(node: Any) -> Any:
    """The node as it was before `node_form`, without its hint.

    What does not fit in a hint is dropped: it describes a graph that somebody changed, and would
    be taken for a part of the next form.
    """
    metadata = getattr(node, "metadata", None)
    if not isinstance(metadata, dict) or FORM_KEY not in metadata:
        return node
    return without_hint(_undone(node, hint_of(node)))


def _undone(node: Any, hint: dict[str, Any]) -> Any:
    """A copy of a node in its former form, or as it is."""
    new = copy.copy(node)
    try:
        good = all(undo(new, hint[key]) for key, undo in _RESTORE.items() if key in hint)
    except WRONG:
        good = False
    if not good:
        return copy.copy(node)
    try:
        return _restored_pool(new, hint[POOL]) if POOL in hint else new
    except WRONG:
        return new


def _restore_shapes(new: Any, shapes: Any) -> bool:
    return all(_reduce(new, str(name), former) for name, former in shapes.items())


def _reduce(new: Any, name: str, former: list[int]) -> bool:
    """Undo a broadcast, if the array is one."""
    full = np.asarray(getattr(new, name))
    lead = full.ndim - len(former)
    if lead < 0 or not all(isinstance(n, int) for n in former):
        return False
    index = (0,) * lead + tuple(slice(0, 1) if n == 1 else slice(None) for n in former)
    small = full[index]
    if list(small.shape) != former:
        return False
    if np.broadcast_to(small, full.shape).tobytes() != full.tobytes():
        return False
    setattr(new, name, np.ascontiguousarray(small).reshape(former))
    return True


def _restore_bias(new: Any, former: Any) -> bool:
    if former is not None or np.any(new.bias):
        return False
    new.bias = None
    return True


def _restore_input_shape(new: Any, former: Any) -> bool:
    shape = None if former is None else np.array(former)
    new.input_shape = shape
    return shape is None or shape.dtype.kind == "i"


def _restore_groups(new: Any, groups: Any) -> bool:
    dense = np.asarray(new.weight)
    out, into = dense.shape[:2]
    if not isinstance(groups, int) or groups < 2 or out % groups or into % groups:
        return False
    rest = dense.copy()
    parts = []
    for rows, columns in _blocks(out, into // groups, groups):
        parts.append(dense[rows, columns])
        rest[rows, columns] = 0
    if rest.any():
        return False
    # np.concatenate alone would change the order of the bytes.
    new.weight, new.groups = np.concatenate(parts, dtype=dense.dtype), np.int64(groups)
    return True


_RESTORE: dict[str, Callable[[Any, Any], bool]] = {
    "shapes": _restore_shapes,
    "bias": _restore_bias,
    "input_shape": _restore_input_shape,
    "square": restore_square,
    "groups": _restore_groups,
}
"""How to undo each entry of a hint. A kernel has to be cut before its groups are separated."""
