"""`nirx.health`: what may keep a network from learning, or already has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from rich.table import Table

from nirx.basics.shown import Shown
from nirx.basics.tables import MOST_ROWS, cell
from nirx.dynamics.surrogate_formulas import NamedSurrogate
from nirx.errors import InputError
from nirx.execution.memory import parameters_of as stored_parameters
from nirx.execution.network import Network
from nirx.execution.trainable import parameters_of
from nirx.graphs.origin import node_at
from nirx.graphs.recording import Probe, resolve_record
from nirx.graphs.schedule import ScheduledNode
from nirx.graphs.state import state_to_numpy

__all__ = ["Health", "NodeHealth", "health"]

REACHED = 1e-3
"""A surrogate gradient below this share of the one at the threshold counts as none."""


@dataclass(frozen=True)
class NodeHealth:
    """The neurons of one node over a run.

    Arguments:
        name: the node's path.
        neurons: how many there are.
        rate: spikes per neuron and step.
        silent: neurons that never spiked, in no sample.
        saturated: neurons that spiked in every step of every sample.
        unreached: silent neurons whose surrogate gradient was below a thousandth of the one at the
            threshold in every step, so that no gradient wakes them; None where the surrogate is
            no formula of `nirx.surrogates`, or where there is none.
    """

    name: str
    neurons: int
    rate: float
    silent: int
    saturated: int
    unreached: int | None

    def findings(self) -> Iterator[str]:
        """What is wrong, in words."""
        if self.silent:
            text = f"{self.name}: {_some(self.silent, self.neurons)} never spiked"
            if self.unreached:
                text += (
                    f", and the surrogate gradient does not reach {self.unreached} of them: a "
                    "larger input or weights, a lower threshold, or a wider surrogate"
                )
            yield text
        if self.saturated:
            yield f"{self.name}: {_some(self.saturated, self.neurons)} spiked in every step"


@dataclass(frozen=True)
class Health(Shown):
    """What a run shows of a network; `print` shows it as a table.

    Arguments:
        nodes: those that spike, in the order of execution.
        parameters: parameters that are NaN, infinite, or not above 0 where they have to be, in
            words.
        first_nonfinite: the first number of the run that is NaN or infinite, in words; or empty.
    """

    nodes: tuple[NodeHealth, ...]
    parameters: tuple[str, ...]
    first_nonfinite: str

    @property
    def findings(self) -> tuple[str, ...]:
        """What is wrong, in words; empty if nothing is."""
        own = [text for node in self.nodes for text in node.findings()]
        first = [f"first {self.first_nonfinite}"] * bool(self.first_nonfinite)
        return (*self.parameters, *first, *own)

    @property
    def sound(self) -> bool:
        """Whether there are no findings."""
        return not self.findings

    def _parts(self) -> list[Table | str]:
        table = Table("node", title="neurons over the run", title_justify="left")
        for heading in ("neurons", "rate", "silent", "in every step", "without gradient"):
            table.add_column(heading, justify="right")
        for node in self.nodes[:MOST_ROWS]:
            without = "-" if node.unreached is None else str(node.unreached)
            counts = (str(node.silent), str(node.saturated), without)
            table.add_row(cell(node.name), str(node.neurons), f"{node.rate:.3g}", *counts)
        more = len(self.nodes) - MOST_ROWS
        lines = [f"and {more} more nodes"] * (more > 0)
        return [table, *lines, *(str(cell(text)) for text in self.findings or ("all is well",))]


def health(net: Any, xs: Any, state: Any = None) -> Health:
    """Look for what may keep a network from learning: NaN, silence, saturation, lost gradients.

    It runs once and keeps all recordings, so a part of the training data is enough.

    Arguments:
        net: of `nirx.from_nir`, on any backend.
        xs: inputs [time, *batch, *features], as for `net.run`.
        state: as for `net.run`.

    Returns: a `Health`; `print` shows it, `health.findings` are its sentences.

    **Raises**: `InputError` for anything that is no network, and for input that does not fit.

    **Units**: rates are spikes per neuron and step.
    """
    if not isinstance(net, Network):
        kind = f"{type(net).__module__}.{type(net).__name__}"
        raise InputError(f"a {kind}; expected a network of nirx.from_nir")
    schedule = net.schedule
    recorded = state_to_numpy(dict(net.run(xs, state, record="all")[2]))
    probes = [probe for probe in resolve_record(schedule, "all") if probe.key in recorded]
    values = _values(net)
    arrays = {(probe.position, probe.variable): recorded[probe.key] for probe in probes}
    nodes = [
        _node(net, position, place, arrays, values)
        for position, place in enumerate(schedule.nodes)
        if place.spiking and arrays[position, None].size
    ]
    return Health(tuple(nodes), tuple(_wrong(net, values)), _first(probes, recorded))


def _node(
    net: Any,
    position: int,
    place: ScheduledNode,
    arrays: Mapping[Any, np.ndarray],
    values: Mapping[str, np.ndarray],
) -> NodeHealth:
    neurons = (-1, *place.output_shape)
    spikes = arrays[position, None].reshape(neurons)
    silent = ~(spikes != 0).any(0)
    saturated = (spikes != 0).all(0)
    unreached = None
    threshold = values.get(f"{place.name}.v_threshold")
    surrogates = getattr(net, "surrogates", None)
    surrogate = None if surrogates is None else surrogates.at(position)
    v = arrays.get((position, "v"))
    if isinstance(surrogate, NamedSurrogate) and threshold is not None and v is not None:
        with np.errstate(all="ignore"):
            slopes = np.abs(surrogate(np.float64(v).reshape(neurons) - threshold))
            peak = np.abs(surrogate(np.zeros(())))
        unreached = int((silent & ~(slopes >= REACHED * peak).any(0)).sum())
    counts = int(silent.sum()), int(saturated.sum()), unreached
    return NodeHealth(place.name, silent.size, float(spikes.mean()), *counts)


def _values(net: Any) -> dict[str, np.ndarray]:
    """The present parameters by key; those of the graph where none are trained."""
    try:
        return dict(parameters_of(net).values())
    except InputError:
        origin = getattr(net, "origin", None)
        if origin is None:  # a network of someone else's backend
            return {}
        nodes = ((own.name, node_at(origin.node, own.path)) for own in net.schedule.nodes)
        return {f"{at}.{k}": v for at, node in nodes for k, v in stored_parameters(node).items()}


def _wrong(net: Any, values: Mapping[str, np.ndarray]) -> Iterator[str]:
    positive = {
        f"{place.name}.{name}"
        for place in net.schedule.nodes
        if place.dynamics is not None
        for name in place.dynamics.positive
    }
    for key, array in values.items():
        bad = ~np.isfinite(array)
        if bad.any():
            yield f"{key}: {_numbers(bad)} NaN or infinite"
        elif key in positive and (low := array <= 0).any():
            yield (
                f"{key}: {_numbers(low)} not above 0; "
                f'nirx.parametrize(net, "{key}", positive="softplus") keeps them there'
            )


def _first(probes: list[Probe], recorded: Mapping[Any, np.ndarray]) -> str:
    """The earliest number that is not finite; in one step, that of the first node."""
    found = ""
    earliest = None
    for probe in probes:
        bad = ~np.isfinite(recorded[probe.key])
        if bad.any():
            step, *place = (int(i) for i in np.unravel_index(bad.argmax(), bad.shape))
            if earliest is None or step < earliest:
                value, earliest = recorded[probe.key][(step, *place)], step
                kind = "NaN" if np.isnan(value) else "infinity"
                found = f"{kind}: {probe.key} at step {step}, {place} of batch and features"
    return found


def _some(count: int, of: int) -> str:
    return f"all {of} neurons" if count == of else f"{count} of {of} neurons"


def _numbers(wrong: np.ndarray) -> str:
    count = int(wrong.sum())
    return f"{count} of {wrong.size} numbers {'is' if count == 1 else 'are'}"
