"""States and late edges from a tree, and states of zeros."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from nirx_conformance.oracle.gradients.node import zeros_like
from nirx_conformance.oracle.inlining import Edge, Path, path_text
from nirx_conformance.oracle.network import Network
from nirx_conformance.oracle.node import Array, State

States = dict[Path, State]


def zero_states(states: States) -> States:
    """States of zeros in the shapes of these."""
    return {path: zeros_like(state) for path, state in states.items()}


def from_tree(network: Network, tree: Mapping[str, Any]) -> tuple[States, dict[Edge, Array]]:
    """The inverse of `state_tree`: the nodes' own states, and the values on late edges."""
    states: States = {}
    carried: dict[Edge, Array] = {}
    for path in network.nodes:
        own: Any = tree
        for name in path:
            own = own.get(name, {})
        names = network.nodes[path].start(()).keys()
        states[path] = {name: np.asarray(own[name], np.float64) for name in names}
        for a, b in sorted(network.late):
            if b == path:
                carried[a, b] = np.asarray(own["feedback"][path_text(a)], np.float64)
    return states, carried
