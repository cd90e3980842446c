"""`nirx info`: what a file contains, and how it would run."""

from __future__ import annotations

import json
import math
from collections.abc import Collection
from contextlib import suppress
from functools import partial
from typing import Annotated, Any

import numpy as np
import rich.box
from rich.console import Group
from rich.table import Table
from rich.text import Text
from rich.tree import Tree
from typer import Option

from nirx.basics.name_list import name_list
from nirx.basics.paths import Path, parse_path
from nirx.basics.tables import MOST_ROWS, cell, shape_text
from nirx.cli.integers import arithmetic_table, scales_table, stored_scales
from nirx.cli.memory_limit import MaxMemory
from nirx.cli.opening import Opened, open_graph
from nirx.cli.options import Dt, File, Json, Overrides, Preset, Repair, Sets, backend_names
from nirx.cli.pieces import piece_length
from nirx.cli.report import Report, bytes_text
from nirx.cli.silence import watched_layers
from nirx.dynamics.neuron_node import Neuron
from nirx.dynamics.node_types import stored_names
from nirx.dynamics.ops import Shape
from nirx.errors import UnsupportedError
from nirx.execution.assemble import dtype_name, run_dtype
from nirx.execution.backend import backend_names as installed_backends
from nirx.execution.backend import find_backend
from nirx.execution.kernels.plan import make_plan
from nirx.execution.memory import estimate_memory, parameters_of
from nirx.graphs.recording import resolve_record

__all__ = ["describe", "info_command"]

STATE_ITEM = 4
"""Bytes of a float32."""

_memory = partial(Option, rich_help_panel="Memory of a run")

DECLARED = ("shape", "input_type", "input_shape")
"""Stored too, but shown as the node's shape."""
PLAIN = (str, int, float, bool, list)
MOST_LISTED = 50
KERNELS = {
    "fused": "fused over time",
    "loop": "fused cycle",
    "gathered": "sums of weights at rare spikes",
}
"""How nodes run on NumPy and on torch's CPU, in words."""


def info_command(
    file: File,
    dt: Dt = None,
    preset: Preset = None,
    set_: Sets = None,
    override: Overrides = None,
    repair: Repair = False,
    batch: Annotated[int | None, _memory("--batch", min=1, help="Samples; 1 by default.")] = None,
    steps: Annotated[int | None, _memory("--steps", min=1, help="Length; 100 by default.")] = None,
    backend: Annotated[
        str | None, _memory("--backend", help="One backend. Default: all that are installed.")
    ] = None,
    dtype: Annotated[str, _memory("--dtype", help="float32 or float64.")] = "float32",
    max_memory: MaxMemory = None,
    json: Json = False,
) -> Report:
    """Show the nodes, shapes, parameters, schedule, feedback edges and sizes of a file.

    With --batch, --steps or --backend also the memory that a run is estimated to take.
    """
    opened = open_graph(file, dt, preset, set_, override, repair=repair, max_memory=max_memory)
    payload: dict[str, Any] = {"file": str(file), **describe(opened)}
    asked = batch is not None or steps is not None or backend is not None
    if asked:
        names = _runnable() if backend is None else backend_names(backend)
        itemsize = np.dtype(run_dtype(opened.discretization, dtype_name(dtype))).itemsize
        payload["memory"] = _memory_of(opened, names, steps or 100, batch or 1, itemsize)
    scales = stored_scales(opened.graph)
    payload["scales"] = scales
    arithmetic = opened.discretization.arithmetic
    parts = (
        _node_tree(str(file), payload["nodes"]),
        "",
        str(opened.schedule).rstrip(),
        _components(opened),
        "",
        _summary(opened, payload),
        *([arithmetic_table(arithmetic)] if arithmetic is not None else []),
        *([scales_table(scales)] if scales else []),
        *([_memory_table(payload["memory"])] if asked else []),
    )
    return Report(0, payload, parts, json)


def _runnable() -> list[str]:
    """The backends whose libraries are installed."""
    names = []
    for name in installed_backends():
        with suppress(UnsupportedError):
            find_backend(name)
            names.append(name)
    return names


def _memory_of(
    opened: Opened, backends: list[str], steps: int, batch: int, itemsize: int
) -> list[dict[str, Any]]:
    """What `nirx run` is estimated to take on each backend, without recordings."""
    found, piece = [], piece_length(steps)
    watched = watched_layers(opened.schedule, [], piece, batch, itemsize)
    for name in backends:
        own = estimate_memory(
            opened.graph,
            opened.schedule,
            name,
            steps=piece,
            samples=batch,
            itemsize=itemsize,
            record=resolve_record(opened.schedule, watched),
        )
        sizes = {"bytes": own.total, "parameters": own.parameters, "piece": own.chunk}
        found.append({"backend": name, "steps": steps, "batch": batch, **sizes})
    return found


def _memory_table(rows: list[dict[str, Any]]) -> Table:
    table = Table("backend", "memory of a run", "parameters", "one piece", box=rich.box.SIMPLE)
    for row in rows:
        sizes = (bytes_text(row[k]) for k in ("bytes", "parameters", "piece"))
        table.add_row(cell(row["backend"]), *sizes)
    return table


def describe(opened: Opened) -> dict[str, Any]:
    """Everything about a file as plain data.

    Returns: nodes in order of execution, ports, feedback edges, cyclic components,
    discretization and its origin, bytes of the parameters (as stored) and of the state
    (float32, or int64 of a graph in integers, per sample), and how each node runs on NumPy and on
    torch's CPU.
    """
    schedule = opened.schedule
    nodes = []
    wide = 2 if opened.in_integers else 1
    plan = make_plan(
        schedule, "auto", run_dtype(opened.discretization, "float32"), reproducible=False
    )
    for place, node, choice in zip(schedule.nodes, opened.nodes, plan.choices, strict=True):
        state = schedule.node_state_shapes(place)
        parameters = parameters_of(node)
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
                "settings": _settings(node, hidden=(*DECLARED, *parameters)),
                "parameter_bytes": sum(array.nbytes for array in parameters.values()),
                "state": state,
                "state_bytes": _state_bytes(state) * wide,
                "execution": {"how": choice.how, "why": choice.why},
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
        "state_bytes_per_sample": _state_bytes(schedule.state_spec) * wide,
    }


def _settings(node: Any, hidden: Collection[str]) -> dict[str, Any]:
    """Everything else that a file holds of the node, such as stride; arrays as lists."""
    if isinstance(node, Neuron):
        return {"label": node.label, "states": list(node.step.states)}
    found = {n: getattr(node, n, None) for n in stored_names(node) if n not in hidden}
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


def _node_tree(title: str, nodes: list[dict[str, Any]]) -> Tree:
    """One branch per subgraph and node, in order of execution."""
    tree = Tree(_named(title, "bold"), guide_style="dim")
    branches: dict[Path, Tree] = {(): tree}
    for node in nodes[:MOST_ROWS]:
        *graphs, name = parse_path(node["path"])
        for depth, graph in enumerate(graphs):
            outer, path = tuple(graphs[:depth]), tuple(graphs[: depth + 1])
            if path not in branches:
                label = Text.assemble(_named(graph, "bold cyan"), ("  NIRGraph", "magenta"))
                branches[path] = branches[outer].add(label)
        branches[tuple(graphs)].add(_label(name, node))
    if len(nodes) > MOST_ROWS:
        tree.add(f"... and {len(nodes) - MOST_ROWS} more nodes")
    return tree


def _named(name: str, style: str) -> Text:
    text = cell(name)
    text.stylize(style)
    return text


def _label(name: str, node: dict[str, Any]) -> Any:
    takes, gives = shape_text(node["input_shape"]), shape_text(node["output_shape"])
    heading = Text.assemble(
        _named(name, "bold cyan"),
        (f"  {node['type']}", "magenta"),
        f"  {takes}" + (f" -> {gives}" if takes != gives else ""),
        (f"  {bytes_text(node['parameter_bytes'])}" if node["parameter_bytes"] else "", "dim"),
    )
    grid = Table.grid(padding=(0, 2))
    for own in node["parameters"]:
        shape = shape_text(own["shape"]) if own["shape"] else "scalar"
        low, high = own["min"], own["max"]
        values = "empty" if low is None else f"{low:.6g}" + f" .. {high:.6g}" * (low != high)
        grid.add_row(f"  {own['name']}", shape, own["dtype"], values)
    for setting, value in node["settings"].items():
        text = ", ".join(map(str, value)) if isinstance(value, list) else value
        grid.add_row(f"  {setting}", "", "", cell(text), style="dim")
    return Group(heading, grid) if grid.rows else heading


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
    changes = opened.discretization.changes().items()
    other = [f"{name}={value}" for name, value in changes if name != "arithmetic"]
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
    kind = "int64" if opened.in_integers else "float32"
    table.add_row("state", f"{bytes_text(state)} per sample in {kind}")
    for how, words in KERNELS.items():
        found = [n["path"] for n in payload["nodes"] if n["execution"]["how"] == how]
        if found:
            table.add_row(words, cell(name_list(found)))
    reasons: dict[str, list[str]] = {}
    for node in payload["nodes"]:
        if why := node["execution"]["why"]:
            reasons.setdefault(why, []).append(node["path"])
    for why, found in list(reasons.items())[:MOST_LISTED]:
        table.add_row("step by step", cell(f"{name_list(found)}: {why}"))
    return table
