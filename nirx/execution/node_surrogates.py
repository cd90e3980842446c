"""The surrogates of a network's nodes: what `from_nir(surrogate=...)` means."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from nirx.basics.patterns import fits
from nirx.dynamics.surrogate_formulas import Surrogate
from nirx.dynamics.surrogates import arctan, straight_through, superspike, triangular
from nirx.errors import InputError, did_you_mean
from nirx.graphs.metadata import stored_surrogate
from nirx.graphs.schedule import Schedule

__all__ = [
    "DEFAULT",
    "SURROGATES",
    "NodeSurrogates",
    "node_surrogates",
    "resolve_surrogate",
    "surrogate_of_node",
]

SURROGATES: Mapping[str, Surrogate] = MappingProxyType(
    {
        "superspike": superspike(),
        "arctan": arctan(),
        "triangular": triangular(),
        "straight-through": straight_through(),
    }
)

DEFAULT = SURROGATES["superspike"]


@dataclass(frozen=True)
class NodeSurrogates:
    """Which surrogate each node has.

    Arguments:
        usual: of most nodes.
        others: (position in the schedule, surrogate) of the rest, sorted.
    """

    usual: Surrogate = DEFAULT
    others: tuple[tuple[int, Surrogate], ...] = ()
    _at: dict[int, Surrogate] = field(init=False, repr=False, compare=False)

    def __post_init__(self):
        object.__setattr__(self, "_at", dict(self.others))

    def at(self, position: int) -> Surrogate:
        """The surrogate of a node."""
        return self._at.get(position, self.usual)


def resolve_surrogate(surrogate: Any) -> Surrogate:
    """The surrogate of a name, or the object or callable itself.

    **Raises**: `InputError` for anything else.
    """
    if callable(surrogate):
        if type(surrogate).__hash__ is None:  # no compiler could tell whether it knows it
            kind = type(surrogate).__name__
            raise InputError(f"surrogate is a {kind}, which has no hash; pass a function of u")
        return surrogate
    if isinstance(surrogate, str) and surrogate in SURROGATES:
        return SURROGATES[surrogate]
    raise InputError(
        f"surrogate={surrogate!r:.200}; expected one of nirx.surrogates, a callable, or one of "
        f"{', '.join(map(repr, SURROGATES))}; {did_you_mean(str(surrogate), SURROGATES)}"
    )


def surrogate_of_node(node: Any, name: str, surrogate: Any = None) -> Surrogate:
    """The caller's choice for a node, else the node's own, else the default.

    **Raises**: `InputError` for a wrong choice, `GraphError` for wrong metadata.
    """
    if surrogate is not None:
        return resolve_surrogate(surrogate)
    return stored_surrogate(node, name) or DEFAULT


def node_surrogates(surrogate: Any, schedule: Schedule, nodes: Sequence[Any]) -> NodeSurrogates:
    """The surrogates of a network.

    Arguments:
        surrogate: the caller's choice for all nodes, or a mapping {pattern of paths: choice}, of
            which the first that fits a node counts. None and nodes without a pattern: the node's
            own from its metadata, else superspike.
        nodes: by position of the schedule.

    **Raises**: `InputError` for a wrong choice and for a pattern that fits no neuron,
    `GraphError` for wrong metadata.
    """
    places = schedule.nodes
    spiking = [p for p, place in enumerate(places) if place.spiking]
    patterns: dict[str, Surrogate] = {}
    if isinstance(surrogate, Mapping):
        patterns = {str(key): resolve_surrogate(own) for key, own in surrogate.items()}
        surrogate = None
    elif surrogate is not None:
        return NodeSurrogates(resolve_surrogate(surrogate))
    for pattern in patterns:
        if not any(fits(places[p].name, pattern) for p in spiking):
            names = [places[p].name for p in spiking]
            raise InputError(
                f"surrogate: {pattern!r:.200} fits no node that spikes; "
                f"{did_you_mean(pattern, names)}"
            )
    found = {}
    for p in spiking:
        fitting = (own for pattern, own in patterns.items() if fits(places[p].name, pattern))
        chosen = next(fitting, None)
        found[p] = surrogate_of_node(nodes[p], places[p].name, chosen)
    if not found:
        return NodeSurrogates()
    usual = Counter(found.values()).most_common(1)[0][0]
    return NodeSurrogates(usual, tuple((p, own) for p, own in found.items() if own != usual))
