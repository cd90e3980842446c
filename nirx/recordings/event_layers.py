"""Rows of events, and of sampled values, as one array per layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from nirx.basics.name_list import name_list
from nirx.dynamics.ops import Shape
from nirx.errors import InputError, did_you_mean
from nirx.graphs.recording import recorded_node, resolve_record
from nirx.graphs.schedule import Schedule
from nirx.inputs.address_map import AddressMap, address_map
from nirx.inputs.binning import Clock
from nirx.inputs.camera import EventOptions
from nirx.inputs.event_format import EventFormat
from nirx.inputs.event_rows import EventRows
from nirx.recordings.event_timing import EventTiming, joined_timing, layer_timing
from nirx.recordings.layer_array import Layer, layer_array

__all__ = ["EventLayers", "Loaded"]


Sensor = tuple[int | None, int | None]
"""Height and width, as far as they are known."""


@dataclass(frozen=True)
class Loaded:
    """What a file holds.

    Arguments:
        arrays: `[time, *batch, *features]` by record key.
        timing: of the events in it; None for a file of arrays.
        notes: assumptions that were made, in sentences.
        lists_layers: whether its rows name their layers, so that a layer without rows is missing.
        unknown: names of groups of events that no node of the graph has.
    """

    arrays: Mapping[str, np.ndarray]
    timing: EventTiming | None = None
    notes: tuple[str, ...] = ()
    lists_layers: bool = False
    unknown: tuple[str, ...] = ()


@dataclass(eq=False)
class EventLayers:
    """Collects the rows of all layers of a file; then `arrays` turns them into arrays.

    Arguments:
        path: of the file.
        schedule, lead: of the run, as in `load_file`.
        form: how the file is laid out.
        strict: whether two events of a neuron in one step are refused where it spikes once.
    """

    path: str
    schedule: Schedule
    lead: Shape
    form: EventFormat
    strict: bool = True
    addresses: AddressMap | None = field(init=False)
    _rows: list[tuple[Layer, EventRows, EventOptions, str]] = field(default_factory=list)

    def __post_init__(self):
        self.addresses = address_map(self.form.addresses)

    def layer(self, where: str, key: str) -> Layer:
        """The layer of that name. **Raises** `InputError` if there is none."""
        try:
            (probe,) = resolve_record(self.schedule, [key])
        except InputError as error:
            hint = did_you_mean(key, [node.name for node in self.schedule.nodes])
            raise InputError(f"{where}: nothing is called {key!r}; {hint}") from error
        node = recorded_node(self.schedule, probe)
        dynamics = node.dynamics
        spikes = probe.variable is None and node.spiking
        several = dynamics is None or (dynamics.neuron and dynamics.rule.spikes == "multi")
        single = dynamics is not None and dynamics.binary_output and not several
        return Layer(key, node, spikes, single)

    def sole(self, where: str) -> str:
        """The layer of a file that names none. **Raises** `InputError` if it is not certain."""
        if self.form.node is not None:
            return self.form.node
        names = [n.name for n in self.schedule.nodes if n.neuron and n.spiking]
        if len(names) == 1:
            return names[0]
        shown = ", ".join(map(repr, names[:8])) or "no neuron that spikes"
        raise InputError(
            f"{where}: the events name no layer, and the graph has {shown}; state which one was "
            "recorded: node= (--node), or a column of nodes"
        )

    def add(
        self, key: str | None, rows: EventRows, column: str, sensor: Sensor = (None, None)
    ) -> None:
        """Take the rows of a layer, or of all layers that an address map names.

        Arguments:
            key: of the recording; None if the file does not say.
            rows: with "sample" and "value" among the columns where there are any.
            column: the file's name for times.
            sensor: (height, width) if the file itself says it.

        **Raises**: `InputError`.
        """
        own = self.addresses
        if key is not None and self.form.node is not None:
            raise InputError(
                f"{rows.where}: it names its layers itself; leave out node={self.form.node!r}"
            )
        if own is None:
            key = self.sole(rows.where) if key is None else key
            self._add(self.layer(rows.where, key), rows, column, sensor)
            return
        names = own.columns(rows.where, rows.columns, self.form.polarity == "ignore")

        def parts(columns: EventRows, n: slice) -> tuple[np.ndarray, ...]:
            return tuple(columns.columns[name][n] for name in names)

        if own.names_nodes:
            if key is not None or self.form.node is not None:
                raise InputError(f"{rows.where}: {own.name} names the layer, and so does the file")
            nodes = rows.located(lambda n: own.nodes(rows.where, parts(rows, n)))
            split = {key: rows.only(np.flatnonzero(nodes == key)) for key in own.node_names}
        else:
            split = {self.sole(rows.where) if key is None else key: rows}
        for name, part in split.items():
            layer = self.layer(f"{rows.where}: {own.name}" if own.names_nodes else rows.where, name)
            places = part.located(
                lambda n, part=part, layer=layer: own.places(
                    part.where, parts(part, n), layer.features, repr(layer.key)
                )
            )
            self._add(layer, part.placed(places, names), column, sensor)

    def _add(self, layer: Layer, rows: EventRows, column: str, sensor: Sensor) -> None:
        form = replace(self.form, addresses=None)
        if (form.height, form.width) == (None, None):
            form = replace(form, height=sensor[0], width=sensor[1])
        dt, owner = self.schedule.discretization.dt, repr(layer.key)
        options = EventOptions(dt, layer.features, rows.where, form, owner, column)
        self._rows.append((layer, rows, options, column))

    def arrays(self) -> Loaded:
        """The arrays, and how the events fell. **Raises** `InputError`."""
        arrays: dict[str, np.ndarray] = {}
        timings: list[EventTiming] = []
        start, clocks = self._start(), dict[float, Clock]()
        for layer, rows, options, column in self._rows:
            if layer.key in arrays:
                raise InputError(f"{rows.where}: {layer.key!r} is in this file twice")
            clock = None
            if "time" in rows.columns:
                clock = clocks.setdefault(options.unit, options.clock_from(start))
            steps = self._steps(rows, clock or options.clock_of_steps(), column)
            refuse = self.strict and self.form.merge is None
            once = self.form.merge == "any"
            array, counted, first = layer_array(
                layer, rows, options, steps, self.lead, refuse=refuse, once=once
            )
            arrays[layer.key] = array
            if layer.spikes:
                timings.append(layer_timing(self.form, column, rows, steps, clock, counted, first))
        for clock in clocks.values():
            clock.warn(self.path)
        return Loaded(arrays, joined_timing(timings))

    def notes(self, ignored: Sequence[str], column: str) -> tuple[str, ...]:
        """What was assumed about the file, in sentences.

        Arguments:
            ignored: columns that are not read.
            column: the file's name for times; empty if it counts steps.
        """
        found = []
        if ignored:
            found.append(f"columns that are not read: {name_list(map(repr, ignored))}")
        if column and self.form.unit_is_assumed(column):
            found.append(
                f"{column!r} is taken to be in us; time_unit= (--time-unit) says otherwise"
            )
        return tuple(found)

    def _start(self) -> float:
        """The time of step 0; for `offset="first"` that of the first event of all layers."""
        if self.form.offset != "first":
            return self.form.offset
        units = {options.unit for _, _, options, _ in self._rows}
        if len(units) > 1:
            raise InputError(
                f"{self.path}: offset='first' with layers in different units; state the offset "
                "as a number"
            )
        times = [rows.columns["time"] for _, rows, _, _ in self._rows if "time" in rows.columns]
        return min((own.min().item() for own in times if own.size), default=0)

    def _steps(self, rows: EventRows, clock: Clock, column: str) -> np.ndarray:
        steps = rows.steps(clock)
        late = np.flatnonzero(steps >= self.lead[0])
        if late.size:
            row = int(late[0])
            found, hint = f"step is {steps[row]}", ""
            if "time" in rows.columns:
                unit = self.form.unit_name(column)
                shown = unit if isinstance(unit, str) else f"ticks of {unit:g}"
                found = f"time {rows.columns['time'][row]} ({shown}) is in step {steps[row]}"
                hint = ". Are the unit and the offset right (--time-unit, --offset)?"
            raise InputError(
                f"{rows.row(row)}: {found}; expected 0..{self.lead[0] - 1}; the input has "
                f"{self.lead[0]} steps{hint}"
            )
        return steps
