"""Operations that only move a sample's elements: proven by running them on numbered elements.

view, permute, squeeze, an einsum without a sum, einops' rearrange: each is run on a tensor that
holds the number of every element, with several batch sizes. If the rows of the result are the rows
of the batch, with the same permutation in each, the operation keeps the batch, and the
permutation says what it does. Anything else is refused with what it does to the batch.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch

from nirx.tracing.arranged import Arranged, as_arranged, settled
from nirx.tracing.value import Value
from nirx_torch.lowering import Call, Constant, Dimension

__all__ = ["BATCHES", "arrange", "dimension"]

BATCHES = (2, 3, 1)
"""The batch sizes of the proof: squeeze(0) removes a batch of 1 and no other."""

FAILS = "does not run on a batch of"

FLATTEN = "flatten with torch.flatten(x, 1)"


def arrange(call: Call, position: int = 0) -> Any:
    """What an operation makes of the elements of a value, whose shape must be known.

    Arguments:
        call: the operation; all its other arguments are constants or sizes.
        position: of the value among the arguments.

    **Raises**: `UnsupportedError` unless every row of the result is the same permutation of one
    sample.
    """
    call = replace(call, place=f"{call.place} ({call.line})" if call.line else call.place)
    found = call.arranged(position)
    if isinstance(found, Value):
        if not found.sources:
            return found  # zero, whatever its shape
        if found.shape is None:
            raise call.refuse(
                "rearranges a value of unknown shape", "pass input_shape= (--input-shape)"
            )
        found = as_arranged(found)
    # A plain squeeze() is read as what it does to features: it is written for those.
    bare = call.target in ("squeeze", torch.squeeze) and len(call.arguments) == 1
    batches = BATCHES[:2] if bare and not call.keywords else BATCHES
    rows = [_rows(call, found, batch) for batch in batches]
    wrong = [reason for reason in rows if isinstance(reason, str)]
    order = rows[0]
    if wrong:
        batch = _fixed_batch(call)
        order = wrong[0] if batch is None else _rows(call, found, batch)
        if batch is None or isinstance(order, str):
            raise call.refuse(wrong[0], FLATTEN)
        other = _rows(call, found, 2 * batch)
        call.assume_batch(batch, isinstance(other, str) and other.startswith(FAILS))
    assert isinstance(order, np.ndarray)
    return settled(call.draft, Arranged(found.value, order, call.place), call.name)


def _rows(call: Call, found: Arranged, batch: int) -> np.ndarray | str:
    """The permutation of one sample, or what is wrong with it."""
    count = found.order.size
    numbers = torch.from_numpy(found.order.copy()).double()
    whole = torch.stack([numbers + count * sample for sample in range(batch)])
    try:
        with torch.no_grad():
            result = call.run(whole, batch)
    except (RuntimeError, ValueError, IndexError, TypeError) as error:
        reason = " ".join(str(error).split())
        return f"{FAILS} {batch} samples of shape {found.order.shape} ({reason:.120})"
    if not isinstance(result, torch.Tensor):
        return f"gives a {type(result).__name__}"
    if result.ndim == 0 or result.shape[0] != batch:
        return (
            f"makes {tuple(result.shape)} of a batch of {batch} samples of shape "
            f"{found.order.shape}, so that it does not keep the batch as the first axis"
        )
    rows = result.reshape(batch, -1).numpy()
    shifted = rows[:1] + count * np.arange(batch)[:, None]
    if rows.shape != shifted.shape or not (rows == shifted).all():
        return f"mixes the samples of a batch (samples of shape {found.order.shape})"
    if rows.shape[1] != count or not (np.sort(rows[0]) == np.arange(count)).all():
        return f"drops or repeats elements of a sample of shape {found.order.shape}"
    return rows[0].astype(np.int64).reshape(tuple(result.shape[1:]))


def _fixed_batch(call: Call) -> int | None:
    """The batch size that a view or reshape has as a number: its first size."""
    if call.target not in ("view", "reshape", torch.reshape):
        return None
    sizes = call.rest(1) or (call.keywords.get("shape", Constant(())),)
    sizes = sizes[0] if len(sizes) == 1 and isinstance(sizes[0], tuple | list) else sizes
    first = sizes[0] if sizes else None
    return first if isinstance(first, int) and not isinstance(first, bool) and first > 0 else None


def dimension(call: Call) -> Any:
    """Arithmetic on sizes of which one is the batch; None if no operand is a size."""
    operands = [*call.arguments, *call.keywords.values()]
    if not any(isinstance(o, Dimension) for o in operands) or call.keywords:
        return None
    if any(isinstance(o, Value | Arranged) for o in operands) or len(operands) != 2:
        return None
    numbers = [_factor(o) for o in operands]
    name = getattr(call.target, "__name__", str(call.target)).strip("_")
    if len(numbers) == 2 and None not in numbers:
        (a, p), (b, q) = numbers  # type: ignore[misc]
        if name == "mul" and p + q <= 1:
            return Dimension(0, a * b) if p + q else Constant(a * b)
        if name == "floordiv" and b and a % b == 0 and p - q in (0, 1):
            return Dimension(0, a // b) if p - q else Constant(a // b)
    raise call.refuse(
        f"computes with a size of a tensor ({name})",
        "the batch is not part of a NIR graph; sizes may only be multiplied and divided",
    )


def _factor(operand: Any) -> tuple[int, int] | None:
    """A size as (number, power of the batch)."""
    if isinstance(operand, Dimension) and operand.axis == 0:
        return operand.times, 1
    content = operand.content if isinstance(operand, Constant) else None
    return (content, 0) if isinstance(content, int) else None
