"""A move as a table: one row per layer, then what changed and where libraries first diverge."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from rich.table import Table

from nirx.basics.name_list import name_list
from nirx.basics.tables import MOST_ROWS, cell
from nirx.comparison.result import BackendComparison
from nirx.graphs.metadata import RECOGNISED_KEY
from nirx.graphs.origin import node_at

if TYPE_CHECKING:
    from nirx.moving.move import Move

__all__ = ["fidelity_table", "remarks"]

WORDS = {
    "exact": "exact: the same numbers",
    "rounding": "rounding only: the same spikes, values within rounding",
    "different": "different",
}


def fidelity_table(moved: Move) -> Table:
    """One row per layer: how source and target compare with the exact executor."""
    title = f"{moved.source or 'graph'} -> {moved.target}, against the exact executor"
    table = Table(title=title, title_justify="left")
    runs = moved.comparison.others
    headings = ["layer", "type", "spikes", *(run.backend for run in runs)]
    for heading in headings:
        table.add_column(cell(heading))
    types = {place.name: place.type_name for place in moved.schedule.nodes}
    keys = list(moved.comparison.recordings[moved.comparison.reference])
    for key in keys[:MOST_ROWS]:
        spikes = moved.comparison.recordings[moved.comparison.reference][key]
        count = f"{int(spikes.sum()):,}" if key in moved.comparison.spiking else ""
        table.add_row(
            cell(key), types[key], count, *(_verdict(run, key, key in moved.silent) for run in runs)
        )
    if len(keys) > MOST_ROWS:
        table.add_row(f"... and {len(keys) - MOST_ROWS} more", "", "", *("" for _ in runs))
    return table


def remarks(moved: Move) -> list[str]:
    """What changed, where runs first diverge, and which layers the input did not test."""
    lines = ["run on " + ", ".join(_of(name, x) for name, x in moved.inputs.items())]
    told = ((p.name, node_at(moved.original, p.path)) for p in moved.schedule.nodes)
    texts = {name: (node.metadata or {}).get(RECOGNISED_KEY) for name, node in told}
    lines += [f"{cell(name)}: {cell(text)}" for name, text in texts.items() if text is not None]
    lines += [f"changed: {cell(change)}" for change in moved.changes]
    lines += [
        f"{cell(run.backend)} first diverges at {cell(run.first_difference)}"
        for run in moved.comparison.others
        if run.first_difference is not None
    ]
    if moved.adapted is not None:
        (run,) = moved.adapted.others
        held = run.first_divergence is None
        lines.append(
            f"{moved.target} against the changed graph: "
            + ("no spike differs" if held else f"first diverges at {cell(run.first_divergence)}")
        )
    if moved.by_nirx:
        names = ", ".join(str(cell(name)) for name in moved.by_nirx[:8])
        lines.append(f"{moved.target} lacks these neurons, so nirx runs them: {names}")
    if moved.silent:
        names, hint = name_list(moved.silent), moved.comparison.silence.hint
        said = f"never spiked, so not compared in their spikes: {names}; try another input"
        lines.append(str(cell(f"{said}; {hint}" if hint else said)))
    unknown = ", as far as this input shows" * bool(moved.silent)
    lines.append(f"fidelity: {WORDS.get(moved.fidelity, moved.fidelity)}{unknown}")
    return lines


def _verdict(run: BackendComparison, key: str, silent: bool) -> str:
    for node in run.nodes:
        if node.key == key:
            if node.later:
                return node.fidelity
            if node.first_divergence is not None:
                return f"{node.differing:,} DIFFER, from step {node.first_divergence.step}"
            if silent:
                return "no spikes"
            return "exact" if node.fidelity == "exact" else f"rounding ({node.max_error:.1g})"
    return "-"


def _of(name: str, x: np.ndarray) -> str:
    """The array of an Input in words: `"input [100, 4, 20] from 0 to 8"`."""
    ends = f" from {x.min():g} to {x.max():g}" if x.size else ""
    return f"{cell(name)} {list(x.shape)}{ends}"
