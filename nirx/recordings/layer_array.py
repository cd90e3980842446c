"""The rows of one layer as an array over time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nirx.dynamics.ops import Shape
from nirx.errors import InputError
from nirx.graphs.schedule import ScheduledNode
from nirx.inputs.camera import EventOptions
from nirx.inputs.event_rows import EventRows

__all__ = ["Layer", "layer_array"]


@dataclass(frozen=True, eq=False)
class Layer:
    """What is recorded under a key.

    Arguments:
        key: of the recording.
        node: whose output or state it is.
        spikes: whether it is a list of spikes; else of values, one for every step.
        single: whether a neuron spikes at most once per step.
    """

    key: str
    node: ScheduledNode
    spikes: bool
    single: bool

    @property
    def features(self) -> Shape:
        return self.node.output_shape


def layer_array(
    layer: Layer,
    rows: EventRows,
    options: EventOptions,
    steps: np.ndarray,
    lead: Shape,
    *,
    refuse: bool,
    once: bool,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The array `[time, *batch, *features]` of a layer.

    Arguments:
        options: for the places of the rows.
        steps: of the rows.
        lead: time and batch of the run.
        refuse: whether two events of a neuron in one step are refused where it spikes once.
        once: whether they count as one.

    Returns: the array; the numbers of the rows that are events; and of those that are the first
    in their place.

    **Raises**: `InputError`.
    """
    _refuse_flattening(rows, options, layer)
    size = int(np.prod(layer.features, dtype=np.int64))
    samples = int(np.prod(lead[1:], dtype=np.int64))
    flat = (steps * samples + _samples(rows, samples)) * size + rows.places(options)
    values = rows.columns.get("value")
    found = np.zeros((*lead, *layer.features))
    if layer.spikes:
        values = np.ones(rows.count) if values is None else values
        counted = np.flatnonzero(values)  # a row of value 0 only names the layer
        first = counted[np.unique(flat[counted], return_index=True)[1]]
        if len(first) < len(counted) and layer.single and refuse:
            _refuse_shared(layer, rows, steps, flat, counted)
        if once:
            found.reshape(-1)[flat[counted]] = 1
        else:
            np.add.at(found.reshape(-1), flat, values)
        return found, counted, first
    if values is None:
        raise InputError(f"{rows.where}: {layer.key!r} is not spikes; expected a value per row")
    _, first = np.unique(flat, return_index=True)
    if len(first) < rows.count:
        second = int(np.setdiff1d(np.arange(rows.count), first)[0])
        raise InputError(
            f"{rows.row(second)}: {layer.key!r} has a second row for this step and index"
        )
    if rows.count < found.size:
        _refuse_gaps(layer, rows, flat, found.shape, len(lead))
    found.reshape(-1)[flat] = values
    return found, first, first


def _samples(rows: EventRows, samples: int) -> np.ndarray:
    sample = rows.columns.get("sample")
    if sample is None:
        if samples != 1:
            where = rows.row(0) if rows.count else rows.where
            raise InputError(
                f"{where}: no sample; expected 0..{samples - 1}: the run has {samples} samples"
            )
        return np.zeros(rows.count, np.int64)

    def check(n: slice) -> np.ndarray:
        own = sample[n]
        if not ((own >= 0) & (own < samples) & (own == np.floor(own))).all():
            raise InputError(f"{rows.where}: sample is {own[0]}; expected 0..{samples - 1}")
        return own.astype(np.int64)

    return rows.located(check)


def _refuse_shared(
    layer: Layer,
    rows: EventRows,
    steps: np.ndarray,
    flat: np.ndarray,
    counted: np.ndarray,
) -> None:
    first, second = _pair(flat, counted)
    size = int(np.prod(layer.features, dtype=np.int64))
    index = np.unravel_index(flat[second] % size, layer.features) if layer.features else ()
    neuron = ";".join(str(int(i)) for i in index) or "0"
    raise InputError(
        f"{rows.row(second)}: neuron {neuron} of {layer.key!r} has a second event in step "
        f"{steps[second]} (the first: {rows.row(first)}), but its neurons spike once a step; "
        "is the unit of time right? If they may spike several times, say so: spikes='multi' "
        "(--set spikes=multi); merge='any' (--merge any) counts such events as one, 'sum' "
        "as several"
    )


def _refuse_gaps(layer: Layer, rows: EventRows, flat: np.ndarray, shape: Shape, lead: int) -> None:
    given = np.zeros(shape, bool)
    given.reshape(-1)[flat] = True
    step, *rest = np.argwhere(~given)[0].tolist()
    sample, index = rest[: lead - 1], rest[lead - 1 :]
    raise InputError(
        f"{rows.where}: {layer.key!r} has no row for step {step}, index {index}"
        + (f", sample {sample}" if sample else "")
        + f" ({int((~given).sum())} rows are missing); only spikes may be left out"
    )


def _refuse_flattening(rows: EventRows, options: EventOptions, layer: Layer) -> None:
    """**Raises** `InputError` where x alone would put all events into one row or channel."""
    held, features = rows.columns, layer.features
    if options.addresses is not None or "x" not in held or len(features) != 3:
        return
    lost = [
        what
        for what, size in zip("py", features, strict=False)
        if what not in held and size > 1 and not (what == "p" and options.form.polarity == "ignore")
    ]
    if lost and rows.count:
        raise InputError(
            f"{rows.where}: {layer.key!r} has the shape [p, y, x] = {list(features)}, but the "
            f"events have no {lost[0]}; state its column (--columns {lost[0]}=NAME)"
            + (", or polarity='ignore'" if lost[0] == "p" else "")
        )


def _pair(flat: np.ndarray, counted: np.ndarray) -> tuple[int, int]:
    """The first event that shares its place with an earlier one: (earlier, it)."""
    seen: dict[int, int] = {}
    for number, place in enumerate(flat[counted].tolist()):
        if place in seen:
            return int(counted[seen[place]]), int(counted[number])
        seen[place] = number
    raise AssertionError("no two events share a place")
