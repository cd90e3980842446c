"""Mutants of surrogates: their argument, their numbers, and which node has which."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from nirx import surrogates
from nirx.dynamics.surrogate_formulas import NamedSurrogate
from nirx_conformance.mutants.gradient_mutant import on_backward, on_choice, on_pull, on_spiking
from nirx_conformance.oracle.gradients import FORMULAS, Backward, Choice, Spiking
from nirx_conformance.oracle.gradients.choice import KEY
from nirx_conformance.oracle.gradients.spikes import SpikingGradient
from nirx_conformance.oracle.inlining import Path
from nirx_conformance.oracle.node import Array


def _each(choice: Choice, change: Callable[[Any], Any]) -> Choice:
    """The choice with a change of every surrogate that is given."""
    own = choice.surrogate
    if isinstance(own, Mapping):
        return replace(choice, surrogate={key: change(one) for key, one in own.items()})
    return replace(choice, surrogate=change(own))


@on_spiking
def one_surrogate_for_all(spiking: Spiking) -> Spiking:
    """Whatever surrogate is asked for, it is arctan."""
    return replace(spiking, surrogate=FORMULAS["arctan"])


@on_spiking
def detached_reset_attached(spiking: Spiking) -> Spiking:
    """detach_reset is ignored."""
    return replace(spiking, detach_reset=False)


@on_spiking
def attached_reset_detached(spiking: Spiking) -> Spiking:
    """The reset is always detached."""
    return replace(spiking, detach_reset=True)


@on_spiking
def surrogate_of_minus_u(spiking: Spiking) -> Spiking:
    """The surrogate is taken at v_threshold - v."""
    return replace(spiking, surrogate=lambda u: spiking.surrogate(-u))


@on_pull
class SurrogateOfV(SpikingGradient):
    """The surrogate is taken at v instead of v - v_threshold."""

    def slope(self, v: Array) -> Array:
        return self.spiking.surrogate(v)


@on_pull
class SurrogateAtTheNearestThreshold(SpikingGradient):
    """A count of spikes has the derivative at its nearest multiple of v_threshold."""

    def slope(self, v: Array) -> Array:
        if self.rule.spikes == "single":
            return super().slope(v)
        threshold = self.numbers("v_threshold")
        return self.spiking.surrogate(v - np.maximum(np.rint(v / threshold), 1) * threshold)


@on_choice
def numbers_of_a_surrogate_ignored(choice: Choice) -> Choice:
    """A surrogate has its default numbers, whatever it is given."""

    def default(own: Any) -> Any:
        return getattr(surrogates, own.name)() if isinstance(own, NamedSurrogate) else own

    return _each(choice, default)


@on_choice
def center_of_a_surrogate_ignored(choice: Choice) -> Choice:
    """A surrogate that is not centred on the threshold is taken as if it were."""

    def centred(own: Any) -> Any:
        numbers = own.numbers() if isinstance(own, NamedSurrogate) else {}
        return replace(own, center=0.0) if "center" in numbers else own

    return _each(choice, centred)


@on_backward
class SurrogateOfAnotherNode(Backward):
    """Every node has the surrogate of the first one in the order of paths."""

    def spiking(self, path: Path) -> Spiking:
        nodes = self.network.nodes
        spiking = (p for p in nodes if "v_threshold" in nodes[p].elementwise)
        return super().spiking(min(spiking, default=path))


@on_choice
def last_pattern_that_fits(choice: Choice) -> Choice:
    """Of several patterns that fit a node, the last counts."""
    own = choice.surrogate
    return (
        replace(choice, surrogate=dict([*own.items()][::-1])) if isinstance(own, dict) else choice
    )


@on_choice
def surrogate_in_metadata_ignored(choice: Choice) -> Choice:
    """A node for which the caller chose nothing has superspike, whatever its metadata say."""
    own = choice.surrogate
    if own is None:
        return replace(choice, surrogate="superspike")
    return (
        replace(choice, surrogate={**own, "*": "superspike"}) if isinstance(own, dict) else choice
    )


@on_backward
class SurrogateInMetadataFirst(Backward):
    """The surrogate in a node's metadata counts more than the caller's."""

    def spiking(self, path: Path) -> Spiking:
        node = self.network.nodes[path].node
        if KEY in (getattr(node, "metadata", None) or {}):
            return replace(self.choice, surrogate=None).at("", node)
        return super().spiking(path)
