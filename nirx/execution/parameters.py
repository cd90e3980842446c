"""Parameters by name, the same names on every backend: "fc.weight", "layer/lif.tau"."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from nirx.basics.foreign_arrays import to_numpy
from nirx.errors import InputError, did_you_mean
from nirx.graphs.metadata import MODULE_KEY
from nirx.graphs.origin import node_at
from nirx.graphs.schedule import Schedule

__all__ = ["fitting", "parameter_key", "place_parameters"]

Slot = tuple[int, str]
"""A position of the schedule, and the parameter's name there."""


def parameter_key(schedule: Schedule, slot: Slot) -> str:
    """The name of a parameter: the node's path, a dot, the parameter's name in NIR."""
    return f"{schedule.nodes[slot[0]].name}.{slot[1]}"


def place_parameters(
    schedule: Schedule, graph: Any, slots: Iterable[Slot], values: Mapping[str, Any], strict: bool
) -> tuple[dict[Slot, Any], list[str]]:
    """Which value belongs to which parameter.

    Arguments:
        graph: that the schedule was made of.
        slots: every parameter of the network.
        values: by the names of `parameter_key`, or by those of the state_dict of the torch
            module that the graph was exported from (`block.fc.weight`).
        strict: refuse values that belong nowhere.

    Returns: the value of each parameter that has one, and the keys that belong nowhere.

    **Raises**: `InputError` that names the keys without a place.
    """
    slots = list(slots)
    names: dict[str, list[Slot]] = {}
    for position, name in slots:
        path = schedule.nodes[position].path
        metadata = getattr(node_at(graph, path), "metadata", None) or {}
        module = metadata.get(MODULE_KEY, ".".join(path))
        for key in dict.fromkeys((f"{'.'.join(path)}.{name}", f"{module}.{name}")):
            names.setdefault(key, []).append((position, name))
    for slot in slots:  # these win, whatever else may be read into them
        names[parameter_key(schedule, slot)] = [slot]
    unplaced = [key for key in values if key not in names]
    if unplaced and strict:
        listed = "; ".join(f"{k!r}: {did_you_mean(k, names)}" for k in unplaced[:5])
        more = f" (and {len(unplaced) - 5} more)" if len(unplaced) > 5 else ""
        raise InputError(
            f"no place for {len(unplaced)} of {len(values)} parameters: {listed}{more}"
        )
    placed = {slot: values[key] for key in values if key in names for slot in names[key]}
    return placed, unplaced


def fitting(key: str, value: Any, shape: tuple[int, ...]) -> np.ndarray:
    """A value as an array of a parameter's shape. **Raises** `InputError`."""
    array = to_numpy(value)
    if array.dtype.kind not in "fiub" or array.shape != tuple(shape):
        found = f"has shape {array.shape} and dtype {array.dtype}"
        raise InputError(f"parameter {key!r} {found}; expected numbers of shape {tuple(shape)}")
    return array
