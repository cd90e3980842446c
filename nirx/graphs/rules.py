"""Discretization rules of single nodes, which an exported graph gathers into one.

A library's module has its own reset, threshold and time step. Its exporter stores them on the
node (`with_rule`). When the graph is complete, `take_rules` removes them from the nodes and
`gather_rules` turns them into the graph's single `Discretization`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

import nir

from nirx.basics.paths import Path, format_path
from nirx.dynamics.discretization import GLOBAL_ONLY, Discretization
from nirx.errors import UnsupportedError
from nirx.graphs.flatten import walk_graphs
from nirx.graphs.metadata import RULE_KEY

__all__ = ["gather_rules", "take_rules", "with_rule"]

GLOBAL = tuple(name for name in GLOBAL_ONLY if name != "overrides")
LOCAL = tuple(f.name for f in fields(Discretization) if f.name not in GLOBAL_ONLY)


def with_rule(node: Any, rule: Discretization) -> Any:
    """The node itself, with the rule of its module in its metadata."""
    node.metadata = {**(node.metadata or {}), RULE_KEY: rule.to_json()}
    return node


def take_rules(nodes: Mapping[str, Any]) -> dict[Path, Discretization]:
    """Remove the rules from nodes that belong to nirx.

    Arguments:
        nodes: the nodes of a graph by name; nested graphs are included.

    Returns: the rules by path, sorted.
    """
    rules: dict[Path, Discretization] = {}
    for path, node in _leaves(nodes):
        metadata = getattr(node, "metadata", None)
        if isinstance(metadata, dict) and RULE_KEY in metadata:
            own = dict(metadata)
            rules[path] = Discretization.from_json(own.pop(RULE_KEY))
            node.metadata = own
    return dict(sorted(rules.items()))


def gather_rules(rules: Mapping[Path, Discretization]) -> Discretization | None:
    """One discretization for nodes with these rules.

    Returns: the most common rule (in a tie, the first by path) with overrides for the other
    nodes; None if there are no rules.

    **Raises**: `UnsupportedError` if the rules differ in what a graph has only once, such as dt.
    """
    if not rules:
        return None
    for name in GLOBAL:
        first: dict[Any, Path] = {}
        for path, rule in rules.items():
            first.setdefault(getattr(rule, name), path)
        if len(first) > 1:
            (a, one), (b, other) = list(first.items())[:2]
            raise UnsupportedError(
                f"{format_path(one)!r} steps with {name}={a!r} and {format_path(other)!r} with "
                f"{name}={b!r}, but a graph has one {name}; build the modules with the same, or "
                "pass discretization="
            )
    base = Counter(rules.values()).most_common(1)[0][0]
    differ = {
        format_path(path): {
            n: getattr(rule, n) for n in LOCAL if getattr(rule, n) != getattr(base, n)
        }
        for path, rule in rules.items()
    }
    return replace(base, overrides={path: own for path, own in differ.items() if own})


def _leaves(nodes: Mapping[str, Any]) -> list[tuple[Path, Any]]:
    found: list[tuple[Path, Any]] = []
    for name, node in nodes.items():
        if not isinstance(node, nir.NIRGraph):
            found.append(((name,), node))
            continue
        for path, graph, _ in walk_graphs(node):
            found += [((name, *path, own), below) for own, below in graph.nodes.items()]
    return found
