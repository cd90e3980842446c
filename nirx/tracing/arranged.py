"""`Arranged`: a value whose elements a program has reordered or reshaped, which NIR may not say.

NIR has one node that changes a shape: Flatten. A program does more on the way to a flat vector:
it permutes axes, adds and removes axes of size 1, splits axes and joins them again. So a tracer
keeps what the program did to the elements, and nodes are made only when something reads them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import nir
import numpy as np

from nirx.dynamics.ops import Shape
from nirx.errors import UnsupportedError
from nirx.tracing.layers import flatten_node
from nirx.tracing.value import Value

if TYPE_CHECKING:
    from nirx.tracing.draft import Draft

__all__ = [
    "Arranged",
    "as_arranged",
    "fold_permutations",
    "in_nir",
    "joined_axes",
    "permuted_linear",
    "settled",
]

LARGEST = 4096
"""Most elements that a permutation without a Linear beside it may have: it has n x n weights."""


@dataclass(frozen=True)
class Arranged:
    """A value, and where the program has its elements.

    Arguments:
        value: with its shape in NIR, which is known.
        order: an array of the program's shape of one sample: for every element its number in
            the flattened value. It is a permutation.
        place: the operation that arranged them, and where that is in the program.
    """

    value: Value
    order: np.ndarray
    place: str = ""

    @property
    def is_sorted(self) -> bool:
        """Whether the elements are in their order, whatever the shape."""
        return bool((self.order.ravel() == np.arange(self.order.size)).all())


def as_arranged(value: Value) -> Arranged:
    """A value of known shape, as it is in NIR."""
    assert value.shape is not None
    return Arranged(value, np.arange(int(np.prod(value.shape))).reshape(value.shape))


def settled(draft: Draft, found: Arranged, name: str) -> Value | Arranged:
    """The value itself where the program changed nothing, a Flatten where it joined axes.

    Arguments:
        draft: receives the Flatten.
        found: what the program did.
        name: of the Flatten.
    """
    value, shape = found.value, found.order.shape
    if value.shape is None or not found.is_sorted:
        return found
    groups = joined_axes(value.shape, shape)
    if groups is None:
        return found
    for start, end in reversed(groups):  # from the last, so that earlier axes keep their numbers
        value = draft.node(name, flatten_node(start, end), value)
    return value


def joined_axes(before: Shape, after: Shape) -> list[tuple[int, int]] | None:
    """The runs of axes that a reshape joins, or None if it does something else."""
    groups, axis = [], 0
    for n, size in enumerate(after):
        start, total = axis, 1
        last = n == len(after) - 1
        while axis < len(before) and (axis == start or total != size or last):
            total *= before[axis]
            axis += 1
        if axis == start or total != size:
            return None
        if axis - start > 1:
            groups.append((start, axis - 1))
    return groups if axis == len(before) else None


def in_nir(draft: Draft, found: Any, name: str, where: str) -> Any:
    """What flows, with its elements in the program's order and shape.

    Arguments:
        draft: receives nodes.
        found: an `Arranged`; anything else is returned as it is.
        name: of the nodes.
        where: the place in the program, for errors.

    **Raises**: `UnsupportedError` for a shape that NIR cannot express.
    """
    if not isinstance(found, Arranged):
        return found
    order, before, where = found.order, found.value.shape, found.place or where
    if order.ndim != 1:
        did = "reshapes" if found.is_sorted else "permutes the axes of"
        raise UnsupportedError(
            f"{where} {did} a value of shape {before} to {order.shape} (without batch), which has "
            "no NIR node unless it is flattened before the next layer reads it; NIR can only join "
            "axes: give the input the layout that the layers read, or flatten first"
        )
    if order.size > LARGEST:
        raise UnsupportedError(
            f"{where} permutes {order.size} elements, for which NIR would need {order.size} x "
            f"{order.size} weights (at most {LARGEST}); put the Linear that reads them right after "
            "the flatten, so that its columns can be permuted instead"
        )
    weight = np.zeros((order.size, order.size), np.float32)
    weight[np.arange(order.size), order] = 1
    node = draft.node(name, nir.Linear(weight), _flat(draft, found.value, f"{name}.flatten"))
    draft.permutations[node.sources[0]] = order  # type: ignore[index]
    return node


def permuted_linear(
    draft: Draft, name: str, node: Any, found: Any, module: str | None = None
) -> Value | None:
    """A Linear or Affine that reads a reordered vector, with its columns in the value's order.

    Arguments:
        draft: receives the nodes.
        name, module: of the layer, as for `Draft.node`.
        node: the layer.
        found: what it reads.

    Returns: its output; None if this is no such layer or no such vector.
    """
    if not isinstance(found, Arranged) or type(node) not in (nir.Linear, nir.Affine):
        return None
    weight = np.asarray(node.weight)
    order = found.order
    if order.ndim != 1 or weight.ndim != 2 or weight.shape[1] != order.size:
        return None
    columns = np.empty_like(weight)
    columns[:, order] = weight
    bias = () if isinstance(node, nir.Linear) else (node.bias,)
    own = type(node)(columns, *bias, metadata=dict(node.metadata or {}))
    return draft.node(name, own, _flat(draft, found.value, f"{name}.flatten"), module)


def _flat(draft: Draft, value: Value, name: str) -> Value:
    if value.shape is None or len(value.shape) == 1:
        return value
    return draft.node(name, flatten_node(0, -1), value)


def fold_permutations(draft: Draft) -> None:
    """Permute the rows of a Linear or Affine that only a permutation reads, in its place."""
    for name, order in draft.permutations.items():
        sources = [s for s, target in draft.edges if target == name]
        source = sources[0]
        node: Any = draft.nodes.get(source) if isinstance(source, str) else None
        is_layer = type(node) in (nir.Linear, nir.Affine) and source not in draft.permutations
        if not is_layer or len(sources) != 1 or draft.readers(source) != 1:
            continue
        assert isinstance(source, str)
        if np.asarray(node.weight).ndim != 2:
            continue
        node.weight = np.asarray(node.weight)[order]
        if isinstance(node, nir.Affine) and np.ndim(node.bias):
            node.bias = np.asarray(node.bias)[order]
        draft.edges = [(s, t) for s, t in draft.edges if t != name]
        del draft.nodes[name], draft.shapes[name]
        draft.modules.pop(name, None)
        draft.replace_source(name, source)
    draft.permutations.clear()
