"""What of a network is trained, on JAX: trees of bools, and how parameters are held."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import equinox as eqx
import jax
import numpy as np

from nirx.execution.forms import Form
from nirx.execution.parameters import Slot, parameter_key
from nirx.execution.trainable import parameters_of
from nirx_jax.leaf import Place, dotted
from nirx_jax.native import NativeNode
from nirx_jax.net import Net
from nirx_jax.parameters import parameters_to_numpy, with_arrays

__all__ = ["JaxParameters", "slots_of_leaf"]


def slots_of_leaf(net: Net) -> dict[Place, list[Slot]]:
    """Which parameter each floating leaf of a network is; nodes that share a module share leaves.

    The leaves of users' modules have the names of their places there, such as `layers.0.weight`.
    """
    leaders = dict(net.shared)
    positions: dict[str, list[int]] = {}
    for position, node in enumerate(net.schedule.nodes):
        positions.setdefault(leaders.get(node.name, node.name), []).append(position)
    found = {}
    for place, leaf in jax.tree_util.tree_leaves_with_path(net):
        if eqx.is_inexact_array(leaf):
            owner = place[1].key  # net.nodes[owner]
            native = isinstance(net.nodes[owner], NativeNode)
            name = place[3].key if native else dotted(place[2:])  # .arrays[name]
            found[place] = [(position, name) for position in positions[owner]]
    return found


class JaxParameters:
    """See `nirx.execution.trainable.NetParameters`."""

    def __init__(self, net: Net):
        self.net = net
        self.places = slots_of_leaf(net)
        slots = sorted({slot for own in self.places.values() for slot in own}, key=lambda s: s[0])
        self.slots = {parameter_key(net.schedule, slot): slot for slot in slots}

    def nodes(self) -> dict[str, str]:
        places = self.net.schedule.nodes
        return {key: places[position].name for key, (position, _) in self.slots.items()}

    def values(self) -> dict[str, np.ndarray]:
        return parameters_to_numpy(self.net)

    def select(self, keys: Iterable[str], trained: bool, only: bool) -> Any:
        chosen = {self.slots[key] for key in keys}

        def decide(place: Place, leaf: Any) -> bool:
            own = self.places.get(place)
            return own is not None and chosen.isdisjoint(own) != trained

        return jax.tree_util.tree_map_with_path(decide, self.net)

    def hold(self, held: Mapping[str, tuple[Form | None, np.ndarray]]) -> Net:
        return with_arrays(self.net, {self.slots[key]: own for key, own in held.items()})


parameters_of.register(Net, JaxParameters)
