"""`Marks`: which axes of a program's arrays are time and batch, told by their sizes.

A model that runs all time steps, or a batch, is traced on an example whose axes of time and
batch have sizes that nothing else has. Wherever such a size turns up, it is that axis: as long as
every array has it in front, every operation acts on each step and each sample alike.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nirx.errors import UnsupportedError

__all__ = ["BATCH", "TIME", "Marks", "OtherLayout", "OverTime"]

TIME, BATCH = "time", "batch"

Shape = tuple[int, ...]


class OverTime(UnsupportedError):
    """A program is not one step of one sample: it scans over time, or maps over a batch."""


class OtherLayout(OverTime):
    """The axes of time and batch are not where they were supposed to be."""


@dataclass
class Marks:
    """Sizes of axes that are not features.

    Arguments:
        sizes: {size: TIME or BATCH}.
    """

    sizes: dict[int, str] = field(default_factory=dict)

    def lead(self, shape: Shape) -> tuple[str, ...]:
        """What the first axes are."""
        found: list[str] = []
        for size in shape:
            kind = self.sizes.get(size)
            if kind is None or kind in found:
                break
            found.append(kind)
        return tuple(found)

    def sample(self, shape: Shape, place: str) -> Shape:
        """The shape of one step of one sample. **Raises** `OverTime` if an axis is elsewhere."""
        rest = tuple(shape[len(self.lead(shape)) :])
        for size in rest:
            if size in self.sizes:
                raise OverTime(
                    f"{place} moves the axis of {self.sizes[size]} behind others; keep it in front"
                )
        return rest

    def constant(self, value: Any, place: str) -> Any:
        """A constant of one step of one sample. **Raises** `OverTime` if they differ."""
        array = np.asarray(value) if self.sizes and hasattr(value, "shape") else None
        if array is None or array.dtype.kind not in "fiub":
            return value
        for kind in self.lead(array.shape):
            if array.size and (array != array[:1]).any():
                raise OverTime(f"{place} uses a constant that differs along the axis of {kind}")
            array = array[0]
        return array

    def require_kept(self, operands: list[Shape], result: Shape, place: str, moves: bool) -> None:
        """Check that an operation keeps the axes. **Raises** `OverTime`."""
        if not self.sizes:
            return
        own = self.lead(result)
        for shape in operands:
            lead = self.lead(shape)
            lost = [kind for kind in lead if kind not in own]
            if lost:
                mend = (
                    "return the outputs of all time steps, and take the mean, the sum or the last "
                    "step outside the module"
                    if lost[0] == TIME
                    else "the step must keep its samples apart"
                )
                raise OverTime(f"{place} takes out or combines parts along {lost[0]}; {mend}")
            if not moves and [kind for kind in own if kind in lead] != list(lead):
                raise OverTime(f"{place} exchanges time and batch")
