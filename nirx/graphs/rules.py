"""Rules of single nodes: an exporter says how its module steps, and the graph gathers it.

A library's module knows its own reset, its threshold and its step. Its exporter puts that on
the node (`with_rule`); when the graph is whole, `take_rules` takes them off and `gather_rules`
turns them into the graph's one `Discretization`.
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
    """The node itself, its metadata now saying how its module steps."""
    node.metadata = {**(node.metadata or {}), RULE_KEY: rule.to_json()}
    return node


def take_rules(nodes: Mapping[str, Any]) -> dict[Path, Discretization]:
    """Take the rules off nodes that belong to nirx.

    Arguments:
        nodes: of a graph, by name; nested graphs are gone through.

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
    """One discretization for nodes that step by these rules.

    Returns: the rule that most nodes have (of equally many, the first by path), with
    overrides for the others; None where there are no rules.

    **Raises**: `UnsupportedError` for modules that differ in what a graph has once (dt).
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
        format_path(path): {n: getattr(rule, n) for n in LOCAL if _other(rule, base, n)}
        for path, rule in rules.items()
    }
    return replace(base, overrides={path: own for path, own in differ.items() if own})


def _other(rule: Discretization, base: Discretization, name: str) -> bool:
    return getattr(rule, name) != getattr(base, name)


def _leaves(nodes: Mapping[str, Any]) -> list[tuple[Path, Any]]:
    found: list[tuple[Path, Any]] = []
    for name, node in nodes.items():
        if not isinstance(node, nir.NIRGraph):
            found.append(((name,), node))
            continue
        for path, graph, _ in walk_graphs(node):
            found += [((name, *path, own), below) for own, below in graph.nodes.items()]
    return found
