"""The tree of `nirx info`: nested nodes with their shapes and parameters."""

from __future__ import annotations

from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from nirx.basics.paths import Path, parse_path
from nirx.basics.tables import MOST_ROWS, cell, shape_text
from nirx.cli.report import bytes_text

__all__ = ["node_tree"]


def node_tree(title: str, nodes: list[dict[str, Any]]) -> Tree:
    """One branch per subgraph and node.

    Arguments:
        nodes: as `describe` returns them, in order of execution.
    """
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
