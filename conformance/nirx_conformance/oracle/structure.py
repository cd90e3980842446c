"""What a graph is before any number is computed: flat nodes, shapes, late edges, order."""

from __future__ import annotations

from collections.abc import Callable
from graphlib import TopologicalSorter
from typing import Any, ClassVar, Generic, Protocol, TypeVar

import nir

from nirx_conformance.oracle.inlining import Path, inline
from nirx_conformance.oracle.late_edges import late_edges
from nirx_conformance.oracle.node import Shape
from nirx_conformance.oracle.node_types import KINDS
from nirx_conformance.oracle.shapes import input_shapes


class Placed(Protocol):
    """What the order of execution depends on."""

    neuron: ClassVar[bool]

    @property
    def breaks_cycles(self) -> bool: ...


Node = TypeVar("Node", bound=Placed)


class Structure(Generic[Node]):
    """A flat graph with its execution order and late edges.

    Arguments:
        make: a node of this oracle from its path, its NIR node and the features of its input.
        every_neuron: `feedback="component"`: in a cyclic component every edge out of a neuron
            is late.
    """

    def __init__(
        self,
        graph: nir.NIRGraph,
        make: Callable[[Path, Any, Shape], Node],
        every_neuron: bool,
    ):
        nodes, self.edges = inline(graph)
        kinds = {path: KINDS[type(node)] for path, node in nodes.items()}
        self.shapes = input_shapes(nodes, kinds, self.edges)
        self.nodes = {path: make(path, node, self.shapes[path]) for path, node in nodes.items()}
        self.output_shapes = {p: kinds[p].output_shape(nodes[p], self.shapes[p]) for p in nodes}
        self.inputs = [p for p, n in nodes.items() if len(p) == 1 and isinstance(n, nir.Input)]
        self.outputs = [p for p, n in nodes.items() if len(p) == 1 and isinstance(n, nir.Output)]
        self.late = late_edges(
            self.nodes,
            self.edges,
            self.inputs,
            lambda path: self.nodes[path].neuron,
            lambda path: self.nodes[path].breaks_cycles,
            every_neuron=every_neuron,
        )
        # Order of the sum: by source path, a duplicated edge twice.
        self.sources: dict[Path, list[Path]] = {path: [] for path in nodes}
        for source, target in sorted(self.edges):
            self.sources[target].append(source)
        self.order = self._order()

    def _order(self) -> list[Path]:
        waits: dict[Path, list[Path]] = {}
        for path, node in self.nodes.items():
            needs = [] if node.breaks_cycles else self.sources[path]
            waits[path] = [a for a in needs if (a, path) not in self.late]
        return list(TopologicalSorter(waits).static_order())
