"""Parameters by name, with the same names on every backend: "fc.weight", "layer/lif.tau"."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from nirx.basics.foreign_arrays import to_numpy
from nirx.errors import InputError, did_you_mean
from nirx.graphs.metadata import MODULE_KEY
from nirx.graphs.origin import node_at
from nirx.graphs.schedule import Schedule

__all__ = ["Slot", "fitted_parameters", "parameter_key"]

Slot = tuple[int, str]
"""A position of the schedule, and the parameter's name there."""


def parameter_key(schedule: Schedule, slot: Slot) -> str:
    """The name of a parameter: the node's path, a dot, the parameter's name in NIR."""
    return f"{schedule.nodes[slot[0]].name}.{slot[1]}"


def fitted_parameters(
    schedule: Schedule,
    graph: Any,
    parameters: Mapping[Slot, Any],
    values: Mapping[str, Any],
    strict: bool,
) -> tuple[dict[Slot, np.ndarray], list[str]]:
    """Match given values with a network's parameters.

    Arguments:
        graph: the one that the schedule was made of.
        parameters: every parameter of the network.
        values: by the names of `parameter_key`, or by those of the state_dict of the torch
            module that the graph was exported from (`block.fc.weight`).
        strict: refuse values that match no parameter.

    Returns: an array for each parameter that has a value, and the keys without a parameter.

    **Raises**: `InputError` that names the keys without a parameter, or a wrong shape.
    """
    names: dict[str, list[Slot]] = {}
    for position, name in parameters:
        path = schedule.nodes[position].path
        metadata = getattr(node_at(graph, path), "metadata", None) or {}
        module = metadata.get(MODULE_KEY, ".".join(path))
        for key in dict.fromkeys((f"{'.'.join(path)}.{name}", f"{module}.{name}")):
            names.setdefault(key, []).append((position, name))
    for slot in parameters:  # the exact names win over other readings of the same key
        names[parameter_key(schedule, slot)] = [slot]
    unplaced = [key for key in values if key not in names]
    if unplaced and strict:
        listed = "; ".join(f"{k!r}: {did_you_mean(k, names)}" for k in unplaced[:5])
        more = f" (and {len(unplaced) - 5} more)" if len(unplaced) > 5 else ""
        raise InputError(
            f"no place for {len(unplaced)} of {len(values)} parameters: {listed}{more}"
        )
    placed = {slot: values[key] for key in values if key in names for slot in names[key]}
    arrays = {
        slot: _fitting(parameter_key(schedule, slot), value, tuple(parameters[slot].shape))
        for slot, value in placed.items()
    }
    return arrays, unplaced


def _fitting(key: str, value: Any, shape: tuple[int, ...]) -> np.ndarray:
    array = to_numpy(value)
    if array.dtype.kind not in "fiub" or array.shape != shape:
        found = f"has shape {array.shape} and dtype {array.dtype}"
        raise InputError(f"parameter {key!r} {found}; expected numbers of shape {shape}")
    return array
