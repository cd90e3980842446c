"""Additions of constants: folded into the preceding bias, or refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import nir
import numpy as np

from nirx.errors import UnsupportedError

if TYPE_CHECKING:
    from nirx.tracing.draft import Draft

__all__ = ["fold_shifts"]


def fold_shifts(draft: Draft) -> None:
    """Fold every addition of a constant into the Linear, Affine or Conv before it.

    (W x + b) + c becomes W x + (b + c): the same real number with one rounding fewer.

    **Raises**: `UnsupportedError` if there is no such node, or something else reads it too.
    """
    for name, (offset, where) in draft.shifts.items():
        sources = [s for s, target in draft.edges if target == name]
        source = sources[0]
        good = len(sources) == 1 and isinstance(source, str) and _has_bias(draft.nodes.get(source))
        if not good or draft.readers(source) != 1:
            raise UnsupportedError(
                f"{where} adds a constant, which NIR can only hold as the bias of a Linear or "
                "convolution that nothing else reads; put it into one"
            )
        assert isinstance(source, str)
        draft.nodes[source] = _shifted(draft.nodes[source], offset, where)
        draft.edges = [(s, t) for s, t in draft.edges if t != name]
        draft.replace_source(name, source)
    draft.shifts.clear()


def _has_bias(node: Any) -> bool:
    return isinstance(node, nir.Linear | nir.Affine | nir.Conv1d | nir.Conv2d)


def _shifted(node: Any, offset: np.ndarray, where: str) -> Any:
    weight = np.asarray(node.weight)
    channels = weight.shape[:-1] if isinstance(node, nir.Linear | nir.Affine) else weight.shape[:1]
    space = weight.ndim - 2 if isinstance(node, nir.Conv1d | nir.Conv2d) else 0
    if space and offset.ndim:
        if offset.ndim < space + 1 or any(n != 1 for n in offset.shape[-space:]):
            raise UnsupportedError(f"{where} adds a constant that varies within a channel")
        offset = offset.reshape(offset.shape[:-space])
    bias = getattr(node, "bias", None)
    before = np.zeros(channels, weight.dtype) if bias is None else np.asarray(bias)
    try:
        total = np.broadcast_to(before + offset.astype(before.dtype), channels).copy()
    except ValueError as error:
        raise UnsupportedError(
            f"{where} adds a constant of shape {offset.shape} to {channels} channels"
        ) from error
    if isinstance(node, nir.Linear):
        return nir.Affine(weight, total, metadata=node.metadata)
    node.bias = total
    return node
