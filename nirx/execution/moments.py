"""An optimizer's moments by the names of parameters, to hand over from one backend to another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from nirx.basics.foreign_arrays import to_numpy
from nirx.dynamics.ops import Shape
from nirx.errors import InputError, did_you_mean
from nirx.execution.forms import Form

__all__ = ["FORM", "NAMES", "Held", "Moments", "fitted_moments", "moment_entry"]

Moments = dict[str, dict[str, np.ndarray]]
"""{"fc.weight": {"step": n, "first": array, "second": array}, ...}"""

NAMES = ("step", "first", "second")
"""The number of steps, the mean of gradients (or the momentum), the mean of their squares."""

FORM = "form"
"""In the entry of a parametrized parameter: the form whose raw array the moments belong to."""

PLAIN = "NIR's own value"


class Held(NamedTuple):
    """What an optimizer trains for a parameter.

    Arguments:
        shape: of the array, which is the raw one if the parameter has a form.
        names: which of `NAMES` the optimizer remembers.
    """

    shape: Shape
    form: Form | None
    names: tuple[str, ...]


def moment_entry(values: Mapping[str, Any], form: Form | None) -> dict[str, np.ndarray]:
    """The entry of one parameter, as copies."""
    entry = {name: to_numpy(values[name]) for name in NAMES if name in values}
    if "step" in entry:
        entry["step"] = entry["step"].astype(np.int64)
    return entry if form is None else {**entry, FORM: np.array(str(form))}


def fitted_moments(moments: Any, held: Mapping[str, Held]) -> Moments:
    """Check given moments.

    Arguments:
        moments: what `get_moments` of any backend returned.
        held: what the optimizer trains of the network, by key.

    Returns: the same without forms.

    **Raises**: `InputError` that names an unknown parameter, a moment that is missing or of
    another optimizer, a wrong shape, or another form.
    """
    if not isinstance(moments, Mapping):
        raise InputError(f"moments are a {type(moments).__name__}; expected what get_moments gave")
    return {key: _fitting(key, entry, held) for key, entry in moments.items()}


def _fitting(key: Any, entry: Any, held: Mapping[str, Held]) -> dict[str, np.ndarray]:
    if key not in held:
        raise InputError(
            f"moments of {key!r:.200}: the optimizer trains no such parameter; "
            f"{did_you_mean(str(key), held)}"
        )
    shape, form, names = held[key]
    found = [name for name in entry if name != FORM] if isinstance(entry, Mapping) else []
    if {*found} != {*names}:
        given = ", ".join(map(str, found)) or type(entry).__name__
        raise InputError(
            f"moments of {key!r} are {given}; expected {', '.join(names)}, which this optimizer "
            "has; take the same kind of optimizer on both sides"
        )
    was, now = str(entry.get(FORM, PLAIN)), PLAIN if form is None else str(form)
    if was != now:
        raise InputError(
            f"moments of {key!r} were made while it was held as {was}, now it is held as {now}; "
            "call nirx.parametrize in the same way on both sides"
        )
    arrays = {name: to_numpy(entry[name]) for name in names}
    for name, array in arrays.items():
        wanted = () if name == "step" else shape
        if array.dtype.kind not in "fiu" or array.shape != wanted:
            raise InputError(
                f"moments of {key!r}: {name} has shape {array.shape} and dtype {array.dtype}; "
                f"expected numbers of shape {wanted}"
            )
    return arrays
