"""Events of one layer as columns of numbers; errors name the row."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from nirx.errors import InputError
from nirx.inputs.binning import Clock
from nirx.inputs.camera import EventOptions

__all__ = ["EventRows"]


@dataclass(frozen=True, eq=False)
class EventRows:
    """The rows of one layer.

    Arguments:
        where: what to call all of them in messages.
        row: what to call one of them.
        columns: step or time; place (flat), neuron (flat or `[events, axes]`) or x, y, p.
    """

    where: str
    row: Callable[[int], str]
    columns: Mapping[str, np.ndarray]

    @property
    def count(self) -> int:
        return len(next(iter(self.columns.values())))

    def only(self, rows: np.ndarray) -> EventRows:
        """Some of the rows, by their numbers."""
        columns = {name: column[rows] for name, column in self.columns.items()}
        return EventRows(self.where, lambda number: self.row(int(rows[number])), columns)

    def placed(self, places: np.ndarray, parts: Collection[str]) -> EventRows:
        """The same rows with flat indices instead of the columns that said where they are."""
        columns = {name: own for name, own in self.columns.items() if name not in parts}
        return replace(self, columns={**columns, "place": places})

    def steps(self, clock: Clock) -> np.ndarray:
        """The step of each row. **Raises** `InputError`."""
        if "time" in self.columns:
            return self.located(lambda n: clock.steps(self.columns["time"][n], self.where))
        steps = self.columns["step"]

        def whole(n: slice) -> np.ndarray:
            if (steps[n] != np.floor(steps[n])).any():
                raise InputError(f"{self.where}: expected a whole number of steps, 0 or more")
            return clock.steps(steps[n], self.where)

        return self.located(whole)

    def places(self, options: EventOptions) -> np.ndarray:
        """The flat index of each row. **Raises** `InputError`."""
        if "place" in self.columns:
            return self.columns["place"]
        place = options.placer(self.columns)
        return self.located(lambda n: place(self.where, _cut(self.columns, n)))

    def located(self, convert: Callable[[slice], Any]) -> Any:
        """Convert all rows at once; if that fails, name the first bad one."""
        try:
            return convert(slice(None))
        except InputError:
            start, stop = 0, self.count
            while stop - start > 1:  # halves: rows are converted independently of each other
                middle = (start + stop) // 2
                try:
                    convert(slice(start, middle))
                except InputError:
                    stop = middle
                else:
                    start = middle
            try:
                convert(slice(start, stop))
            except InputError as error:
                text = str(error).removeprefix(f"{self.where}: ")
                raise InputError(f"{self.row(start)}: {text}") from None
            raise


def _cut(columns: Mapping[str, np.ndarray], n: slice) -> dict[str, np.ndarray]:
    return {name: column[n] for name, column in columns.items()}
