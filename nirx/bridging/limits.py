"""`Limits`: which discretizations and parameters a library's own neuron can represent."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import nir
import numpy as np

from nirx.bridging.membrane import membrane_of
from nirx.dynamics.discretization import Discretization
from nirx.errors import InputError, UnsupportedError
from nirx.execution.refusal import NotRepresentable

__all__ = [
    "Limits",
    "no_node",
    "require_countable",
    "require_quiet_start",
    "require_uniform",
    "require_values",
    "reset_at_once",
]


def no_node(library: str, like: str) -> Callable[[Any], Any]:
    """The exporter for the neurons of a library that no other entry of its map is for.

    Arguments:
        library: its name.
        like: its neurons that have a NIR node, in words.
    """

    def refuse(module: Any) -> Any:
        raise UnsupportedError(
            f"{library}'s {type(module).__name__} has no NIR node: NIR's neurons are I, IF, LI, "
            "LIF, CubaLI and CubaLIF, which do not adapt, have no refractory period and are linear "
            f"below the threshold. Use {like}, or define a node type with nirx.register_type and "
            f"export to it: module_map={{{type(module).__name__}: function from the module to it}}"
        )

    return refuse


LEAST_COUNTED = 1e-5
"""Float32 counts one by one up to 2**24: that many of these thresholds are v = 167."""

Form = Mapping[str, tuple[Any, ...]]


@dataclass(frozen=True)
class Limits:
    """The choices that a library's neuron supports.

    Arguments:
        neuron: its name, as the library's users write it.
        forms: each {choice: supported values}; one form has to fit as a whole. A choice that a
            form does not name is free.
    """

    neuron: str
    forms: tuple[Form, ...]

    def require(self, rule: Discretization) -> None:
        """Check that a form fits. **Raises** `NotRepresentable` with the nearest rule."""
        for form in self.forms:
            if all(getattr(rule, name) in values for name, values in form.items()):
                return
        nearest = self.nearest(rule)
        changed = _changes(rule, nearest, dict.fromkeys(itertools.chain(*self.forms)))
        found = ", ".join(f"{name}={getattr(rule, name)!r}" for name in changed)
        near = ", ".join(f"{name}={getattr(nearest, name)!r}" for name in changed)
        text = f"{self.neuron} cannot do that; the nearest it supports is {near}"
        raise NotRepresentable(found, text, rule=nearest)

    def nearest(self, rule: Discretization) -> Discretization:
        """The legal rule that differs least: one with the same kind of reset before any other,
        then the one with the fewest changes; of several, that of the first form."""
        legal = []
        for form in self.forms:
            for values in itertools.product(*form.values()):
                own = dict(zip(form, values, strict=True))
                if own.get("spikes") == "single":
                    own["max_spikes"] = None  # limits a count only
                try:
                    other = replace(rule, **own)
                except InputError:
                    continue
                changes = _changes(rule, other, form)
                legal.append((("reset" in changes, len(changes)), other))
        return min(legal, key=lambda pair: pair[0])[1]


def require_uniform(neuron: str, node: Any, name: str) -> float:
    """The value of a parameter that is the same for the whole layer.

    Arguments:
        neuron: name of the library's neuron, which has one number for the layer.
        name: name of the parameter in the NIR node.

    **Raises**: `NotRepresentable` if the parameter has several values.
    """
    values = np.asarray(getattr(node, name), np.float64).reshape(-1)
    if not values.size or (values == values[0]).all():
        return float(values[0]) if values.size else 0.0
    mean = float(values.mean())
    nearest = copy.copy(node)
    setattr(nearest, name, np.full_like(np.asarray(getattr(node, name), np.float64), mean))
    raise NotRepresentable(
        f"{name} from {values.min():g} to {values.max():g}",
        f"{neuron} has one {name} for all neurons of a layer; the nearest is their mean, {mean:g}",
        node=nearest,
    )


def require_values(
    neuron: str, node: Any, name: str, good: Any, nearest: Any, expected: str
) -> None:
    """Check that a parameter is `good` everywhere.

    Arguments:
        good: boolean, of the parameter's shape.
        nearest: the value to take where the parameter is not good.
        expected: what the library supports, a text that follows the name of the neuron.

    **Raises**: `NotRepresentable` with the nearest node.
    """
    good = np.asarray(good)
    if good.all():
        return
    values = np.asarray(getattr(node, name), np.float64)
    shape = np.broadcast_shapes(values.shape, good.shape)
    first = tuple(int(n) for n in np.argwhere(~np.broadcast_to(good, shape))[0])
    near = copy.copy(node)
    other = np.broadcast_to(np.asarray(nearest, np.float64), shape)
    setattr(near, name, np.where(good, values, other))
    where = f"[{', '.join(map(str, first))}]" if first else ""
    raise NotRepresentable(
        f"{name}{where}={float(np.broadcast_to(values, shape)[first])!r}",
        f"{neuron} {expected}; the nearest is {name}={float(other[first])!r}",
        node=near,
    )


def require_countable(neuron: str, node: Any) -> None:
    """Check the threshold for a library that counts, in float32, how many thresholds v holds."""
    threshold = np.asarray(node.v_threshold)
    text = "counts multiples of the threshold: v_threshold > 0"
    require_values(neuron, node, "v_threshold", threshold > 0, 1.0, text)
    good = threshold >= LEAST_COUNTED
    text = f"counts in float32, up to 2**24: v_threshold >= {LEAST_COUNTED:g}"
    require_values(neuron, node, "v_threshold", good, LEAST_COUNTED, text)


def reset_at_once(rule: Discretization, node: Any) -> Discretization:
    """The rule with a reset in the step of the spike, where that gives the same spikes.

    A reset at the beginning of the next step changes nothing but the membrane potential in
    between, which does not show with output="new" (`require_quiet_start` checks the one
    exception). A neuron without leak may subtract at either end of the leak.
    """
    leaks = not isinstance(node, nir.IF) or rule.reset != "subtract"
    moot = rule.reset_when == "next-leaked" or (rule.reset_when == "next" and not leaks)
    return replace(rule, reset_when="same") if moot and rule.output == "new" else rule


def require_quiet_start(neuron: str, node: Any, rule: Discretization) -> None:
    """Check that the membrane starts below its threshold.

    Above it, a reset at the beginning of a step resets in the first step, and a reset in the
    step of the spike does not.
    """
    own = membrane_of(node, rule)
    text = "resets at another time, which shows where v starts above v_threshold"
    good = own.start < own.threshold
    require_values(neuron, node, "v_threshold", good, np.nextafter(own.start, np.inf), text)


def _changes(a: Discretization, b: Discretization, names: Iterable[str]) -> list[str]:
    return [name for name in names if getattr(a, name) != getattr(b, name)]
