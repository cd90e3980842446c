"""What the commands share about integers: the target of a quantization, tables of them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

import nir
import rich.box
from rich.table import Table

from nirx.basics.tables import MOST_ROWS, cell
from nirx.cli.memory_limit import numbers_of, require_memory
from nirx.cli.opening import Opened, preset_named
from nirx.dynamics.arithmetic import Arithmetic
from nirx.errors import InputError
from nirx.execution.memory import estimate_memory
from nirx.graphs.recording import Probe, resolve_record
from nirx.graphs.schedule import Schedule
from nirx.inputs.protocol import Source, whole
from nirx.quantizing.measure import overflows_of
from nirx.quantizing.quantization import SCALES_KEY

__all__ = [
    "arithmetic_table",
    "integer_target",
    "overflow_counts",
    "overflow_table",
    "scales_table",
    "stored_scales",
    "whole_inputs_of",
]

ITEM = 8
"""Bytes of a float64."""


def integer_target(preset: str | None, changed: Mapping[str, Any]) -> Any:
    """What to quantize for, as `nirx.quantize` takes it.

    Arguments:
        preset: its name, or None.
        changed: fields of the arithmetic.

    **Raises**: `InputError` for a preset that computes in floating point.
    """
    if preset is None:
        return Arithmetic().changed(changed)
    found = preset_named(preset)
    if found.arithmetic is None:
        raise InputError(
            f"{preset!r} computes in floating point; expected the preset of a chip, such as loihi "
            "or int8"
        )
    if not changed:
        return preset
    arithmetic = found.arithmetic.changed(changed)
    alone = set(found.changes()) == {"arithmetic"}
    return arithmetic if alone else replace(found, arithmetic=arithmetic)


def whole_inputs_of(
    opened: Opened, inputs: Source, backend: str, kept_runs: int, max_memory: str | None
) -> dict[str, Any]:
    """All of an input in memory, if runs that record all neurons have room beside it.

    Arguments:
        kept_runs: whose recordings are kept at the same time.

    **Raises**: `InputError` for more than `--max-memory`.
    """
    neurons = [place for place in opened.schedule.nodes if place.neuron]
    states = [(place, name) for place in neurons for name in ("v", "i")]
    keys = [
        f"{p.name}.{name}" for p, name in states if p.dynamics and name in p.dynamics.state_shapes()
    ]
    probes = resolve_record(opened.schedule, keys)
    starts = [Probe(name, p, None) for name, p in opened.schedule.inputs]
    numbers = numbers_of(opened.schedule, [*starts, *probes * kept_runs])
    samples = math.prod(inputs.batch)
    estimate = estimate_memory(
        opened.graph,
        opened.schedule,
        backend,
        steps=inputs.steps,
        samples=samples,
        itemsize=ITEM,
        record=probes,
        kept=numbers * inputs.steps * samples * ITEM,
    )
    require_memory(max_memory, "expected fewer steps or samples", [estimate])
    return whole(inputs)


def arithmetic_table(arithmetic: Arithmetic) -> Table:
    """One row per field; those that differ from the default are marked."""
    table = _table("arithmetic", "value", "default")
    for own in fields(Arithmetic):
        value = getattr(arithmetic, own.name)
        table.add_row(own.name, str(value), "" if value == own.default else str(own.default))
    return table


def stored_scales(graph: nir.NIRGraph) -> dict[str, Any]:
    """The scales in a graph's metadata; none if they are not there or cannot be read."""
    try:
        found = json.loads(graph.metadata[SCALES_KEY])
    except (KeyError, TypeError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def scales_table(scales: Mapping[str, Any]) -> Table:
    """How many units of each node are 1 of the float graph."""
    table = _table("1 of the float graph", "of", "units")
    rows = [
        (path, kind, unit)
        for path, own in sorted(scales.items())
        if isinstance(own, Mapping)
        for kind, unit in sorted(own.items())
    ]
    for path, kind, unit in rows[:MOST_ROWS]:
        text = f"{unit:.9g}" if isinstance(unit, int | float) else "differ by neuron"
        table.add_row(cell(path), cell(kind), text)
    if len(rows) > MOST_ROWS:
        table.add_row(f"... and {len(rows) - MOST_ROWS} more")
    return table


def overflow_counts(schedule: Schedule, state: Any) -> dict[str, dict[str, int]]:
    """By node, how often its states have left their bits; empty in floating point."""
    found = {place.name: overflows_of(state, place.path) for place in schedule.nodes}
    return {name: own for name, own in found.items() if own}


def overflow_table(counts: Mapping[str, Mapping[str, int]]) -> Table:
    """One row per node."""
    table = _table("states that left their bits", "v", "i")
    for name, own in list(counts.items())[:MOST_ROWS]:
        numbers = (own.get(f"{state}_overflows") for state in "vi")
        table.add_row(cell(name), *("-" if n is None else f"{n:,}" for n in numbers))
    return table


def _table(*headings: str) -> Table:
    return Table(*headings, box=rich.box.SIMPLE_HEAD, pad_edge=False)
