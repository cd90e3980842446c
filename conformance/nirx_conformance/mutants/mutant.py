"""`Mutant`: the NumPy backend with one fault, and the decorators that write one shortly.

    @on_node
    def leak_dropped(node, dt):
        '''v_leak counts as 0.'''
        clear(node, "v_leak")

The name is the function's or the class's own in words, the sentence its docstring.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

import nir
import numpy as np

import nirx
from nirx.dynamics import Dynamics
from nirx.execution.backend import Prepared
from nirx.execution.execute import Executor
from nirx.execution.numpy_backend import BACKEND, Net, from_nir
from nirx.execution.numpy_ops import NumpyOps
from nirx.execution.runners import NativeRunner
from nirx.graphs.flatten import walk_graphs
from nirx.graphs.origin import rebuild_graph

__all__ = [
    "Asked",
    "Mutant",
    "on_discretization",
    "on_dynamics",
    "on_executor",
    "on_graph",
    "on_node",
    "on_ops",
    "on_prepare",
    "on_rule",
    "on_run",
    "on_schedule",
]


@dataclass
class Asked:
    """What `prepare` was asked for. A mutant gets its own copy of the graph and may write to it."""

    graph: nir.NIRGraph
    discretization: nirx.Discretization
    dtype: str
    options: Mapping[str, Any] = field(default_factory=dict)

    def net(self) -> Net:
        """The unmutated network."""
        return from_nir(self.graph, self.discretization, self.dtype, **self.options)

    def run(self) -> Prepared:
        """The same, as a backend prepares it."""
        return BACKEND.prepare(self.graph, self.discretization, self.dtype, **self.options)


@dataclass(frozen=True)
class Mutant:
    """A backend of the conformance suite that is wrong in one thing.

    Arguments:
        name: in words.
        sentence: what is wrong.
        build: gives the mutated run.
    """

    name: str
    sentence: str
    build: Callable[[Asked], Prepared]

    def prepare(
        self,
        graph: nir.NIRGraph,
        discretization: nirx.Discretization | None = None,
        dtype: str = "float32",
        **options: Any,
    ) -> Prepared:
        """See `nirx.execution.backend.Backend`; the graph is left as it is."""
        chosen = discretization or nirx.schedule(graph).discretization
        return self.build(Asked(rebuild_graph(graph, {}), chosen, dtype, options))


def _mutant(source: Any, build: Callable[[Asked], Prepared]) -> Mutant:
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", source.__name__).replace("_", " ").lower()
    return Mutant(words, " ".join((source.__doc__ or "").split()), build)


def on_prepare(change: Callable[[Asked], Prepared]) -> Mutant:
    """A mutant that does all of `prepare` itself."""
    return _mutant(change, change)


def on_run(change: Callable[..., Any]) -> Mutant:
    """A mutant that stands between the caller and the run: `change(run, inputs, state, record)`."""

    def build(asked: Asked) -> Prepared:
        run = asked.run()
        return lambda inputs, state=None, record=(): change(run, inputs, state, record)

    return _mutant(change, build)


def on_graph(change: Callable[[nir.NIRGraph], None]) -> Mutant:
    """A mutant that writes to the graph and each of its subgraphs."""

    def build(asked: Asked) -> Prepared:
        for _, graph, _ in list(walk_graphs(asked.graph)):
            change(graph)
        return asked.run()

    return _mutant(change, build)


def on_node(change: Callable[[Any, float], None]) -> Mutant:
    """A mutant that writes to each node: `change(node, dt)`."""

    def build(asked: Asked) -> Prepared:
        for _, graph, _ in walk_graphs(asked.graph):
            for node in graph.nodes.values():
                if not isinstance(node, nir.NIRGraph):
                    change(node, asked.discretization.dt)
        return asked.run()

    return _mutant(change, build)


def on_discretization(
    change: Callable[[nirx.Discretization], nirx.Discretization],
) -> Mutant:
    """A mutant of a choice that holds for the whole graph."""

    def build(asked: Asked) -> Prepared:
        asked.discretization = change(asked.discretization)
        return asked.run()

    return _mutant(change, build)


def on_rule(change: Callable[[nirx.Discretization], nirx.Discretization]) -> Mutant:
    """A mutant of the choices of every single node, overrides applied."""
    return _mutant(change, _each_dynamics(lambda d: replace(d, rule=change(d.rule))))


def on_dynamics(change: type[Dynamics]) -> Mutant:
    """A mutant of the equations: a subclass of `Neuron`, `Linear`, ... whose methods win over
    those of every node of that class."""
    (target,) = change.__bases__

    def mutate(dynamics: Dynamics) -> Dynamics:
        if not isinstance(dynamics, target):
            return dynamics
        mixed: Any = type(change.__name__, (change, type(dynamics)), {})
        return mixed(**{f.name: getattr(dynamics, f.name) for f in fields(dynamics)})

    return _mutant(change, _each_dynamics(mutate))


def _each_dynamics(mutate: Callable[[Dynamics], Dynamics]) -> Callable[[Asked], Prepared]:
    def build(asked: Asked) -> Prepared:
        net = asked.net()
        for runner in net._executor.runners:
            if isinstance(runner, NativeRunner):
                runner.dynamics = mutate(runner.dynamics)
        return _prepared(net)

    return build


def on_ops(change: type[NumpyOps]) -> Mutant:
    """A mutant of the arithmetic: its methods win over those of the mode that was asked for."""

    def build(asked: Asked) -> Prepared:
        net = asked.net()
        old = net._executor
        mixed: Any = type(change.__name__, (change, type(old.ops)), {})
        net._executor = Executor(net.schedule, mixed(np.dtype(asked.dtype)), old.runners)
        return _prepared(net)

    return _mutant(change, build)


def on_executor(change: type[Executor]) -> Mutant:
    """A mutant of how values flow through a step."""

    def build(asked: Asked) -> Prepared:
        net = asked.net()
        old = net._executor
        net._executor = change(net.schedule, old.ops, old.runners)
        return _prepared(net)

    return _mutant(change, build)


def on_schedule(change: Callable[[nirx.Schedule], nirx.Schedule]) -> Mutant:
    """A mutant of what flows into the nodes."""

    def build(asked: Asked) -> Prepared:
        net = asked.net()
        old = net._executor
        net._executor = Executor(change(net.schedule), old.ops, old.runners)
        return _prepared(net)

    return _mutant(change, build)


def _prepared(net: Net) -> Prepared:
    def run(inputs: Any, state: Any = None, record: Any = ()) -> tuple[Any, Any, Any]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # NumPy's, of what overflows
            return net.run(inputs, state, record)

    return run
