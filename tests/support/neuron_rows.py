"""What became of a neuron class, in the words of docs/neurons.md."""

from __future__ import annotations

import re
from typing import Any

import nir

import nirx

__all__ = ["described", "reason"]


def described(graph: Any) -> str:
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


def reason(said: str, kind: str) -> str:
    """The first clause of why a module is no neuron of its own."""
    if "of several steps at once" in said or "runs over time itself" in said:
        own = said.removeprefix(f"{kind}: {kind} ").partition(". As a neuron")[0]
    else:
        own = said.rpartition("As a neuron of its own: ")[2].removeprefix(f"{kind}: ")
    own = own.removeprefix(f"{kind.lower()}: ")
    own = re.sub(r" at \w+\.py:\d+", "", own)
    own = re.sub(r" when it is called .* and no state( \(.*\)); forward must.*", r"\1", own)
    return own.partition("; ")[0].replace("|", "/")
