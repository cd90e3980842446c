"""`Level`: one graph of the nesting while it grows: its nodes, edges and open ends."""

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
    """What an edge can name: its text in the edge, and the features there.

    `alone` is set where perhaps no Input reaches: then only full parameters tell the shape.
    """

    text: str
    shape: Shape
    alone: bool = False


@dataclass
class Level:
    """A graph under construction.

    Arguments:
        outermost: the Inputs of the outermost graph take data, so no edge may lead there.
        sources: where edges may start; targets: where they may end.
        unused: sources that no edge has taken up yet.
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
        """A plain node without edges yet; gives its end as a target."""
        name = new_name(self.draw, type(node).__name__, self.nodes)
        self.nodes[name] = node
        self.targets.append(End(name, takes))
        self.sources.append(End(name, gives, alone))
        self.unused.append(End(name, gives, alone))
        return End(name, takes)

    def add_input(self, shape: Shape, alone: bool) -> None:
        """An Input; inside a subgraph it may leave its shape open."""
        name = new_name(self.draw, "in", self.nodes)
        silent = not self.outermost and self.draw.chance(0.3)
        declared: Any = None if silent else np.array(shape, int)
        self.nodes[name] = nir.Input(declared)
        self.inputs[name] = shape
        self.sources.append(End(name, shape, alone))
        self.unused.append(End(name, shape, alone))

    def add_output(self, source: End) -> None:
        """An Output that takes from `source`; it may leave its shape open."""
        name = new_name(self.draw, "out", self.nodes)
        silent = self.draw.chance(0.3)
        declared: Any = None if silent else np.array(source.shape, int)
        self.nodes[name] = nir.Output(declared)
        self.outputs[name] = source.shape
        self.targets.append(End(name, source.shape))
        self.connect(source, name)

    def add_subgraph(self, inner: Level, alone: bool) -> list[End]:
        """A finished graph as a node; gives its Inputs as targets."""
        name = new_name(self.draw, "sub", self.nodes, dots=False)
        self.nodes[name] = inner.graph()
        entries = self._ports(name, inner.inputs, alone)
        exits = self._ports(name, inner.outputs, alone)
        self.targets += entries
        self.sources += exits
        self.unused += exits
        return entries

    def _ports(self, name: str, ports: dict[str, Shape], alone: bool) -> list[End]:
        # The bare name will do where there is one port, but the port may be named even so.
        bare = len(ports) == 1 and self.draw.chance(0.6)
        return [End(name if bare else f"{name}.{port}", s, alone) for port, s in ports.items()]

    def connect(self, source: End, target: str) -> None:
        """An edge."""
        self.edges.append((source.text, target))
        if source in self.unused:
            self.unused.remove(source)

    def plain_names(self) -> set[str]:
        """Names of all nodes but subgraphs, Inputs and Outputs."""
        kinds = (nir.NIRGraph, nir.Input, nir.Output)
        return {name for name, node in self.nodes.items() if not isinstance(node, kinds)}

    def is_port(self, end: End) -> bool:
        """Whether an end is a subgraph's, by its bare name or with the port's."""
        return end.text not in self.nodes or isinstance(self.nodes[end.text], nir.NIRGraph)

    def pick_source(self) -> End:
        """Where the next node takes from: mostly what nothing takes yet, or what is new."""
        if self.unused and self.draw.chance(0.7):
            return self.draw.choice(self.unused)
        return self.draw.choice(self.sources[-4:])

    def feed(self, target: End, source: End) -> None:
        """Edges into a new node: from `source`, and now and then from more, or twice."""
        self.connect(source, target.text)
        if self.draw.chance(0.06):
            self.connect(source, target.text)
        others = [s for s in self.sources if s.shape == target.shape and s.text != target.text]
        for _ in range(2):
            if self.draw.chance(0.2):
                # Only what comes before: a loop is made on purpose, in loops.py.
                older = [s for s in others if self._before(s, target)]
                if older:
                    self.connect(self.draw.choice(older), target.text)

    def _before(self, source: End, target: End) -> bool:
        owner = list(self.nodes)[-1]
        return source.text != owner and not source.text.startswith(f"{owner}.")

    def graph(self) -> nir.NIRGraph:
        """The NIR graph; it shares this level's lists, so edges added later are in it."""
        if not hasattr(self, "_graph"):
            self._graph = nir.NIRGraph(self.nodes, self.edges, type_check=False)
        return self._graph
