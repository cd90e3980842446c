"""What became of a neuron class, in the words of docs/neurons.md."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from typing import Any

import nir

import nirx
from nirx.bridging.bridge import find_bridge

__all__ = ["outcome_of", "table_of"]


def outcome_of(
    library: str,
    kind: str,
    build: Callable[[], Any],
    size: int,
    surroundings: AbstractContextManager[Any],
) -> str:
    """What nirx makes of a class: NIR nodes, an expression, or why not, in words.

    Arguments:
        build: makes one of `size` neurons.
        surroundings: in which it is built and exported.
    """
    bridge: Any = find_bridge(library)
    with warnings.catch_warnings(), surroundings:
        warnings.simplefilter("ignore")
        try:
            model = build()
        except Exception as error:  # of the library itself
            return f"cannot be built here: {error}"
        try:
            graph = bridge.export(model, input_shape=(size,))
        except nirx.UnsupportedError as refusal:
            return f"refused: {_reason(str(refusal), kind)}"
    return _described(graph)


def table_of(
    libraries: Iterable[str],
    neurons_of: Callable[[str], Mapping[str, Any]],
    outcome: Callable[[str, str], str],
) -> str:
    """The rows of docs/neurons.md."""
    return "".join(
        f"| {library} | {kind} | {outcome(library, kind)} |\n"
        for library in libraries
        for kind in sorted(neurons_of(library), key=str.lower)
    )


def _described(graph: Any) -> str:
    """A graph as NIR nodes, or as the states of its expressions."""
    nodes = _inner(graph)
    states = [s for n in nodes if isinstance(n, nirx.Neuron) for s in n.step.states]
    if states:
        return f"expression of {', '.join(f'`{s}`' for s in states)}"
    return "NIR: " + ", ".join(dict.fromkeys(type(n).__name__ for n in nodes))


def _inner(graph: Any) -> list[Any]:
    """The nodes but for the ports, also those of graphs in it."""
    nodes: list[Any] = []
    for node in graph.nodes.values():
        if isinstance(node, nir.NIRGraph):
            nodes += _inner(node)
        elif not isinstance(node, nir.Input | nir.Output):
            nodes.append(node)
    return nodes


def _reason(said: str, kind: str) -> str:
    """The first clause of why a module is no neuron of its own."""
    if "of several steps at once" in said or "runs over time itself" in said:
        own = said.removeprefix(f"{kind}: {kind} ").partition(". As a neuron")[0]
    else:
        own = said.rpartition("As a neuron of its own: ")[2].removeprefix(f"{kind}: ")
    own = own.removeprefix(f"{kind.lower()}: ")
    own = re.sub(r" at \w+\.py:\d+", "", own)
    own = re.sub(r" when it is called .* and no state( \(.*\)); forward must.*", r"\1", own)
    return own.partition("; ")[0].replace("|", "/")
