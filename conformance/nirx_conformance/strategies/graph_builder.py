"""`Level`: one graph under construction: its nodes, edges and open ends."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import nir
import numpy as np

from nirx_conformance.strategies.arrays import Shape
from nirx_conformance.strategies.draw import Draw
from nirx_conformance.strategies.names import new_name


@dataclass(frozen=True)
class End:
    """A possible end of an edge: its text in the edge, and its features.

    `alone` is set where possibly no Input reaches: then only full parameters determine the shape.
    """

    text: str
    shape: Shape
    alone: bool = False


@dataclass
class Level:
    """A graph under construction.

    Arguments:
        outermost: its Inputs receive the data, so no edge may lead to them.
        sources: where edges may start; targets: where they may end.
        unused: sources without an edge so far.
    """

    draw: Draw
    outermost: bool
    nodes: dict[str, Any] = field(default_factory=dict)
    edges: list[tuple[str, str]] = field(default_factory=list)
    sources: list[End] = field(default_factory=list)
    targets: list[End] = field(default_factory=list)
    unused: list[End] = field(default_factory=list)
    inputs: dict[str, Shape] = field(default_factory=dict)
    outputs: dict[str, Shape] = field(default_factory=dict)

    def add(self, node: Any, takes: Shape, gives: Shape, alone: bool = False) -> End:
        """Add a plain node without edges. Returns: its end as a target."""
        name = new_name(self.draw, type(node).__name__, self.nodes)
        self.nodes[name] = node
        self.targets.append(End(name, takes))
        self.sources.append(End(name, gives, alone))
        self.unused.append(End(name, gives, alone))
        return End(name, takes)

    def add_input(self, shape: Shape, alone: bool) -> None:
        """Add an Input; inside a subgraph its shape may be undeclared."""
        name = new_name(self.draw, "in", self.nodes)
        silent = not self.outermost and self.draw.chance(0.3)
        declared: Any = None if silent else np.array(shape, int)
        self.nodes[name] = nir.Input(declared)
        self.inputs[name] = shape
        self.sources.append(End(name, shape, alone))
        self.unused.append(End(name, shape, alone))

    def add_output(self, source: End) -> None:
        """Add an Output fed by `source`; its shape may be undeclared."""
        name = new_name(self.draw, "out", self.nodes)
        silent = self.draw.chance(0.3)
        declared: Any = None if silent else np.array(source.shape, int)
        self.nodes[name] = nir.Output(declared)
        self.outputs[name] = source.shape
        self.targets.append(End(name, source.shape))
        self.connect(source, name)

    def add_subgraph(self, inner: Level, alone: bool) -> list[End]:
        """Add a finished graph as a node. Returns: its Inputs as targets."""
        name = new_name(self.draw, "sub", self.nodes, dots=False)
        self.nodes[name] = inner.graph()
        entries = self._ports(name, inner.inputs, alone)
        exits = self._ports(name, inner.outputs, alone)
        self.targets += entries
        self.sources += exits
        self.unused += exits
        return entries

    def _ports(self, name: str, ports: dict[str, Shape], alone: bool) -> list[End]:
        # The bare name suffices for a single port, but the port may still be named.
        bare = len(ports) == 1 and self.draw.chance(0.6)
        return [End(name if bare else f"{name}.{port}", s, alone) for port, s in ports.items()]

    def connect(self, source: End, target: str) -> None:
        """Add an edge."""
        self.edges.append((source.text, target))
        if source in self.unused:
            self.unused.remove(source)

    def plain_names(self) -> set[str]:
        """Names of all nodes except subgraphs, Inputs and Outputs."""
        kinds = (nir.NIRGraph, nir.Input, nir.Output)
        return {name for name, node in self.nodes.items() if not isinstance(node, kinds)}

    def is_port(self, end: End) -> bool:
        """Whether an end belongs to a subgraph, by its bare name or with a port."""
        return end.text not in self.nodes or isinstance(self.nodes[end.text], nir.NIRGraph)

    def pick_source(self) -> End:
        """The source of the next node: mostly an unused or a recent one."""
        if self.unused and self.draw.chance(0.7):
            return self.draw.choice(self.unused)
        return self.draw.choice(self.sources[-4:])

    def feed(self, target: End, source: End) -> None:
        """Edges into a new node: from `source`, sometimes from others too, or twice."""
        self.connect(source, target.text)
        if self.draw.chance(0.06):
            self.connect(source, target.text)
        others = [s for s in self.sources if s.shape == target.shape and s.text != target.text]
        for _ in range(2):
            if self.draw.chance(0.2):
                # Only earlier nodes: loops are made deliberately, in loops.py.
                older = [s for s in others if self._before(s, target)]
                if older:
                    self.connect(self.draw.choice(older), target.text)

    def _before(self, source: End, target: End) -> bool:
        owner = list(self.nodes)[-1]
        return source.text != owner and not source.text.startswith(f"{owner}.")

    def graph(self) -> nir.NIRGraph:
        """The NIR graph; it shares this level's lists, so it includes edges added later."""
        if not hasattr(self, "_graph"):
            self._graph = nir.NIRGraph(self.nodes, self.edges, type_check=False)
        return self._graph
