"""The tree of `nirx info`: nested nodes with their shapes and parameters."""

from __future__ import annotations

from typing import Any

import numpy as np
from rich.console import Group
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from nirx.basics.paths import Path
from nirx.basics.tables import MOST_ROWS, cell, shape_text
from nirx.cli.opening import Opened
from nirx.cli.parameters import parameters_of, settings_of
from nirx.cli.report import bytes_text
from nirx.graphs.schedule import ScheduledNode

__all__ = ["node_tree"]


def node_tree(title: str, opened: Opened, sizes: list[int]) -> Tree:
    """One branch per subgraph and node, in order of execution.

    Arguments:
        sizes: bytes of the parameters of each node.
    """
    tree = Tree(_named(title, "bold"), guide_style="dim")
    branches: dict[Path, Tree] = {(): tree}
    places = opened.schedule.nodes
    for place, node, size in list(zip(places, opened.nodes, sizes, strict=True))[:MOST_ROWS]:
        for depth in range(1, len(place.path)):
            path = place.path[:depth]
            if path not in branches:
                label = Text.assemble(_named(path[-1], "bold cyan"), ("  NIRGraph", "magenta"))
                branches[path] = branches[path[:-1]].add(label)
        branches[place.path[:-1]].add(_label(place, node, size))
    if len(places) > MOST_ROWS:
        tree.add(f"... and {len(places) - MOST_ROWS} more nodes")
    return tree


def _named(name: str, style: str) -> Text:
    text = cell(name)
    text.stylize(style)
    return text


def _label(place: ScheduledNode, node: Any, size: int) -> Any:
    takes, gives = shape_text(place.input_shape), shape_text(place.output_shape)
    heading = Text.assemble(
        _named(place.path[-1], "bold cyan"),
        (f"  {place.type_name}", "magenta"),
        f"  {takes}" + (f" -> {gives}" if takes != gives else ""),
        (f"  {bytes_text(size)}" if size else "", "dim"),
    )
    parameters, settings = parameters_of(node), settings_of(node)
    if not parameters and not settings:
        return heading
    grid = Table.grid(padding=(0, 2))
    for name, array in parameters:
        shape = "scalar" if array.ndim == 0 else shape_text(array.shape)
        grid.add_row(f"  {name}", shape, str(array.dtype), _values(array))
    for name, value in settings:
        text = ", ".join(map(str, value)) if isinstance(value, list | tuple) else value
        grid.add_row(f"  {name}", "", "", cell(text), style="dim")
    return Group(heading, grid)


def _values(array: np.ndarray) -> str:
    if not array.size:
        return "empty"
    low, high = array.min().item(), array.max().item()
    return f"{low:.6g}" if low == high else f"{low:.6g} .. {high:.6g}"
