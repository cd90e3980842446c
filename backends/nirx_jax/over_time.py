"""A call that scans over time, or maps over a batch, as the draft of one step of one sample."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
from jax.extend.core import Jaxpr

from nirx.errors import UnsupportedError
from nirx.tracing.draft import Draft
from nirx_jax.leaf import LEAF
from nirx_jax.marks import BATCH, TIME, Marks, OtherLayout

__all__ = ["axes_of", "draft_over_time"]

LAYOUTS = ((TIME,), (TIME, BATCH), (BATCH,), (BATCH, TIME))
"""What the first axes of the inputs may be."""

SIZES = ((101, 103), (107, 109))
"""Sizes of time and batch that hardly any layer has; the second pair, if one does."""


def axes_of(jaxpr: Any) -> set[str]:
    """The axes that a program may have: time if it scans, a batch if it maps a module."""
    found = set()
    for eqn in jaxpr.eqns:
        if eqn.primitive.name == "scan":
            found.add(TIME)
        if eqn.primitive is LEAF and eqn.params["call"].mapped:
            found.add(BATCH)
        for value in eqn.params.values():
            inner = getattr(value, "jaxpr", value)
            if isinstance(inner, Jaxpr):
                found |= axes_of(inner)
    return found


def draft_over_time(
    attempt: Callable[[Any, Any, Marks], Draft],
    axes: set[str],
    example_input: Any,
    example_state: Any,
) -> Draft | None:
    """The draft of a model, with the first axes of its inputs as time and batch.

    Arguments:
        attempt: (example input, example state, marks) -> the draft.
        axes: of `axes_of`.
        example_input, example_state: of the caller; their axes of time and batch may have any
            size.

    Returns: the draft; None if these axes are not the first ones.

    **Raises**: `UnsupportedError` where steps or samples are combined.
    """
    reason: UnsupportedError | None = None
    for layout in [layout for layout in LAYOUTS if axes.issuperset(layout)]:
        for time, batch in SIZES:
            sizes = {TIME: time, BATCH: batch}
            marks = Marks({sizes[kind]: kind for kind in layout})
            try:
                given = _resized(example_input, [sizes[kind] for kind in layout])
                state = example_state
                if BATCH in layout:
                    state = _resized(example_state, [batch])
                return attempt(given, state, marks)
            except OtherLayout:
                break
            except UnsupportedError as error:
                reason = reason or error
            except Exception:  # a model may do anything with sizes that it does not expect
                continue
    if reason is not None:
        raise UnsupportedError(str(reason)) from reason
    return None


def _resized(tree: Any, sizes: list[int]) -> Any:
    def resize(leaf: Any) -> Any:
        if leaf is None:
            return None
        if not hasattr(leaf, "shape") or len(leaf.shape) < len(sizes):
            raise ValueError("an input has fewer axes")
        return jax.ShapeDtypeStruct((*sizes, *leaf.shape[len(sizes) :]), leaf.dtype)

    return jax.tree.map(resize, tree, is_leaf=lambda part: part is None)
