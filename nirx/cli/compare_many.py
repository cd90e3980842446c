"""`nirx compare` over a folder of graphs, or a pattern: one task per graph, one table."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import partial
from glob import glob, has_magic
from pathlib import Path
from typing import Any

from rich.table import Table

from nirx.basics.tables import MOST_ROWS, cell
from nirx.cli.progress import bars
from nirx.cli.report import Report
from nirx.errors import InputError, NirxError, NirxWarning
from nirx.scaling.map import map as map_items

__all__ = ["compare_many", "graphs_of"]

BAD = 2
RESULTS = {0: "agree", 1: "differ", BAD: "error"}
"""Exit status of a graph -> what the table calls it."""


def graphs_of(text: str) -> list[str] | None:
    """The graphs of a folder, or of a pattern such as `models/**/*.nir`, sorted by their paths.

    Returns: None if it names one file or one model.

    **Raises**: `InputError` if there is no graph.
    """
    path = Path(text)
    if path.is_dir():
        found = [str(p) for p in path.iterdir() if p.suffix.lower() == ".nir" and p.is_file()]
    elif has_magic(text) and not path.exists():
        found = [p for p in glob(text, recursive=True) if Path(p).is_file()]
    else:
        return None
    if not found:
        raise InputError(
            f"{text}: no graph there; expected a folder with .nir files, or a pattern such as "
            f"'{'models' if has_magic(text) else text}/**/*.nir'"
        )
    return sorted(found)


def compare_many(
    folder: str,
    graphs: Sequence[str],
    one: Callable[[str], Report],
    engine: str | None,
    json: bool,
) -> Report:
    """Compare every graph; one that cannot be compared does not stop the others.

    Arguments:
        folder: the name that the user gave.
        graphs: paths.
        one: compares one graph; it runs where the engine runs it.
        engine: see `nirx.map`.

    Returns: a report with the largest exit status of a graph.

    **Raises**: `InputError` and `UnsupportedError` for an engine that is not there.
    """
    # In this process every graph shows its own bars, which say more.
    with bars(len(graphs), "graphs") if engine else nullcontext() as add_bar:
        advance = add_bar("compare") if add_bar else lambda count: None
        found = list(
            map_items(
                partial(_compared, one), graphs, engine=engine, shards=len(graphs), advance=advance
            )
        )
    for said in (text for _, _, texts in found for text in texts):
        warnings.warn(said, NirxWarning, stacklevel=2)
    status = max(own for own, _, _ in found)
    counts = {name: sum(own == number for own, _, _ in found) for number, name in RESULTS.items()}
    table = Table("graph", "result", "first divergence, or what is wrong")
    for path, (own, payload, _) in list(zip(graphs, found, strict=True))[:MOST_ROWS]:
        table.add_row(cell(path), RESULTS[own], cell(_detail(payload)))
    lines = [f"{len(graphs)} graphs: " + ", ".join(f"{n} {name}" for name, n in counts.items())]
    if len(graphs) > MOST_ROWS:
        lines.insert(0, f"... and {len(graphs) - MOST_ROWS} more; --json lists all")
    results = [{**payload, "result": RESULTS[own]} for own, payload, _ in found]
    return Report(status, {"folder": folder, **counts, "graphs": results}, (table, *lines), json)


def _compared(one: Callable[[str], Report], path: str) -> tuple[int, dict[str, Any], list[str]]:
    """Exit status, payload and warnings of one graph."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", NirxWarning)
        try:
            report = one(path)
            status, payload = report.status, dict(report.payload)
        except NirxError as error:
            status, payload = BAD, {"file": path, "error": str(error)}
    own = [str(w.message) for w in caught if issubclass(w.category, NirxWarning)]
    return status, payload, [text if path in text else f"{path}: {text}" for text in own]


def _detail(payload: dict[str, Any]) -> str:
    """What a row says about a graph."""
    if "error" in payload:
        return payload["error"]
    first = payload.get("first_divergence")
    if not first:
        return ""
    place = f"{first['node']}{first['index'] or ''}"
    return f"step {first['step']}, {place}"
