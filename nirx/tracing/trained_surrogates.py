"""The surrogates of a network, in the metadata of the graph that it is exported to."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from nirx.basics.name_list import name_list
from nirx.dynamics.surrogate_formulas import FORMULAS, NamedSurrogate, Surrogate
from nirx.errors import warn_caller
from nirx.execution.node_surrogates import surrogate_of_node
from nirx.graphs.metadata import store_surrogate

__all__ = ["store_surrogates"]


def store_surrogates(trained: Iterable[tuple[str, Any, Surrogate]]) -> None:
    """Let nodes say the surrogates that they were trained with, where they do not say so already.

    Arguments:
        trained: (path, node, surrogate); the node's metadata are replaced.

    Warns with a `NirxWarning` that names the nodes of users' formulas, which no graph can hold.
    """
    lost = []
    for name, node, surrogate in trained:
        if not (isinstance(surrogate, NamedSurrogate) and type(surrogate) in FORMULAS.values()):
            lost.append(name)
        elif surrogate != surrogate_of_node(node, name):
            store_surrogate(node, surrogate)
    if lost:
        warn_caller(
            f"the surrogate of {name_list(lost)} is a formula of your own, which a graph cannot "
            "hold; pass it as surrogate= again where the graph is read for training"
        )
