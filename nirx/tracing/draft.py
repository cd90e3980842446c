"""`Draft`: a NIR graph in the making, from one traced step of a program."""

from __future__ import annotations

import copy
from collections import Counter
from typing import Any

import nir
import numpy as np

from nirx.dynamics.base import NodeMismatch, broadcasts_to
from nirx.dynamics.discretization import Discretization
from nirx.dynamics.node_types import find_type
from nirx.dynamics.ops import Shape
from nirx.errors import InputError, UnsupportedError, warn_caller
from nirx.graphs.metadata import MODULE_KEY, require_discretization
from nirx.graphs.rules import gather_rules, take_rules
from nirx.tracing.exporting import with_discretization
from nirx.tracing.finish import finish
from nirx.tracing.shift import fold_shifts
from nirx.tracing.spike_pool import require_spikes
from nirx.tracing.timing import force_delays
from nirx.tracing.value import Loop, Source, Value

__all__ = ["Draft"]

UNKNOWN: Any = {"input": None, "output": None}

MOST_TERMS = 32
"""A longer sum gets a node of its own, so that a chain of residual sums stays linear."""


class Draft:
    """Nodes by name, edges, loops. Names are made distinct; nothing passed in is changed."""

    def __init__(self) -> None:
        self.nodes: dict[str, Any] = {}
        self.edges: list[tuple[Source, str]] = []
        self.loops: list[Loop] = []
        self.shifts: dict[str, tuple[np.ndarray, str]] = {}
        """Additions of a constant, as nodes that `build` folds into a bias: value, place."""
        self.shapes: dict[str, Shape | None] = {}
        self.modules: dict[str, str] = {}
        """The path of the module that a node came from."""

    # -- what a tracer tells ----------------------------------------------------------

    def input(self, name: str, shape: Shape | None) -> Value:
        """An Input; without a shape, the first node that reads it has to tell."""
        name = self._fresh(name)
        self.nodes[name], self.shapes[name] = nir.Input(dict(UNKNOWN)), shape
        return Value((name,), shape)

    def node(self, name: str, node: Any, value: Value, module: str | None = None) -> Value:
        """A node that reads a value.

        Arguments:
            name: wanted; a number is added where it is taken.
            node: any NIR node or graph; the draft copies it.
            module: the path of the module it came from, if it came from one.

        Returns: what the node gives.

        **Raises**: `UnsupportedError` for a node that reads nothing.
        """
        if not value.sources:
            raise UnsupportedError(f"{name}: it reads nothing but zeros, which NIR has no node for")
        node = copy.deepcopy(node)
        name = self._fresh(name)
        shape = self._input_shape(name, node, value)
        _tell_shape(node, shape)
        self.nodes[name] = node
        self.shapes[name] = _output_shape(node, shape)
        if module is not None:
            self.modules[name] = module
        self._connect(value, name)
        return Value((name,), self.shapes[name])

    def add(self, a: Value, b: Value, name: str = "sum") -> Value:
        """a + b. NIR adds up what flows into a node, so a sum is no node by itself."""
        total = a + b
        if len(total.sources) <= MOST_TERMS:
            return total
        return self.node(name, nir.Scale(self._like(total, 1.0)), total)

    def scale(self, value: Value, factor: Any, name: str) -> Value:
        """value * factor, elementwise; the factor is a constant."""
        factor = np.asarray(factor)
        if (factor == 1).all() and _fits(factor, value):
            return value
        if not value.sources:
            return value
        return self.node(name, nir.Scale(self._like(value, factor, name)), value)

    def shift(self, value: Value, offset: Any, name: str, where: str) -> Value:
        """value + offset, where the offset is a constant: part of the bias before it.

        Arguments:
            where: the place in the program, for the error if there is no such bias.
        """
        offset = np.asarray(offset)
        if not offset.any() and _fits(offset, value):
            return value
        if not value.sources:
            raise UnsupportedError(f"{where} is a constant, which NIR has no node for")
        name = self._fresh(name)
        self.shifts[name] = offset, where
        self.shapes[name] = value.shape
        self._connect(value, name)
        return Value((name,), value.shape)

    def late(self, name: str, shape: Shape | None = None) -> Value:
        """What the previous step gave for something; `close` says for what."""
        loop = Loop(name, shape)
        self.loops.append(loop)
        return Value((loop,), shape)

    def close(self, late: Value, value: Value) -> None:
        """Say of what a late value is the previous one."""
        (loop,) = late.sources
        assert isinstance(loop, Loop), "only what late() gave can be closed"
        loop.value = value

    def output(self, name: str, value: Value) -> None:
        """An Output that reads a value."""
        if not value.sources:
            raise UnsupportedError(f"output {name!r} is a constant, which NIR has no node for")
        name = self._fresh(name)
        self.nodes[name], self.shapes[name] = nir.Output(dict(UNKNOWN)), value.shape
        self._connect(value, name)

    def rename(self, old: str, new: str) -> None:
        """Give a node another name, if that is free."""
        if new in self.nodes or new in self.shifts:
            return
        self.nodes = {new if k == old else k: n for k, n in self.nodes.items()}
        for table in (self.shapes, self.modules):
            if old in table:
                table[new] = table.pop(old)  # type: ignore[assignment]
        self.edges = [(new if s == old else s, new if t == old else t) for s, t in self.edges]
        for loop in self.loops:
            if loop.value is not None:
                sources = tuple(new if s == old else s for s in loop.value.sources)
                loop.value = Value(sources, loop.value.shape)

    # -- the graph --------------------------------------------------------------------

    def build(self, discretization: Discretization | None, check: bool = True) -> nir.NIRGraph:
        """The graph.

        Arguments:
            discretization: gives Delays their unit, and goes into the metadata. None takes what
                exporters said of their modules (`nirx.graphs.rules`), else the default, which goes
                into the metadata only where a Delay depends on it.
            check: whether to refuse what `nirx.check` refuses.

        **Raises**: `UnsupportedError` for what NIR cannot say, `GraphError` for its faults.
        """
        rules = take_rules(self.nodes)
        discretization = require_discretization(discretization) or gather_rules(rules)
        rule = discretization or Discretization()
        fold_shifts(self)
        self._settle_loops()
        forced = force_delays(self, rule)
        self._insert_delays(forced, rule.dt)
        edges = self.resolved_edges()
        counts = Counter(self.modules.values())
        for name, module in self.modules.items():
            node = self.nodes[name]
            if isinstance(node, nir.NIRGraph):
                continue
            others = {k: v for k, v in (node.metadata or {}).items() if k != MODULE_KEY}
            node.metadata = {**others, MODULE_KEY: module} if counts[module] > 1 else others
        graph = finish(self.nodes, edges, self.shapes, rule, check)
        require_spikes(graph, rule)
        if discretization is not None or forced:
            with_discretization(graph, rule)
        if forced and discretization is None:
            warn_caller(
                f"{', '.join(repr(loop.name) for loop in forced[:3])}: a one-step Delay of "
                f"{rule.dt:g} stands for the loop; pass discretization= to give dt yourself"
            )
        return graph

    def resolved_edges(self) -> list[tuple[str, str]]:
        """The edges with every loop replaced by what it is closed with."""
        return [pair for source, target in self.edges for pair in _expanded(source, target)]

    def _settle_loops(self) -> None:
        """Give loops the shapes of what they carry. **Raises**: `UnsupportedError`."""
        read = {s for s, _ in self.edges if isinstance(s, Loop)}
        written: set[Loop] = set()
        before = -1
        while before != len(written):  # one may carry another, to any depth
            before = len(written)
            for loop in self.loops:
                if loop in written or loop.value is None:
                    continue
                for source in loop.value.sources:
                    if isinstance(source, str) or source in written:
                        known = self.shapes[source] if isinstance(source, str) else source.shape
                        loop.shape = loop.value.shape or loop.shape or known
                        written.add(loop)
                if not loop.value.sources:
                    written.add(loop)
        for loop in self.loops:
            if loop in read and loop.value is not None and loop not in written:
                raise UnsupportedError(
                    f"{loop.name} is read, but nothing is ever written into it; make it a parameter"
                )

    def _insert_delays(self, loops: list[Loop], dt: float) -> None:
        """A Delay for each of the loops, which may read one another."""
        names: dict[Source, str] = {}
        for loop in loops:
            assert loop.value is not None
            shape = loop.value.shape if loop.value.shape is not None else loop.shape
            names[loop] = name = self._fresh(f"{loop.name}.delay")
            self.nodes[name] = nir.Delay(np.full(() if shape is None else shape, dt))
            self.shapes[name] = shape
        self.edges = [(names.get(s, s), t) for s, t in self.edges]
        for loop in loops:
            assert loop.value is not None
            sources = tuple(names.get(s, s) for s in loop.value.sources)
            self._connect(Value(sources, loop.value.shape), names[loop])

    # -- details ----------------------------------------------------------------------

    def _fresh(self, name: str) -> str:
        name = name or "node"
        taken = (self.nodes, self.shifts)
        if not any(name in t for t in taken):
            return name
        number = 1
        while any(f"{name}_{number}" in t for t in taken):
            number += 1
        return f"{name}_{number}"

    def _connect(self, value: Value, target: str) -> None:
        counts = Counter(value.sources)
        for source in dict.fromkeys(value.sources):
            count = counts[source]
            if count > 1:  # nir's own reader refuses duplicate edges
                own = Value((source,), value.shape)
                label = source if isinstance(source, str) else source.name
                own = self.node(f"{label}.twice", nir.Scale(self._like(own, float(count))), own)
                (source,) = own.sources
            self.edges.append((source, target))

    def _input_shape(self, name: str, node: Any, value: Value) -> Shape | None:
        if value.shape is not None:
            return value.shape
        shape = declared_input(node)
        for source in value.sources:
            if isinstance(source, str) and self.shapes[source] is None:
                self.shapes[source] = shape
        return shape

    def _like(self, value: Value, number: Any, name: str = "scale") -> np.ndarray:
        """A constant in the shape of a value, so that the node tells its shape."""
        number = np.asarray(number)
        number = number if number.dtype.kind == "f" else number.astype(np.float64)
        if value.shape is None:
            return number
        if not _fits(number, value):
            raise UnsupportedError(
                f"{name}: a constant of shape {number.shape} beside a value of shape "
                f"{value.shape} (without batch) has no NIR node"
            )
        return np.broadcast_to(_without_batch(number, value.shape), value.shape).copy()


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
    if isinstance(source, str):
        return [(source, target)]
    if source.value is None:
        raise InputError(f"loop {source.name!r} was never closed")
    return [pair for below in source.value.sources for pair in _expanded(below, target)]


def declared_input(node: Any) -> Shape | None:
    """The shape that a node or a graph with one Input says it reads, or None."""
    if isinstance(node, nir.NIRGraph):
        ports = [n for n in node.nodes.values() if isinstance(n, nir.Input)]
        return _declared(ports[0], "input") if len(ports) == 1 else None
    entry = find_type(type(node))
    if entry is not None and entry.dynamics is not None:
        try:
            shape = entry.dynamics.declared_shapes(node)[0]
        except NodeMismatch:
            return None
        # A parameter of shape (1,) may only broadcast.
        sure = entry.dynamics.exact_shape or (shape is not None and np.prod(shape) > 1)
        return shape if sure or shape == (1,) else None
    return _declared(node, "input")


def _declared(node: Any, kind: str) -> Shape | None:
    types = getattr(node, f"{kind}_type", None)
    value = types.get(kind) if isinstance(types, dict) else None
    return None if value is None else tuple(int(n) for n in np.atleast_1d(value))


def _tell_shape(node: Any, shape: Shape | None) -> None:
    """Write an input shape into nodes that want one; one that does not fit is refused later."""
    if shape is None:
        return
    if isinstance(node, nir.Flatten) and _declared(node, "input") is None:
        node.input_type = {"input": np.array(shape)}
    if isinstance(node, nir.Conv1d) and node.input_shape is None and len(shape) == 2:
        node.input_shape = shape[-1]
    if isinstance(node, nir.Conv2d) and node.input_shape is None and len(shape) == 3:
        node.input_shape = shape[-2], shape[-1]


def _output_shape(node: Any, shape: Shape | None) -> Shape | None:
    if isinstance(node, nir.NIRGraph):
        ports = [n for n in node.nodes.values() if isinstance(n, nir.Output)]
        return _declared(ports[0], "output") if len(ports) == 1 else None
    entry = find_type(type(node))
    if entry is None:
        return _declared(node, "output") or shape
    if shape is None:
        return None
    try:
        return entry.infer_shape(node, shape)
    except NodeMismatch:
        return None  # the check of the whole graph says what is wrong
