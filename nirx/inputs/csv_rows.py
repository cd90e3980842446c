"""CSV files of events: rows, what their columns hold, and their cells as numbers."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nirx.dynamics.ops import Shape
from nirx.errors import FileError, did_you_mean
from nirx.files.csv_numbers import read_finite, read_place
from nirx.inputs.event_format import QUANTITIES, EventFormat

__all__ = ["CsvHeader", "Row", "csv_rows", "read_number", "read_spot"]

Row = tuple[str, list[str]]
"""Where it is, and its fields."""
USUAL = tuple(name for names in QUANTITIES.values() for name in names)


def csv_rows(path: Path) -> Iterator[Row]:
    """The rows of a CSV file that are not empty. **Raises** `FileError`."""
    try:
        with open(path, encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream, strict=True)
            for fields in reader:
                if fields:
                    where = f"{path}, line {reader.line_num}"
                    yield where, [field.strip() for field in fields]
    except UnicodeDecodeError as error:
        raise FileError(f"{path}: not a text in UTF-8") from error
    except csv.Error as error:
        raise FileError(f"{path}: not a CSV file: {error}") from error
    except OSError as error:
        raise FileError(f"{path}: {error.strerror or error}") from error


@dataclass(frozen=True)
class CsvHeader:
    """What the columns of a CSV file hold.

    Arguments:
        names: of the columns, by what they hold.
        kinds: what each column holds, in the order of the file; "" for nothing that is read.
        ignored: names of the columns that are not read.
    """

    names: dict[str, str]
    kinds: tuple[str, ...]
    ignored: tuple[str, ...]

    @classmethod
    def of(cls, row: Row, form: EventFormat) -> CsvHeader:
        """The header of a file with a row per event.

        **Raises**: `FileError` for columns that are unknown, missing or contradict each other.
        """
        where, header = row
        lower = [name.lower() for name in header]
        for number, name in enumerate(lower):
            if name in lower[:number]:
                raise FileError(f"{where}: two columns {header[number]!r}")
        names = form.match(where, header)
        kinds = {name: what for what, name in names.items()}
        ignored = tuple(name for name in header if name not in kinds)
        if ignored and not form.columns:
            near = did_you_mean(ignored[0].lower(), USUAL)
            hint = f"{near} " if near.startswith("did") else ""
            raise FileError(
                f"{where}: unknown column {ignored[0]!r:.80}; {hint}(columns={{'time': 't_us'}}, "
                "--columns time=t_us,neuron=addr, says which column is what)"
            )
        return cls(names, tuple(kinds.get(name, "") for name in header), ignored)

    def require(self, row: Row) -> None:
        """**Raises** `FileError` unless it says when and where each event was."""
        where, header = row
        for what, other in (("time", "step"), ("neuron", "x")):
            if not {what, other} & set(self.names):
                raise FileError(
                    f"{where}: the header is {','.join(header)!r:.200}; expected a column of "
                    f"{what} or {other}; say which one it is: columns={{{what!r}: ...}} "
                    f"(--columns {what}=NAME)"
                )

    def cells(self, row: Row) -> dict[str, str]:
        """The texts of a row, by what they are. **Raises** `FileError` for another length."""
        where, fields = row
        if len(fields) != len(self.kinds):
            raise FileError(f"{where}: expected {len(self.kinds)} fields, as the header has")
        return {what: text for what, text in zip(self.kinds, fields, strict=True) if what}


def read_number(where: str, name: str, text: str) -> int | float:
    """A finite number; whole ones stay whole, because whole ticks are divided exactly."""
    number = read_finite(where, name, text)
    try:
        return int(text) if len(text) < 19 else number
    except ValueError:
        return number


def read_spot(where: str, name: str, text: str, sizes: Shape) -> int:
    """A flat index, or one per axis with ";" in between, as a flat index.

    **Raises**: `InputError` for one that is not there.
    """
    flat = ";" not in text and text and len(sizes) != 1
    own = (math.prod(sizes),) if flat else sizes
    place = read_place(where, name, text, own)
    return int(np.ravel_multi_index(place, own)) if own else 0
