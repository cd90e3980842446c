"""`nirx.view`: a run, a comparison or a move as one HTML page."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nirx.basics.printable import brief
from nirx.comparison.result import Comparison
from nirx.comparison.table import node_tables
from nirx.drawing.scheduled import scheduled
from nirx.errors import InputError
from nirx.files.reading import file_path
from nirx.files.target import check_target
from nirx.files.whole_file import write_whole
from nirx.graphs.origin import node_at
from nirx.moving.move import Move
from nirx.viewing.page import check_page, page
from nirx.viewing.run import run_comparison, run_table
from nirx.viewing.scene import Scene

__all__ = ["comparison_scene", "move_scene", "run_scene", "view"]


def view(result: Any, path: str | os.PathLike[str], graph: Any = None) -> None:
    """Write one HTML page with everything to look at; it stands alone and loads nothing.

    The page has the first divergence with both values and the input of that step, the network, the
    recordings with zoom, and a table of nodes to sort and filter. Of long or wide runs it shows a
    part, and says so. A verification writes the same page with `nirx.verify(..., html=path)`, for
    it does not keep what it compared.

    Arguments:
        result: a `Comparison`, a `Move`, or the recordings of one run,
            {record key: array [time, *batch, *features]}, as `net.run(xs, record="all")` returns
            them on any backend.
        path: of the page, such as `"page.html"`.
        graph: what ran: a network of `from_nir`, a `nir.NIRGraph`, a path, or a model. A `Move`
            needs none.

    **Raises**: `UnsupportedError` without jinja2, `InputError` for a result that does not go with
    the graph, `FileError` for a file that cannot be written.
    """
    target = Path(file_path(path))
    check_target(target, "path", graph)
    check_page()
    write_whole(target, page(_scene(result, graph)))


def _scene(result: Any, graph: Any) -> Scene:
    if isinstance(result, Move):
        if graph is not None:
            raise InputError("graph= goes with recordings and comparisons; a Move has its own")
        return move_scene(f"{result.source or 'graph'} to {result.target}", result)
    if not isinstance(result, Comparison | Mapping):
        raise InputError(
            f"result: {brief(result)}; expected a Comparison, a Move, or recordings by key; a "
            "verification writes its page with nirx.verify(..., html=path)"
        )
    if graph is None:
        raise InputError("graph is missing; pass the graph, or the network, that ran")
    if isinstance(result, Comparison):
        schedule, nodes = scheduled(graph, result.discretization)
        title = ", ".join(result.recordings)
        return comparison_scene(title, result, schedule, nodes)
    schedule, nodes = scheduled(graph)
    return run_scene("run", run_comparison("run", result, schedule), schedule, nodes)


def comparison_scene(
    title: str, comparison: Comparison, schedule: Any, nodes: Any, inputs: Any = None
) -> Scene:
    """The page of a comparison; the arguments are those of `Scene`."""
    parts = [*comparison._parts(), *node_tables(comparison)]
    return Scene(title, comparison, schedule, parts, nodes, inputs or {})


def run_scene(title: str, run: Comparison, schedule: Any, nodes: Any, inputs: Any = None) -> Scene:
    """The page of a run, which is a comparison of one side; the arguments are those of `Scene`."""
    return Scene(title, run, schedule, [run_table(run)], nodes, inputs or {})


def move_scene(title: str, moved: Move) -> Scene:
    """The page of a move."""
    nodes = [node_at(moved.original, place.path) for place in moved.schedule.nodes]
    return Scene(title, moved.comparison, moved.schedule, moved._parts(), nodes, moved.inputs)
