"""The state tree: nested dicts that mirror the nesting of the graph."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nirx_conformance.oracle.inlining import Edge, Path, path_text
from nirx_conformance.oracle.node import Array, State


def state_tree(states: Mapping[Path, State], carried: Mapping[Edge, Array]) -> dict[str, Any]:
    """One entry per node with a state.

    Arguments:
        states: the nodes' own.
        carried: the value on each late edge; stored with its target, under "feedback".
    """
    tree: dict[str, Any] = {}
    for path, state in states.items():
        own: dict[str, Any] = dict(state)
        late = {path_text(a): value for (a, b), value in carried.items() if b == path}
        if late:
            own["feedback"] = late
        if own:
            branch = tree
            for name in path[:-1]:
                branch = branch.setdefault(name, {})
            branch[path[-1]] = own
    return tree
