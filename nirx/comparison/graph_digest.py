"""One hash for what a graph computes, in a file or in memory."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import nir
import numpy as np

from nirx.basics.paths import format_path
from nirx.comparison.digest import digest
from nirx.dynamics.node_types import find_type
from nirx.graphs.flatten import walk_graphs
from nirx.graphs.sameness import DERIVED, stored_field

__all__ = ["graph_digest"]


def graph_digest(graph: nir.NIRGraph) -> str:
    """SHA-256 of the types, names, edges and numbers of a graph.

    The order of nodes and edges does not count, nor do metadata: a discretization is not part
    of the graph. Arrays count with dtype, shape and bits.

    Returns: 64 hexadecimal digits.
    """
    form: list[Any] = []
    arrays: dict[str, Any] = {}
    for path, current, _ in sorted(walk_graphs(graph), key=lambda item: item[0]):
        form.append([format_path(path), sorted(map(list, current.edges))])
        for name, node in sorted(current.nodes.items()):
            if isinstance(node, nir.NIRGraph):
                continue
            where = format_path((*path, name))
            entry = find_type(type(node))
            plain = {}
            for field in entry.stored if entry else ():
                value = stored_field(node, field)
                if field in DERIVED or value is None or isinstance(value, str):
                    plain[field] = None if field == "input_type" else value
                else:
                    arrays[f"{where} {field}"] = np.asarray(value)
            form.append([where, type(node).__name__, plain])
    text = json.dumps(form, sort_keys=True) + digest(arrays)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
