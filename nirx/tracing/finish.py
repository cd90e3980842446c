"""The last step of a draft: fill in the shapes and check the graph."""

from __future__ import annotations

from typing import Any

import nir
import numpy as np

from nirx.dynamics.discretization import Discretization
from nirx.dynamics.ops import Shape
from nirx.errors import Fault, GraphError
from nirx.files.nir_form import spread_parameters
from nirx.graphs.check import examine
from nirx.graphs.flatten import walk_graphs
from nirx.graphs.ports import declare_ports
from nirx.tracing.timing import claims

__all__ = ["finish"]


def finish(
    nodes: dict[str, Any],
    edges: list[tuple[str, str]],
    shapes: dict[str, Shape | None],
    rule: Discretization,
    check: bool,
) -> nir.NIRGraph:
    """The graph of a draft's nodes, which it may change.

    **Raises**: `GraphError` for an Input of unknown shape, and with `check` for any fault.
    """
    for name, node in nodes.items():
        if isinstance(node, nir.Input):
            shape = shapes[name]
            if shape is None:
                raise GraphError([_unknown(name)])
            node.input_type, node.output_type = {"input": _array(shape)}, {"output": _array(shape)}
    graph = nir.NIRGraph(nodes, edges, type_check=False)
    examination = examine(graph, rule, claims)
    if check and examination.faults:
        raise GraphError(examination.faults)
    if not examination.faults:
        inner = zip(
            examination.flat.nodes,
            examination.shapes.inputs,
            examination.shapes.outputs,
            strict=True,
        )
        for flat, takes, gives in inner:
            if not flat.custom and not isinstance(flat.node, nir.NIRGraph):
                if takes is not None:
                    spread_parameters(flat.node, takes)  # nir infers shapes from them
                flat.node.input_type = {"input": _array(takes)}
                flat.node.output_type = {"output": _array(gives)}
    for _, below, _ in reversed(list(walk_graphs(graph))):
        declare_ports(below)
    return graph


def _unknown(name: str) -> Fault:
    return Fault(
        name,
        "nothing in the model determines the shape of this input",
        "a Linear, or another node whose parameters have the full shape, after it",
        "pass input_shape= (--input-shape; without batch and time)",
    )


def _array(shape: Any) -> Any:
    return None if shape is None else np.array(shape, np.int64)
