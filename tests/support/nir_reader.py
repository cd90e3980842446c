"""Everything that the tests write or export is read back by nir's own reader."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import nir
import nir.serialization

import nirx
from nirx.dynamics.node_types import NATIVE_TYPES
from nirx.files import writing
from nirx.graphs.flatten import walk_graphs
from nirx.graphs.neuron_form import NEURONS_KEY
from nirx.tracing.draft import Draft

__all__ = ["checked_draft", "checked_writer", "read_by_nir"]

MOST_NODES, MOST_LEVELS = 1000, 50
"""nir's reader takes quadratic time, and is recursive."""


def read_by_nir(file: Any) -> None:
    """Read an open `.nir` file as `nir.read` does, with its type check and without.

    With the check, nir refuses a graph whose `nirx.Neuron`s are in its metadata.
    """
    held = NEURONS_KEY in file["node"].get("metadata", {})
    for type_check in (False,) if held else (True, False):
        data = nir.serialization.hdf2dict(file["node"])
        nir.dict2NIRNode({**data, "type_check": type_check})


def checked_writer(write_file: Callable[..., None]) -> Callable[..., None]:
    """`nirx.files.writing._write_file`, which then lets nir read what it wrote."""

    def write(file: Any, graph: nir.NIRGraph, discretization: Any) -> None:
        write_file(file, graph, discretization)
        graphs = list(walk_graphs(graph))
        nodes = [node for _, below, _ in graphs for node in below.nodes.values()]
        known = all(type(node) in (*NATIVE_TYPES, nir.NIRGraph) for node in nodes)
        small = len(nodes) < MOST_NODES and max(len(path) for path, _, _ in graphs) < MOST_LEVELS
        if known and small:
            read_by_nir(file)

    return write


def checked_draft(build: Callable[..., Any]) -> Callable[..., Any]:
    """`Draft.build`, which then lets the graph be written, and so read by nir."""

    def checked(self: Draft, *args: Any, **options: Any) -> Any:
        graph = build(self, *args, **options)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                nirx.check(graph)
            except nirx.NirxError:
                return graph  # a node map has to run it
            writing.file_bytes(graph)
        return graph

    return checked
