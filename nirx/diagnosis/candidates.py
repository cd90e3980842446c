"""The candidates of a search: every legal combination of the choices that matter for a node."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from nirx.dynamics.base import Dynamics
from nirx.dynamics.cuba import CurrentBasedIntegrator
from nirx.dynamics.discretization import CHOICES, Discretization
from nirx.dynamics.elementwise import Threshold
from nirx.dynamics.neuron import Neuron
from nirx.errors import InputError, did_you_mean
from nirx.graphs.schedule import ScheduledNode

__all__ = [
    "ORDER",
    "Choices",
    "Limits",
    "Space",
    "accept_choices",
    "dynamics_of",
    "is_searched",
    "make_space",
    "values_of",
    "with_choices",
]

Choices = Mapping[str, Any]
Limits = Mapping[str, tuple[Any, ...]]

ORDER = (*CHOICES, "max_spikes")


GAINS = ("integrator", "input_gain", "synapse_input")
"""Choices that say how the factors of an input follow from the parameters."""


def is_searched(dynamics: Dynamics | None) -> bool:
    """Whether a node takes part in the search: neurons and Thresholds do."""
    return isinstance(dynamics, Neuron | Threshold)


def dynamics_of(node: ScheduledNode) -> Dynamics:
    """A node's dynamics; every node has them here."""
    assert node.dynamics is not None, "make_variants refuses nodes without dynamics"
    return node.dynamics


def accept_choices(choices: Any) -> Limits:
    """Check a caller's `choices`.

    **Raises**: `InputError`.
    """
    if choices is None:
        return {}
    if not isinstance(choices, Mapping):
        raise InputError(
            f"choices is a {type(choices).__name__}; expected {{choice: values}}, "
            'as in {"reset": ["value", "subtract"]}'
        )
    limits: dict[str, tuple[Any, ...]] = {}
    for name, values in choices.items():
        if name == "dt":
            raise InputError("choices: dt is searched with dt=[...], not here")
        if name not in ORDER:
            raise InputError(f"choices has {name!r}; {did_you_mean(str(name), ORDER)}")
        if isinstance(values, str) or not isinstance(values, Sequence) or not values:
            raise InputError(f"choices[{name!r}] is {values!r}; expected a list of values")
        for value in values:
            if name == "max_spikes":
                Discretization(spikes="multi", max_spikes=value)
            elif value not in CHOICES[name]:
                known = ", ".join(map(repr, CHOICES[name]))
                raise InputError(f"choices[{name!r}] has {value!r}; expected some of {known}")
        limits[name] = tuple(dict.fromkeys(values))
    return limits


def values_of(
    dynamics: Dynamics, parameters: Mapping[str, np.ndarray], rule: Discretization, most: int
) -> dict[str, tuple[Any, ...]]:
    """The choices that make a difference for a node, with their values, the default first.

    Arguments:
        rule: the discretization of the node that the search starts from.
        most: the largest recorded spike count in one step; 0 if there are no spikes.
    """
    if isinstance(dynamics, Threshold):
        return {"threshold": CHOICES["threshold"]}
    if not isinstance(dynamics, Neuron):
        return {}
    found: dict[str, tuple[Any, ...]] = {}
    if dynamics.positive:
        found |= {name: CHOICES[name] for name in ("integrator", "input_gain")}
    if dynamics.spiking:
        found |= {name: CHOICES[name] for name in ("threshold", "reset", "reset_when", "spikes")}
        found["max_spikes"] = tuple(dict.fromkeys((None, rule.max_spikes, most or None)))
        if not (parameters["v_threshold"] > 0).all():  # a count divides by it
            found |= {"spikes": ("single",), "max_spikes": (None,)}
    found["output"] = CHOICES["output"]
    if isinstance(dynamics, CurrentBasedIntegrator):
        found |= {name: CHOICES[name] for name in ("synapse", "synapse_input")}
    if np.any(parameters.get("v_leak", 0.0)):
        found["initial_v"] = CHOICES["initial_v"]
    if rule.arithmetic is not None:  # with another factor, the gains would not be whole
        found |= {name: (getattr(rule, name),) for name in GAINS if name in found}
    return found


def with_choices(rule: Discretization, own: Choices) -> Discretization:
    """A rule with some choices replaced; choices that do not matter for the node give way."""
    try:
        return replace(rule, **own)
    except InputError:  # an LI has no reset, but output="old" has to be legal with it
        harmless = {"reset": "none", "reset_when": "same", "spikes": "single", "max_spikes": None}
        return replace(rule, **{**harmless, **own})


@dataclass(frozen=True)
class Space:
    """All candidates of one search.

    Arguments:
        values: the values to try, per choice.
        start: the value asked for, per choice.
        comparing: whether a Threshold node takes part: then `threshold` matters even if the
            neurons count their spikes.
    """

    values: Mapping[str, tuple[Any, ...]]
    start: Choices
    comparing: bool

    def candidates(self) -> list[dict[str, Any]]:
        """Every legal combination once, those with the fewest changes first.

        **Raises**: `InputError` if the caller's limits leave none.
        """
        found: dict[tuple[Any, ...], dict[str, Any]] = {}
        for combination in itertools.product(*self.values.values()):
            own = self.canonical(dict(zip(self.values, combination, strict=True)))
            if tuple(own.values()) not in found and _legal(own):
                found[tuple(own.values())] = own
        if not found:
            raise InputError(
                f"choices leave no legal combination of {', '.join(map(repr, self.values))}; "
                "docs/semantics.md says what goes together"
            )
        return sorted(found.values(), key=lambda own: len(self.changes(own)))

    def canonical(self, choices: Choices) -> dict[str, Any]:
        """The choices that matter here; two that mean the same become equal."""
        values, own = self.values, {name: choices[name] for name in self.values}
        if "max_spikes" in own and own["max_spikes"] not in values["max_spikes"]:
            own["max_spikes"] = None  # above every recorded count: no bound
        if own.get("spikes") == "multi" and not self.comparing:
            thresholds = values["threshold"]
            if own["max_spikes"] == 1 and "single" in values["spikes"] and "ge" in thresholds:
                own["spikes"], own["threshold"] = "single", "ge"  # the same thing
            elif self.start["threshold"] in thresholds:  # a count includes ties anyway
                own["threshold"] = self.start["threshold"]
            else:
                own["threshold"] = thresholds[0]
        if own.get("spikes") == "single":
            own["max_spikes"] = None
        if own.get("integrator") == "euler":
            own["input_gain"] = "matched"  # the gain is dt/tau anyway
        if own.get("reset") == "none":
            own["reset_when"] = "same"
        return own

    def choices_of(self, rule: Discretization) -> dict[str, Any]:
        """The choices of a rule that matter here."""
        return self.canonical({name: getattr(rule, name) for name in self.values})

    def changes(self, choices: Choices) -> tuple[str, ...]:
        """Names of the choices that differ from those asked for."""
        return tuple(n for n in self.start if choices[n] != self.start[n])


def make_space(
    several: Sequence[Mapping[str, tuple[Any, ...]]],
    rule: Discretization,
    limits: Limits,
    comparing: bool,
) -> Space:
    """The space of several nodes that share their choices, given the `values_of` each."""
    values: dict[str, tuple[Any, ...]] = {}
    for name in ORDER:
        each = [own[name] for own in several if name in own]
        free = name == "max_spikes"  # any bound is possible for every node
        every = dict.fromkeys(itertools.chain(*each))
        able = tuple(v for v in every if free or all(v in own for own in each))
        if able:
            values[name] = tuple(v for v in limits.get(name, able) if free or v in able) or able
    if values.get("spikes") == ("single",):
        values["max_spikes"] = (None,)
    return Space(values, {name: getattr(rule, name) for name in values}, comparing)


def _legal(own: Choices) -> bool:
    if "reset" in own:
        try:
            Discretization(**own)
        except InputError:
            return False
    return True
