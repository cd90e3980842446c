"""`Draft`: a NIR graph under construction, from one traced time step of a program."""

from __future__ import annotations

import copy
from collections import Counter
from typing import Any

import nir
import numpy as np

from nirx.basics.paths import Path, format_path
from nirx.dynamics.discretization import Discretization
from nirx.dynamics.ops import Shape
from nirx.dynamics.parameters import broadcasts_to
from nirx.errors import InputError, UnsupportedError, warn_caller
from nirx.graphs.metadata import MODULE_KEY, require_discretization
from nirx.graphs.returns import with_returns
from nirx.graphs.rules import gather_rules, take_rules
from nirx.tracing.arranged import fold_permutations
from nirx.tracing.exporting import with_discretization
from nirx.tracing.finish import finish
from nirx.tracing.loops import insert_delays, resolve_loop_shapes
from nirx.tracing.membranes import Recorded, settle_membranes, take_names, warn_of_recordings
from nirx.tracing.nest import nest_graph
from nirx.tracing.node_shapes import declared_input, output_shape, set_input_shape
from nirx.tracing.recognition.in_drafts import recognise_cells
from nirx.tracing.shift import fold_shifts
from nirx.tracing.spike_logic import drop_spare
from nirx.tracing.spike_pool import require_spikes
from nirx.tracing.timing import force_delays
from nirx.tracing.value import Loop, Source, Value

__all__ = ["Draft"]

UNKNOWN: Any = {"input": None, "output": None}

MOST_TERMS = 32
"""A longer sum gets a node to itself, so that a chain of residual sums stays linear in size."""


class Draft:
    """Nodes by name, edges and loops. Names are made distinct; what is passed in is not changed."""

    def __init__(self) -> None:
        self.nodes: dict[str, Any] = {}
        self.edges: list[tuple[Source, str]] = []
        self.loops: list[Loop] = []
        self.shifts: dict[str, tuple[np.ndarray, str]] = {}
        """Additions of a constant, as nodes that `build` folds into a bias: value, place."""
        self.permutations: dict[str, np.ndarray] = {}
        """The nodes that only reorder a vector: what `build` may fold into the layer before."""
        self.shapes: dict[str, Shape | None] = {}
        self.modules: dict[str, str] = {}
        """The path of the module that a node came from."""

        self.spare: list[str] = []
        """Nodes and shifts that `build` removes if nothing reads them."""
        self.twins: dict[str, str] = {}
        """Neuron that never resets -> the LI that stands for its membrane potential."""
        self.returns: Any = None
        """What the program returns, if Outputs cannot carry all of it: nested lists and dicts of
        `Recorded`, of names of Outputs, and of None."""
        self.returned_by = ""
        """What the program is called, for the warning about these."""

    # -- called by a tracer -------------------------------------------------------------

    def input(self, name: str, shape: Shape | None) -> Value:
        """Add an Input; without a shape, the first node that reads it has to declare one."""
        return Value((self.put(name, nir.Input(dict(UNKNOWN)), shape),), shape)

    def node(self, name: str, node: Any, value: Value, module: str | None = None) -> Value:
        """Add a node that reads a value.

        Arguments:
            name: a number is appended if the name is taken.
            node: any NIR node or graph; the draft copies it.
            value: the node's input.
            module: the path of the module that the node came from, if any.

        Returns: the node's output.

        **Raises**: `UnsupportedError` for a node whose input is always zero.
        """
        if not value.sources:
            raise UnsupportedError(f"{name}: its input is always zero, which has no NIR node")
        node = copy.deepcopy(node)
        shape = value.shape if value.shape is not None else self._shape_from(node, value)
        set_input_shape(node, shape)
        name = self.put(name, node, output_shape(node, shape))
        if module is not None:
            self.modules[name] = module
        self.connect(value, name)
        return Value((name,), self.shapes[name])

    def add(self, a: Value, b: Value, name: str = "sum") -> Value:
        """a + b. NIR adds up all inputs of a node, so a sum needs no node."""
        total = a + b
        if len(total.sources) <= MOST_TERMS:
            return total
        return self.node(name, nir.Scale(self._like(total, 1.0)), total)

    def scale(self, value: Value, factor: Any, name: str) -> Value:
        """value * factor, elementwise; the factor is a constant."""
        factor = np.asarray(factor)
        if not value.sources or ((factor == 1).all() and _fits(factor, value)):
            return value
        return self.node(name, nir.Scale(self._like(value, factor, name)), value)

    def shift(self, value: Value, offset: Any, name: str, where: str) -> Value:
        """value + offset, where the offset is a constant: it becomes part of the preceding bias.

        Arguments:
            value, offset: the two terms.
            name: used until `build` folds the shift.
            where: the place in the program, for the error if there is no such bias.
        """
        offset = np.asarray(offset)
        if not offset.any() and _fits(offset, value):
            return value
        if not value.sources:
            raise UnsupportedError(f"{where} is a constant, which has no NIR node")
        name = self._fresh(name)
        self.shifts[name], self.shapes[name] = (offset, where), value.shape
        self.connect(value, name)
        return Value((name,), value.shape)

    def late(self, name: str, shape: Shape | None = None) -> Value:
        """The previous step's value of something that `close` names later."""
        loop = Loop(name, shape)
        self.loops.append(loop)
        return Value((loop,), shape)

    def close(self, late: Value, value: Value) -> None:
        """Say which value `late` is the previous one of."""
        (loop,) = late.sources
        assert isinstance(loop, Loop), "only a value from late() can be closed"
        loop.value = value

    def output(self, name: str, value: Value) -> str:
        """Add an Output that reads a value; returns its name, made distinct."""
        if not value.sources:
            raise UnsupportedError(f"output {name!r} is a constant, which has no NIR node")
        name = self.put(name, nir.Output(dict(UNKNOWN)), value.shape)
        self.connect(value, name)
        return name

    def rename(self, old: str, new: str) -> None:
        """Give a node another name, unless that is taken."""
        if new in self.nodes or new in self.shifts:
            return
        self.nodes = {new if k == old else k: n for k, n in self.nodes.items()}
        self.shapes[new] = self.shapes.pop(old)
        if old in self.permutations:
            self.permutations[new] = self.permutations.pop(old)
        if old in self.modules:
            self.modules[new] = self.modules.pop(old)
        self.replace_source(old, new)
        self.edges = [(s, new if t == old else t) for s, t in self.edges]

    def remove(self, name: str) -> None:
        """Remove a node that nothing reads, and the edges into it."""
        del self.nodes[name], self.shapes[name]
        self.modules.pop(name, None)
        self.edges = [(s, t) for s, t in self.edges if t != name]

    # -- the graph ----------------------------------------------------------------------

    def build(
        self, discretization: Discretization | None, check: bool = True, nested: bool = False
    ) -> nir.NIRGraph:
        """The graph.

        Arguments:
            discretization: sets the unit of Delays, and goes into the metadata. None takes what
                exporters said of their modules (`nirx.graphs.rules`), else the default, which
                goes into the metadata only if a Delay depends on it. Cells that become NIR nodes
                add the choices that they need.
            check: whether to refuse what `nirx.check` refuses.
            nested: whether modules within modules become nested graphs.

        **Raises**: `UnsupportedError` for what NIR cannot express, `GraphError` for faults.
        """
        settle_membranes(self)
        rules = take_rules(self.nodes)
        discretization = require_discretization(discretization) or gather_rules(rules)
        discretization = recognise_cells(self, discretization)
        for node in self.nodes.values():
            take_names(node)
        rule = discretization or Discretization()
        drop_spare(self)
        fold_shifts(self)
        fold_permutations(self)
        resolve_loop_shapes(self)
        forced = force_delays(self, rule)
        insert_delays(self, forced, rule.dt)
        edges = [pair for source, target in self.edges for pair in _expanded(source, target)]
        counts = Counter(self.modules.values())
        for name, module in self.modules.items():
            node = self.nodes[name]
            if not isinstance(node, nir.NIRGraph):
                others = {k: v for k, v in (node.metadata or {}).items() if k != MODULE_KEY}
                node.metadata = {**others, MODULE_KEY: module} if counts[module] > 1 else others
        graph = finish(self.nodes, edges, self.shapes, rule, check)
        require_spikes(graph, rule)
        if discretization is not None or forced:
            with_discretization(graph, rule)
        if forced and discretization is None:
            warn_caller(
                f"{', '.join(repr(loop.name) for loop in forced[:3])}: a one-step Delay of "
                f"{rule.dt:g} stands for the loop; pass discretization= to choose dt"
            )
        paths = {name: tuple(name.split(".")) for name in self.modules} if nested else {}
        if self.returns is not None:
            warn_of_recordings(self)
            with_returns(graph, _keys(self.returns, paths))
        return nest_graph(graph, paths) if nested else graph

    # -- for the steps of `build` --------------------------------------------------------

    def put(self, name: str, node: Any, shape: Shape | None) -> str:
        """Add a node with a given output shape; returns its name, made distinct."""
        name = self._fresh(name)
        self.nodes[name], self.shapes[name] = node, shape
        return name

    def connect(self, value: Value, target: str) -> None:
        """Add the edges by which a node reads a value."""
        counts = Counter(value.sources)
        for source in dict.fromkeys(value.sources):
            count = counts[source]
            if count > 1:  # nir's own reader refuses duplicate edges
                term = Value((source,), value.shape)
                label = source if isinstance(source, str) else source.name
                term = self.node(f"{label}.twice", nir.Scale(self._like(term, float(count))), term)
                (source,) = term.sources
            self.edges.append((source, target))

    def replace_source(self, old: str, new: str) -> None:
        """Let everything that reads one node read another instead."""
        self.edges = [(new if s == old else s, t) for s, t in self.edges]
        for loop in self.loops:
            if loop.value is not None:
                loop.value = loop.value.renamed(old, new)

    def readers(self, source: Source) -> int:
        """How many edges and loops read a source."""
        edges = sum(s == source for s, _ in self.edges)
        values = [loop.value for loop in self.loops if loop.value is not None]
        return edges + sum(v.sources.count(source) for v in values)

    def _fresh(self, name: str) -> str:
        base = name = name or "node"
        number = 0
        while name in self.nodes or name in self.shifts:
            number += 1
            name = f"{base}_{number}"
        return name

    def _shape_from(self, node: Any, value: Value) -> Shape | None:
        """The input shape that a node declares, which its sources then have too."""
        shape = declared_input(node)
        for source in value.sources:
            if isinstance(source, str) and self.shapes[source] is None:
                self.shapes[source] = shape
        return shape

    def _like(self, value: Value, number: Any, name: str = "scale") -> np.ndarray:
        """A constant in the shape of a value, so that its node declares the shape."""
        number = np.asarray(number)
        number = number if number.dtype.kind == "f" else number.astype(np.float64)
        if value.shape is None:
            return number
        if not _fits(number, value):
            raise UnsupportedError(
                f"{name}: a constant of shape {number.shape} with a value of shape "
                f"{value.shape} (without batch) has no NIR node"
            )
        return np.broadcast_to(_without_batch(number, value.shape), value.shape).copy()


def _keys(returns: Any, paths: dict[str, Path]) -> Any:
    """The keys of recordings for what a program returns."""
    if isinstance(returns, list):
        return [_keys(part, paths) for part in returns]
    if isinstance(returns, dict):
        return {name: _keys(part, paths) for name, part in returns.items()}
    if isinstance(returns, Recorded):
        return returns.key(paths.get(returns.node, (returns.node,)))
    return None if returns is None else format_path((returns,))


def _fits(number: np.ndarray, value: Value) -> bool:
    """Whether a constant leaves the value's shape as it is."""
    if number.ndim == 0 or value.shape is None:
        return number.ndim == 0
    return broadcasts_to(_without_batch(number, value.shape).shape, value.shape)


def _without_batch(number: np.ndarray, shape: Shape) -> np.ndarray:
    while number.ndim > len(shape) and number.shape[0] == 1:
        number = number[0]
    return number


def _expanded(source: Source, target: str) -> list[tuple[str, str]]:
    """An edge, with a loop replaced by the nodes that close it."""
    if isinstance(source, str):
        return [(source, target)]
    if source.value is None:
        raise InputError(f"loop {source.name!r} was never closed")
    return [pair for below in source.value.sources for pair in _expanded(below, target)]
