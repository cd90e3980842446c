"""Operations on the axes of a sequence: which axis is time afterwards, and what a step becomes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import fx

from nirx.errors import UnsupportedError

if TYPE_CHECKING:
    from nirx_torch.sequence import Sequence

__all__ = [
    "AcrossSteps",
    "NotALoop",
    "TooShort",
    "UnknownSizes",
    "WrongAxis",
    "moved_axes",
]


class AcrossSteps(UnsupportedError):
    """Forward does something that is not the same in every time step."""


class WrongAxis(AcrossSteps):
    """Forward takes another axis for time than this trace does."""


class NotALoop(UnsupportedError):
    """Forward cannot be traced over time, nor is there a sign that it loops over it."""


class TooShort(UnsupportedError):
    """Forward reads more steps than this trace has."""

    def __init__(self, needed: int):
        super().__init__(f"reads step {needed}")
        self.needed = needed


class UnknownSizes:
    """A shape of which the number of axes is not known."""

    def __init__(self, owner: Sequence, inner: Any):
        self.owner, self.inner = owner, inner

    def __getitem__(self, key: Any) -> Any:
        axis, merged = self.owner.axis, self.owner.merged
        if not isinstance(key, int):
            raise AcrossSteps("the number of axes is not known; pass input_shape=")
        batch = self.owner.tracer.batch_of(self.owner.step(0))
        if merged:
            return self.owner._length() * batch if key == 0 else self.inner[key]
        if key == axis:
            return self.owner._length()
        if key == 1 - axis:
            return batch
        return self.inner[key - 1 if key > axis else key]

    def __iter__(self) -> Any:
        raise AcrossSteps("the number of axes is not known; pass input_shape=")


def moved_axes(seq: Sequence, name: str, args: Any, kwargs: Any) -> Sequence | None:
    """What an operation on axes makes of a sequence; None if it is another operation."""
    if name in ("transpose", "swapaxes", "swapdims", "permute", "movedim") and not seq.merged:
        return _permuted(seq, name, args, kwargs)
    if name == "flatten":
        start = kwargs.get("start_dim", args[0] if args else 0)
        end = kwargs.get("end_dim", args[1] if len(args) > 1 else -1)
        if seq.merged or start < 0:
            return seq.map(lambda value: value.flatten(start, end))
        if (start, end) == (0, 1):
            return seq._like(seq.step, merged=True)
        if start > 1:
            return seq.map(lambda value: value.flatten(start - 1, end - (end > 0)))
        return None
    if name in ("unsqueeze", "squeeze") and (args or kwargs) and not seq.merged:
        dim = kwargs.get("dim", args[0] if args else None)
        if name == "squeeze" and seq.count == 1 and dim == seq.axis:
            return seq.step(0)
        if isinstance(dim, int) and (dim > 1 or dim < -1 or (dim == -1 and name == "unsqueeze")):
            return seq.map(lambda value: getattr(value, name)(dim - (dim > 0)))
        return None
    if name in ("view", "reshape"):
        given = args or (kwargs.get("shape", ()),)
        sizes = tuple(given[0]) if len(given) == 1 and not _is_size(given[0]) else tuple(given)
        return _reshaped(seq, name, sizes)
    if name == "unflatten" and seq.merged and args[0] == 0:
        return seq._like(seq.step, merged=False) if _parts(seq, tuple(args[1])) else None
    return None


def _parts(seq: Sequence, sizes: tuple[Any, ...]) -> bool:
    """Whether the first of these sizes part a merged axis into time and batch."""
    if len(sizes) < 2 or not isinstance(sizes[seq.axis], int) or sizes[seq.axis] != seq._length():
        return False
    return not isinstance(sizes[1 - seq.axis], int) or sizes[1 - seq.axis] == -1


def _reshaped(seq: Sequence, name: str, sizes: tuple[Any, ...]) -> Sequence | None:
    if _parts(seq, sizes):
        rest = (*sizes[: seq.axis], *sizes[seq.axis + 1 :])
        return seq._like(lambda number: getattr(seq.step(number), name)(*rest), merged=False)
    first = sizes[0] if sizes else None
    if isinstance(first, int) and first != -1:
        return None
    if seq.merged or isinstance(first, int) or _is_product(seq, first):
        rest = (seq.tracer.batch_of(seq.step(0)), *sizes[1:])
        return seq._like(lambda number: getattr(seq.step(number), name)(*rest), merged=True)
    return None


def _is_product(seq: Sequence, size: Any) -> bool:
    """Whether a size was computed as steps times batch."""
    node = getattr(size, "node", None)
    return isinstance(node, fx.Node) and seq._length() in node.args


def _is_size(value: Any) -> bool:
    return isinstance(value, int | fx.Proxy)


def _permuted(seq: Sequence, name: str, args: Any, kwargs: Any) -> Sequence:
    """A permutation of axes that may move the time axis to the first or second place."""
    known = seq.ndim
    given = [*args, *kwargs.values()]
    parts = [part for a in given for part in (a if isinstance(a, tuple | list) else (a,))]
    numbers = [part for part in parts if isinstance(part, int)]
    rank = known if isinstance(known, int) else max(2, *(n + 1 for n in numbers))
    like = torch.empty(tuple(range(2, 2 + rank)))
    if not isinstance(known, int) and (name == "movedim" or min(numbers) < 0):
        raise AcrossSteps(
            f"{seq._where()} moves axes of an input of unknown shape; pass input_shape="
        )
    order = [n - 2 for n in getattr(like, name)(*args, **kwargs).shape]
    axis = order.index(seq.axis)
    inner = [n - (n > seq.axis) for n in order if n != seq.axis]
    if axis > 1 or inner[0] != 0:
        raise AcrossSteps(
            f"{seq._where()} moves the time axis to place {axis}; put time first, or time second "
            "after the batch"
        )
    if inner == sorted(inner):
        return seq._like(seq.step, axis=axis)
    return seq._like(lambda number: seq.step(number).permute(*inner), axis=axis)
