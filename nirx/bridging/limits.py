"""`Limits`: which discretizations and parameters a library's own neuron can represent."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from nirx.dynamics.discretization import Discretization
from nirx.errors import InputError
from nirx.execution.refusal import NotRepresentable

__all__ = ["Limits", "require_uniform", "require_values"]

Form = Mapping[str, tuple[Any, ...]]


@dataclass(frozen=True)
class Limits:
    """The choices that a library's neuron can make.

    Arguments:
        neuron: its name, as the library's users write it.
        forms: each {choice: values it can have}; one form has to fit as a whole. A choice
            that a form does not name is free.
    """

    neuron: str
    forms: tuple[Form, ...]

    def require(self, rule: Discretization) -> None:
        """Raise `NotRepresentable`, with the nearest rule, unless a form fits."""
        if any(_fits(rule, form) for form in self.forms):
            return
        nearest = self.nearest(rule)
        changed = [name for name in _names(self.forms) if _differ(rule, nearest, name)]
        found = ", ".join(f"{name}={getattr(rule, name)!r}" for name in changed)
        near = ", ".join(f"{name}={getattr(nearest, name)!r}" for name in changed)
        raise NotRepresentable(
            found, f"{self.neuron} cannot do that; the nearest that it can is {near}", rule=nearest
        )

    def nearest(self, rule: Discretization) -> Discretization:
        """The legal rule that differs least: in what a reset does before when it does it, then
        in the number of choices; of several, that of the first form."""
        best: Discretization | None = None
        least = (0, 0)
        for form in self.forms:
            for values in itertools.product(*form.values()):
                own = dict(zip(form, values, strict=True))
                if own.get("spikes") == "single":
                    own["max_spikes"] = None  # goes with a count only
                try:
                    other = replace(rule, **own)
                except InputError:
                    continue
                count = sum(_differ(rule, other, name) for name in form)
                changes = int(_differ(rule, other, "reset")), count
                if best is None or changes < least:
                    best, least = other, changes
        assert best is not None, "every form of a bridge has a legal rule"
        return best


def require_uniform(neuron: str, node: Any, name: str) -> float:
    """The one value of a parameter. **Raises** `NotRepresentable` if it has several.

    Arguments:
        neuron: the library's, which has one number for the whole layer.
        name: of the parameter in the NIR node.
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
    """Raise `NotRepresentable` unless a parameter is `good` everywhere.

    Arguments:
        good: boolean, of the parameter's shape.
        nearest: the parameter that would be, where it is not good.
        expected: what the library can do, after "`neuron` ".
    """
    good = np.asarray(good)
    if good.all():
        return
    values = np.asarray(getattr(node, name), np.float64)
    shape = np.broadcast_shapes(values.shape, good.shape)
    first = tuple(int(n) for n in np.argwhere(~np.broadcast_to(good, shape))[0])
    mended = copy.copy(node)
    other = np.broadcast_to(np.asarray(nearest, np.float64), shape)
    setattr(mended, name, np.where(good, values, other))
    where = f"[{', '.join(map(str, first))}]" if first else ""
    raise NotRepresentable(
        f"{name}{where}={float(np.broadcast_to(values, shape)[first])!r}",
        f"{neuron} {expected}; the nearest is {name}={float(other[first])!r}",
        node=mended,
    )


def _fits(rule: Discretization, form: Form) -> bool:
    return all(getattr(rule, name) in values for name, values in form.items())


def _differ(a: Discretization, b: Discretization, name: str) -> bool:
    return getattr(a, name) != getattr(b, name)


def _names(forms: tuple[Form, ...]) -> list[str]:
    return list(dict.fromkeys(name for form in forms for name in form))
