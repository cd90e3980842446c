"""A run without another side as a `Comparison` of one, and its table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import rich.box
from rich.table import Column, Table

from nirx.basics.foreign_arrays import numbers
from nirx.basics.tables import cell, shape_text
from nirx.comparison.result import Comparison
from nirx.comparison.runs import holds_spikes
from nirx.errors import InputError
from nirx.graphs.recording import Probe, recorded_shape, resolve_record
from nirx.graphs.schedule import Schedule

__all__ = ["run_comparison", "run_table"]


def run_comparison(name: str, recorded: Mapping[Any, Any], schedule: Schedule) -> Comparison:
    """The recordings of a run as those of the only side.

    Arguments:
        name: of the side.
        recorded: record key -> array [time, *batch, *features], of any backend.
        schedule: of the graph that ran.

    **Raises**: `InputError` for a key that names nothing, for arrays that do not match their node
    or one another, and where there is nothing to see.
    """
    probes = {str(probe.key): probe for probe in resolve_record(schedule, list(recorded))}
    arrays = {key: numbers(recorded[p.key], f"recording {key!r}") for key, p in probes.items()}
    leads = {key: _lead(arrays[key], schedule, probe) for key, probe in probes.items()}
    first = next(iter(leads), None)
    if first is None or 0 in leads[first]:
        found = "no recordings" if first is None else f"{first!r} has no steps or no samples"
        raise InputError(f"nothing to see: {found}; record nodes with record=[...] (--record)")
    for key, lead in leads.items():
        if lead != leads[first]:
            raise InputError(
                f"recording {key!r} has time and batch {list(lead)}, but {first!r} has "
                f"{list(leads[first])}; expected recordings of one run"
            )
    spiking = tuple(key for key, probe in probes.items() if holds_spikes(schedule, probe))
    return Comparison(name, (), {name: arrays}, spiking, 0.0, schedule.discretization)


def _lead(array: np.ndarray, schedule: Schedule, probe: Probe) -> tuple[int, ...]:
    """Time and batch of a recording."""
    shape = recorded_shape(schedule, probe)
    lead = array.shape[: max(0, array.ndim - len(shape))]
    if not lead or array.shape[len(lead) :] != shape:
        wanted = ", ".join(["time", "*batch", *map(str, shape)])
        raise InputError(
            f"recording {str(probe.key)!r} has shape {list(array.shape)}; expected [{wanted}]"
        )
    return lead


def run_table(comparison: Comparison) -> Table:
    """What the only side recorded: rates of spikes, smallest and largest values."""
    right = [Column(h, justify="right") for h in ("rate", "smallest", "largest")]
    table = Table("recorded", "shape", *right, box=rich.box.SIMPLE_HEAD, pad_edge=False)
    table.caption, table.caption_justify = "rate: spikes per neuron and step", "left"
    rates = comparison.rates[comparison.reference]
    for key, array in comparison.recordings[comparison.reference].items():
        rate = f"{rates[key]:.3g}" if key in rates else ""
        ends = (f"{float(end):.6g}" for end in (array.min(), array.max()))
        table.add_row(cell(key), shape_text(array.shape), rate, *ends)
    return table
