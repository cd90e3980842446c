"""`Mutant`: the NumPy backend with one fault, and decorators to write one concisely.

    @on_node
    def leak_dropped(node, dt):
        '''v_leak is taken as 0.'''
        clear(node, "v_leak")

The mutant's name is that of the function or class in words, its sentence the docstring.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, TypeVar

import nir

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
    "Request",
    "Mutant",
    "mutants_in",
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
    "sentence_of",
    "words_of",
]


Found = TypeVar("Found")
Choose = Callable[[nirx.Discretization], nirx.Discretization]


@dataclass
class Request:
    """The arguments of `prepare`. A mutant gets its own copy of the graph and may write to it."""

    graph: nir.NIRGraph
    discretization: nirx.Discretization
    dtype: str
    options: Mapping[str, Any] = field(default_factory=dict)

    def run(self) -> Prepared:
        """The run of the unmutated backend."""
        return BACKEND.prepare(self.graph, self.discretization, self.dtype, **self.options)


@dataclass(frozen=True)
class Mutant:
    """A backend that does one thing wrong.

    Arguments:
        name: in words.
        sentence: what is wrong.
        build: returns the mutated run.
    """

    name: str
    sentence: str
    build: Callable[[Request], Prepared]

    def prepare(
        self,
        graph: nir.NIRGraph,
        discretization: nirx.Discretization | None = None,
        dtype: str = "float32",
        **options: Any,
    ) -> Prepared:
        """See `nirx.execution.backend.Backend`; the graph is left as it is."""
        chosen = discretization or nirx.schedule(graph).discretization
        return self.build(Request(rebuild_graph(graph, {}), chosen, dtype, options))


def mutants_in(modules: Iterable[Any], kind: type[Found]) -> list[Found]:
    """The mutants of some modules, in the order in which they are defined."""
    values = (value for module in modules for value in vars(module).values())
    return [value for value in values if isinstance(value, kind)]


def words_of(source: Any) -> str:
    """The name of a function or class in words."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", source.__name__).replace("_", " ").lower()


def sentence_of(source: Any) -> str:
    """Its docstring in one line."""
    return " ".join((source.__doc__ or "").split())


def _mutant(source: Any, build: Callable[[Request], Prepared]) -> Mutant:
    return Mutant(words_of(source), sentence_of(source), build)


def on_prepare(change: Callable[[Request], Prepared]) -> Mutant:
    """A mutant that replaces all of `prepare`."""
    return _mutant(change, change)


def on_run(change: Callable[..., Any]) -> Mutant:
    """A mutant that wraps the run: `change(run, inputs, state, record)`."""

    def build(request: Request) -> Prepared:
        run = request.run()
        return lambda inputs, state=None, record=(): change(run, inputs, state, record)

    return _mutant(change, build)


def on_graph(change: Callable[[nir.NIRGraph], None]) -> Mutant:
    """A mutant that writes to the graph and each of its subgraphs."""

    def mutate(request: Request) -> None:
        for _, graph, _ in list(walk_graphs(request.graph)):
            change(graph)

    return _before_building(change, mutate)


def on_node(change: Callable[[Any, float], None]) -> Mutant:
    """A mutant that writes to each node: `change(node, dt)`."""

    def mutate(request: Request) -> None:
        for _, graph, _ in walk_graphs(request.graph):
            for node in graph.nodes.values():
                if not isinstance(node, nir.NIRGraph):
                    change(node, request.discretization.dt)

    return _before_building(change, mutate)


def on_discretization(change: Choose) -> Mutant:
    """A mutant of a choice that applies to the whole graph."""

    def mutate(request: Request) -> None:
        request.discretization = change(request.discretization)

    return _before_building(change, mutate)


def _before_building(source: Any, mutate: Callable[[Request], None]) -> Mutant:
    def build(request: Request) -> Prepared:
        mutate(request)
        return request.run()

    return _mutant(source, build)


def on_rule(change: Choose) -> Mutant:
    """A mutant of the choices of each node, with overrides applied."""
    return _on_each_dynamics(change, lambda d: replace(d, rule=change(d.rule)))


def on_dynamics(change: type[Dynamics]) -> Mutant:
    """A mutant of the equations: a subclass of `Neuron`, `Linear`, ... whose methods override
    those of every node of that class."""
    (target,) = change.__bases__

    def mutate(dynamics: Dynamics) -> Dynamics:
        if not isinstance(dynamics, target):
            return dynamics
        mixed: Any = type(change.__name__, (change, type(dynamics)), {})
        return mixed(**{f.name: getattr(dynamics, f.name) for f in fields(dynamics)})

    return _on_each_dynamics(change, mutate)


def _on_each_dynamics(source: Any, mutate: Callable[[Dynamics], Dynamics]) -> Mutant:
    def swap(net: Net, old: Executor) -> Executor:
        for runner in old.runners:
            if isinstance(runner, NativeRunner):
                runner.dynamics = mutate(runner.dynamics)
        return old

    return _after_building(source, swap)


def on_ops(change: type[NumpyOps]) -> Mutant:
    """A mutant of the arithmetic: its methods override those of the requested mode."""

    def swap(net: Net, old: Executor) -> Executor:
        mixed: Any = type(change.__name__, (change, type(old.ops)), {})
        return Executor(net.schedule, mixed(net.dtype), old.runners)

    return _after_building(change, swap)


def on_executor(change: type[Executor]) -> Mutant:
    """A mutant of how values flow through a step."""
    return _after_building(change, lambda net, old: change(net.schedule, old.ops, old.runners))


def on_schedule(change: Callable[[nirx.Schedule], nirx.Schedule]) -> Mutant:
    """A mutant of what flows into the nodes."""
    return _after_building(
        change, lambda net, old: Executor(change(net.schedule), old.ops, old.runners)
    )


def _after_building(source: Any, swap: Callable[[Net, Executor], Executor]) -> Mutant:
    def build(request: Request) -> Prepared:
        net = from_nir(request.graph, request.discretization, request.dtype, **request.options)
        net._executor = swap(net, net._executor)
        return lambda inputs, state=None, record=(): net.run(inputs, state, record)

    return _mutant(source, build)
