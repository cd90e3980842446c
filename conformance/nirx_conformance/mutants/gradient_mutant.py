"""`GradientMutant`: the oracle of gradients with one fault, and decorators to write one concisely.

    @on_pull
    class SignOfTheThreshold(SpikingGradient):
        '''v_threshold's gradient has the opposite sign.'''

        def pull_spikes(self, v, to_z): ...

The values of such a backend would be right: only its gradients are wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import nir

import nirx
from nirx_conformance.mutants.mutant import sentence_of, words_of
from nirx_conformance.oracle.gradients import Backward, Choice, Cotangents, Spiking
from nirx_conformance.oracle.gradients.node import NodeGradient
from nirx_conformance.oracle.gradients.node_types import GRADIENTS
from nirx_conformance.oracle.inlining import Path

__all__ = [
    "GradientMutant",
    "on_backward",
    "on_choice",
    "on_gradients",
    "on_pull",
    "on_spiking",
]

Run = Callable[[Any, Any, Any], Any]
Build = Callable[[nir.NIRGraph, nirx.Discretization, Choice], Run]


@dataclass(frozen=True)
class GradientMutant:
    """A backend that does one thing wrong in its gradients.

    Arguments:
        name: in words.
        sentence: what is wrong.
        build: returns the mutated run.
    """

    name: str
    sentence: str
    build: Build

    def prepare_gradients(
        self,
        graph: nir.NIRGraph,
        discretization: nirx.Discretization | None = None,
        dtype: str = "float64",
        surrogate: Any = None,
        detach_reset: bool = False,
    ) -> Run:
        """See `nirx.execution.backend.GradientBackend`."""
        assert dtype == "float64", "the oracle has no other"
        chosen = discretization or nirx.schedule(graph).discretization
        return self.build(graph, chosen, Choice(surrogate, detach_reset))


def _mutant(source: Any, build: Build) -> GradientMutant:
    return GradientMutant(words_of(source), sentence_of(source), build)


def _run_of(backward: Backward) -> Run:
    return lambda inputs, cotangents, state=None: backward.run(
        inputs, Cotangents(*cotangents), state
    )


def right(graph: nir.NIRGraph, discretization: nirx.Discretization, choice: Choice) -> Run:
    """The run of the oracle without a fault."""
    return _run_of(Backward(graph, discretization, choice))


def on_pull(change: type[NodeGradient]) -> GradientMutant:
    """A mutant of a step backwards: a subclass of `SpikingGradient`, `LinearGradient`, ... whose
    methods override those of every node of that class."""
    (target,) = change.__bases__
    kinds = {
        node: type(change.__name__, (change, kind), {}) if issubclass(kind, target) else kind
        for node, kind in GRADIENTS.items()
    }
    return _mutant(change, lambda graph, d, choice: _run_of(Backward(graph, d, choice, kinds)))


def on_backward(change: type[Backward]) -> GradientMutant:
    """A mutant of how gradients flow through the graph and through time."""
    return _mutant(change, lambda graph, d, choice: _run_of(change(graph, d, choice)))


def on_spiking(change: Callable[[Spiking], Spiking]) -> GradientMutant:
    """A mutant of the surrogate or of `detach_reset` of every node."""

    class Changed(Backward):
        def spiking(self, path: Path) -> Spiking:
            return change(super().spiking(path))

    return _mutant(change, lambda graph, d, choice: _run_of(Changed(graph, d, choice)))


def on_choice(change: Callable[[Choice], Choice]) -> GradientMutant:
    """A mutant of what a caller asked for."""
    return _mutant(change, lambda graph, d, choice: right(graph, d, change(choice)))


def on_gradients(change: Callable[..., Any]) -> GradientMutant:
    """A mutant that wraps the run: `change(run, inputs, cotangents, state)`."""

    def build(graph: nir.NIRGraph, d: nirx.Discretization, choice: Choice) -> Run:
        run = right(graph, d, choice)
        return lambda inputs, cotangents, state=None: change(
            run, inputs, Cotangents(*cotangents), state
        )

    return _mutant(change, build)
