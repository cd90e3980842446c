"""`nirx info`: what a file contains, and how it would run."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import rich.box
from rich.table import Table

from nirx.basics.name_list import name_list
from nirx.basics.tables import cell
from nirx.cli.info_tree import node_tree
from nirx.cli.opening import Opened, open_graph
from nirx.cli.options import Dt, File, Json, Overrides, Preset, Sets
from nirx.cli.report import Report, bytes_text
from nirx.dynamics.node_types import find_type
from nirx.dynamics.ops import Shape

__all__ = ["describe", "info_command"]

STATE_ITEM = 4
"""Bytes of a float32."""

DECLARED = ("shape", "input_type", "input_shape")
"""Stored too, but shown as the node's shape."""
PLAIN = (str, int, float, bool, list)
MOST_LISTED = 50


def info_command(
    file: File,
    dt: Dt = None,
    preset: Preset = None,
    set_: Sets = None,
    override: Overrides = None,
    json: Json = False,
) -> Report:
    """Show the nodes, shapes, parameters, schedule, feedback edges and sizes of a file."""
    opened = open_graph(file, dt, preset, set_, override)
    payload = {"file": str(file), **describe(opened)}
    if json:
        return Report(0, payload, as_json=True)
    parts = (
        node_tree(str(file), payload["nodes"]),
        "",
        str(opened.schedule).rstrip(),
        _components(opened),
        "",
        _summary(opened, payload),
    )
    return Report(0, payload, parts)


def describe(opened: Opened) -> dict[str, Any]:
    """Everything about a file as plain data.

    Returns: nodes in order of execution, ports, feedback edges, cyclic components,
    discretization and its origin, bytes of the parameters (as stored) and of the state
    (float32, per sample).
    """
    schedule = opened.schedule
    nodes = []
    for place, node in zip(schedule.nodes, opened.nodes, strict=True):
        state = schedule.node_state_shapes(place)
        parameters = _parameters(node)
        nodes.append(
            {
                "path": place.name,
                "type": place.type_name,
                "input_shape": list(place.input_shape),
                "output_shape": list(place.output_shape),
                "sources": [
                    {"path": schedule.nodes[s.position].name, "late": s.late} for s in place.sources
                ],
                "parameters": [_parameter(*item) for item in parameters.items()],
                "settings": _settings(node),
                "parameter_bytes": sum(array.nbytes for array in parameters.values()),
                "state": state,
                "state_bytes": _state_bytes(state),
            }
        )
    return {
        "discretization": json.loads(opened.discretization.to_json()),
        "discretization_origin": opened.origin,
        "inputs": [name for name, _ in schedule.inputs],
        "outputs": [name for name, _ in schedule.outputs],
        "nodes": nodes,
        "feedback_edges": [list(edge) for edge in schedule.feedback_edges],
        "components": [list(part) for part in schedule.components],
        "parameter_bytes": sum(n["parameter_bytes"] for n in nodes),
        "state_bytes_per_sample": _state_bytes(schedule.state_spec),
    }


def _parameters(node: Any) -> dict[str, np.ndarray]:
    """The trainable parameters, as stored."""
    entry = find_type(type(node))
    names = entry.dynamics.parameters if entry is not None and entry.dynamics else ()
    return {n: np.asarray(getattr(node, n)) for n in names if getattr(node, n, None) is not None}


def _settings(node: Any) -> dict[str, Any]:
    """Everything else that a file holds of the node, such as stride; arrays as lists."""
    entry = find_type(type(node))
    names = [n for n in (entry.stored if entry is not None else ()) if n not in DECLARED]
    found = {n: getattr(node, n, None) for n in names if n not in _parameters(node)}
    found = {n: v.tolist() if hasattr(v, "tolist") else v for n, v in found.items()}
    return {n: v if isinstance(v, PLAIN) else repr(v) for n, v in found.items() if v is not None}


def _parameter(name: str, array: np.ndarray) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "name": name,
        "shape": list(array.shape),
        "dtype": str(array.dtype),
        "min": array.min().item() if array.size else None,
        "max": array.max().item() if array.size else None,
    }
    return entry | ({"value": array.item()} if array.size == 1 else {})


def _state_bytes(state: Any) -> int:
    if isinstance(state, dict):
        return sum(map(_state_bytes, state.values()))
    shape: Shape = state
    return math.prod(shape) * STATE_ITEM


def _components(opened: Opened) -> str:
    parts = opened.schedule.components
    if not parts:
        return "cyclic components: none"
    lines = [f"cyclic components (run step by step): {len(parts)}"]
    lines += [f"  - {cell(name_list(part))}" for part in parts[:MOST_LISTED]]
    if len(parts) > MOST_LISTED:
        lines.append(f"  ... and {len(parts) - MOST_LISTED} more")
    return "\n".join(lines)


def _summary(opened: Opened, payload: dict[str, Any]) -> Table:
    table = Table(box=rich.box.SIMPLE, show_header=False, padding=(0, 1), pad_edge=False)
    table.add_column(style="bold")
    table.add_column()
    chosen = payload["discretization"]
    other = [f"{name}={value}" for name, value in opened.discretization.changes().items()]
    other += [
        f"{path}: {name}={value}"
        for path, own in chosen["overrides"].items()
        for name, value in own.items()
    ]
    table.add_row("discretization from", cell(opened.origin))
    table.add_row("dt", f"{chosen['dt']:g}")
    table.add_row("other choices", cell(", ".join(other) or "all at their defaults"))
    table.add_row("parameters", f"{bytes_text(payload['parameter_bytes'])} as stored")
    state = payload["state_bytes_per_sample"]
    table.add_row("state", f"{bytes_text(state)} per sample in float32")
    return table
