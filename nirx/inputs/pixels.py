"""From polarity, row and column of an event to its place in an Input."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nirx.dynamics.ops import Shape
from nirx.errors import InputError

__all__ = ["POLARITIES", "Pixels", "pixels_for", "whole"]

POLARITIES = ("channel", "ignore")


@dataclass(frozen=True)
class Pixels:
    """An Input, or another layer, as a grid `[channels, height, width]`.

    Arguments:
        grid: sizes in the order p, y, x.
        merged: whether polarity is ignored.
        owner: what to call the layer in messages.
    """

    grid: tuple[int, int, int]
    merged: bool
    owner: str = "the Input"

    def places(
        self, where: str, x: np.ndarray, y: np.ndarray | None, p: np.ndarray | None
    ) -> np.ndarray:
        """Flat index of each event, int64. **Raises** `InputError` if one lies outside.

        A polarity of -1 is channel 0.
        """
        zero = np.zeros(len(x), np.int64)
        channel = zero if p is None or self.merged else np.maximum(whole(where, "p", p), 0)
        row = zero if y is None else whole(where, "y", y)
        parts = (channel, row, whole(where, "x", x))
        for name, part, size in zip("pyx", parts, self.grid, strict=True):
            if part.size and (part.min() < 0 or part.max() >= size):
                raise InputError(self._outside(where, name, parts))
        return (parts[0] * self.grid[1] + parts[1]) * self.grid[2] + parts[2]

    def _outside(self, where: str, name: str, parts: tuple[np.ndarray, ...]) -> str:
        low = [int(part.min()) for part in parts]
        high = [int(part.max()) for part in parts]
        index = "pyx".index(name)
        span = f"goes from {low[index]} to {high[index]}"
        if len(parts[index]) == 1:
            span = f"is {low[index]}"
        text = (
            f"{where}: {name} {span}, but {self.owner} has "
            f"{self.grid[index]} there; the events seen need a sensor of at least "
            f"{high[0] + 1} polarities, height {high[1] + 1}, width {high[2] + 1}, and "
            f"{self.owner} is [p, y, x] = {list(self.grid)}"
        )
        return text + ("; polarity=ignore puts all events into one channel" if name == "p" else "")


def pixels_for(
    where: str,
    features: Shape,
    has_y: bool,
    polarity: str = "channel",
    sensor: tuple[int | None, int | None] = (None, None),
    owner: str = "the Input",
) -> Pixels:
    """The grid of an Input, or of another layer.

    Arguments:
        features: [p, y, x], [y, x] (polarity ignored), or flat.
        has_y: whether events have a row.
        polarity: `"channel"` or `"ignore"`.
        sensor: (height, width), needed for a flat Input; None is unknown.
        owner: what to call the layer in messages.

    **Raises**: `InputError` if events have no place in such a shape.
    """
    merged = polarity == "ignore"
    if len(features) == 3:
        return Pixels((features[0], features[1], features[2]), merged, owner)
    if len(features) == 2 and has_y:
        return Pixels((1, features[0], features[1]), True, owner)
    if len(features) == 2:
        return Pixels((features[0], 1, features[1]), merged, owner)
    if len(features) != 1:
        raise InputError(
            f"{where}: events go into an Input of shape [p, y, x], [y, x] or [neurons], but "
            f"{'this one' if owner == 'the Input' else owner} has {list(features)}"
        )
    (size,) = features
    height, width = sensor
    if not has_y and width in (None, size):
        return Pixels((1, 1, size), True, owner)
    if height is None or width is None:
        raise InputError(
            f"{where}: {owner} is flat, [{size}], and events have rows; expected the options "
            "height= and width= of the sensor"
        )
    if height * width < 1 or size % (height * width):
        raise InputError(
            f"{where}: {owner}, of {size}, cannot be divided into frames of {height} x {width}"
        )
    return Pixels((size // (height * width), height, width), merged, owner)


def whole(where: str, name: str, values: np.ndarray) -> np.ndarray:
    """Whole numbers as int64. **Raises** `InputError` for others."""
    if values.dtype.kind == "f":
        with np.errstate(all="ignore"):  # 2**53 is infinite in float16
            odd = ~((values == np.floor(values)) & (np.abs(values) < 2**53))
        if odd.any():
            raise InputError(f"{where}: {name} is {values[odd][0]}; expected whole numbers")
    elif values.dtype.kind == "u" and values.size and values.max() >= 2**63:
        raise InputError(f"{where}: {name} is {values.max()}; expected a place or an address")
    return values.astype(np.int64)
