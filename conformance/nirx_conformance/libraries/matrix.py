"""The matrix of libraries, rows and columns; each cell is judged in a worker process."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from nirx_conformance.libraries.library import Library
from nirx_conformance.libraries.rows import ROWS
from nirx_conformance.libraries.verdict import Verdict
from nirx_conformance.libraries.worker import Worker

__all__ = ["COLUMNS", "LIMIT", "Measured", "measure", "payload"]

COLUMNS = ("importer", "bridge", "own steps")

LIMIT = 60.0
"""Seconds for one cell, which takes a few at most: a slower one never returns."""


@dataclass(frozen=True)
class Measured:
    """One library's part of the matrix.

    Arguments:
        cells: row -> column -> verdict.
    """

    library: Library
    cells: Mapping[str, Mapping[str, Verdict]]


def measure(
    libraries: Sequence[Library],
    columns: Sequence[str] = COLUMNS,
    rows: Sequence[str] = tuple(row.name for row in ROWS),
    limit: float = LIMIT,
    jobs: int = 2,
    done: Callable[[], Any] = lambda: None,
) -> list[Measured]:
    """Judge the cells, libraries side by side.

    Arguments:
        limit: seconds for one cell.
        jobs: how many libraries run at a time.
        done: called after each row of each library.

    Returns: in the order of the libraries.

    **Raises**: `RuntimeError` if a library or nirx's bridge to it cannot be imported.
    """

    def one(library: Library) -> Measured:
        cells = {}
        with Worker(library, limit) as worker:
            for row in rows:
                cells[row] = {column: worker.judge(column, row) for column in columns}
                done()
        return Measured(library, cells)

    with ThreadPoolExecutor(jobs) as pool:
        return list(pool.map(one, libraries))


def payload(found: Sequence[Measured]) -> dict[str, Any]:
    """The content of `--json`."""
    return {
        part.library.name: {
            "versions": part.library.versions,
            "dt": part.library.dt,
            "rows": {
                row: {column: {**vars(v), "outcome": str(v.outcome)} for column, v in own.items()}
                for row, own in part.cells.items()
            },
        }
        for part in found
    }
