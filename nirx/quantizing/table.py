"""A quantization as a table: one row per node."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import rich.box
from rich.table import Table

from nirx.basics.tables import MOST_ROWS, cell

if TYPE_CHECKING:
    from nirx.quantizing.quantization import NodeReport, Quantization

__all__ = ["quantization_table", "remarks"]

HEADINGS = (
    "scale",
    "bits",
    "rounding",
    "saturated",
    "threshold",
    "decay",
    "largest v",
    "overflows",
)
"""The scale of weights and the bits that they use; the largest errors of a weight and of a decay;
overflows of v, and of i where there is one."""


def quantization_table(found: Quantization) -> Table:
    """One row per node with weights and per neuron."""
    table = Table(box=rich.box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("node")
    table.add_column("type")
    for heading in HEADINGS:
        table.add_column(heading, justify="right")
    for own in found.report[:MOST_ROWS]:
        table.add_row(cell(own.path), own.type, *_cells(own))
    if len(found.report) > MOST_ROWS:
        table.add_row(f"... and {len(found.report) - MOST_ROWS} more")
    return table


def _cells(own: NodeReport) -> list[str]:
    counts = [n for n in (own.v_overflows, own.i_overflows) if n is not None]
    low, high = own.threshold or (None, None)
    return [
        _text(own.weight_scale, "{:.5g}"),
        _text(own.weight_bits, "{}"),
        _text(own.rounding_percent, "{:.2g} %"),
        _text(own.saturated, "{:,}"),
        _text(low, "{:,}") + ("" if low == high else f" to {high:,}"),
        _text(own.decay_percent, "{:.2g} %"),
        _text(own.largest_v, "{:,}"),
        ", ".join(f"{n:,}" for n in counts) or "-",
    ]


def _text(value: Any, form: str) -> str:
    return "-" if value is None else form.format(value)


def remarks(found: Quantization) -> list[str]:
    """What a reader has to know: notes by node, and the units of the outputs."""
    lines = []
    if found.taken:
        lines.append(
            "the graph holds whole numbers in range already and was taken as it is; given scales "
            "(scale={path: number}) quantize it nevertheless"
        )
    lines += [f"{cell(own.path)}: {cell(note)}" for own in found.report for note in own.notes]
    for name, unit in sorted(found.outputs.items()):
        if isinstance(unit, list):
            lines.append(f"{cell(name)}: units differ by neuron; metadata nirx_scales has them")
        elif unit != 1:
            lines.append(f"{cell(name)}: divide by {unit:.9g} for the values of the float graph")
    return lines
