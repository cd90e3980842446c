"""The `record=` argument: names of nodes and of their state variables."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from nirx.basics.paths import format_path, parse_path
from nirx.dynamics.ops import Shape
from nirx.dynamics.reshape import Port
from nirx.errors import InputError, did_you_mean
from nirx.graphs.schedule import Schedule, ScheduledNode

__all__ = ["Probe", "recorded_node", "recorded_shape", "resolve_record"]


@dataclass(frozen=True)
class Probe:
    """One recording: its key, the node's position, and a state variable or None for the output."""

    key: Any
    position: int
    variable: str | None


def resolve_record(schedule: Schedule, record: Any) -> list[Probe]:
    """The probes for a `record=` argument.

    Arguments:
        record: `"all"` (every node's output and every neuron's v and i, by text, or by tuple if
            a node has that text as its name), or an iterable of keys. A text is first tried as
            the path of a node, then as path and state variable separated by its last ".". A
            tuple of names is the path of a node, or a path and a variable.

    **Raises**: `InputError` for a key that names nothing.
    """
    if isinstance(record, str):
        if record == "all":
            return list(_everything(schedule))
        record = [record]
    if not isinstance(record, Iterable):
        raise InputError(f'record={record!r}; expected "all" or a list of paths')
    probes: dict[Any, Probe] = {}
    for key in record:
        if not isinstance(key, str | tuple):
            raise InputError(f"record: {key!r} is not a text or a tuple of names")
        probes.setdefault(key, _probe(schedule, key))
    return list(probes.values())


def recorded_node(schedule: Schedule, probe: Probe) -> ScheduledNode:
    """The node that is recorded, or the one whose value an Output only passes through."""
    node = schedule.nodes[probe.position]
    while isinstance(node.dynamics, Port) and len(node.sources) == 1 and not node.sources[0].late:
        node = schedule.nodes[node.sources[0].position]
    return node


def recorded_shape(schedule: Schedule, probe: Probe) -> Shape:
    """The features of a recording, without time and batch; of a variable of a user's module, which
    nirx cannot know, those of its output."""
    node = schedule.nodes[probe.position]
    if probe.variable is None or node.dynamics is None:
        return tuple(node.output_shape)
    return tuple(node.dynamics.state_shapes()[probe.variable])


def _everything(schedule: Schedule) -> Iterable[Probe]:
    for position, node in enumerate(schedule.nodes):
        yield Probe(node.name, position, None)
        if node.neuron and node.dynamics is not None:
            for variable in node.dynamics.state_shapes():
                key = f"{node.name}.{variable}"
                if parse_path(key) in schedule.positions:  # the name of a node
                    key = (*node.path, variable)
                yield Probe(key, position, variable)


def _probe(schedule: Schedule, key: Any) -> Probe:
    if isinstance(key, tuple):
        readings = [(key, None), (key[:-1], key[-1] if key else None)]
    else:
        node, dot, variable = key.rpartition(".")
        readings = [(parse_path(key), None), *([(parse_path(node), variable)] if dot else [])]
    for path, variable in readings:
        position = schedule.positions.get(path)
        if position is None:
            continue
        if variable is None:
            return Probe(key, position, None)
        node = schedule.nodes[position]
        variables = {"v", "i"} if node.dynamics is None else node.dynamics.state_shapes()
        if variable in variables and (node.dynamics is not None or node.neuron):
            return Probe(key, position, variable)  # a user's module may say its v: see the runner
    text = key if isinstance(key, str) else format_path(tuple(map(str, key)))
    known = [p.key for p in _everything(schedule) if isinstance(p.key, str)]
    raise InputError(f"record: nothing is called {text!r}; {did_you_mean(text, known)}")
