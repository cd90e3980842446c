"""`Arithmetic`: the integers of a digital chip."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal, get_args, get_origin, get_type_hints

import numpy as np

from nirx.errors import InputError, did_you_mean

__all__ = ["EXACT_BITS", "Arithmetic", "is_exact"]

EXACT_BITS = 53
"""Whole numbers below 2**53 are exact in float64, in which every backend computes them."""

MOST_SHIFT = 31


@dataclass(frozen=True)
class Arithmetic:
    """How a chip computes: every weight, state and spike count is a whole number.

    It is a part of a `Discretization`. docs/integers.md has the equations.

    Arguments:
        weight_bits: weights of Linear, Affine and convolutions are signed numbers of this many
            bits.
        weight_shift: products are shifted left: `(sum_i weight[o, i] * x[i]) << weight_shift`. A
            negative one shifts them right, rounding down.
        bias_shift: biases, and the constant part of a leak, are shifted left.
        input_shift: what enters at an Input is shifted left.
        threshold_shift: v_threshold and v_reset are shifted left.
        synapse_bits: of the synaptic current i.
        membrane_bits: of the membrane potential v.
        synapse_overflow, membrane_overflow: what happens beyond these bits: `"saturate"` or
            `"wrap"` (modulo 2**bits).
        limits: the range of n bits: `"full"` (-2**(n-1) to 2**(n-1) - 1) or `"symmetric"`, which
            saturates at +-(2**(n-1) - 1) and wraps into -2**(n-1) + 1 to 2**(n-1).
        membrane_lowest: a bound below which v never falls; None for that of its bits.
        membrane_change: `"exact"`, or `"saturate"`: the change of v (the leak, then the input, then
            the constant) has the bits of v itself and their overflow after every term; only then
            it is added to v.
        decay: `"multiply"`: `s * (2**k - d) / 2**k`, rounded; or `"shift"`: `s - (s >> m)`,
            and one towards zero where `s >> m` is 0.
        decay_bits: k.
        decay_value: d is 2**k times the fraction of the decay, `"nearest"` or rounded `"down"`.
        decay_rounding: of the product: towards `"zero"`, `"down"`, or to the `"nearest"`
            (halves away from zero).

    **Raises**: `InputError` for a meaningless value, or for products that could exceed 2**53.

    **Source**: docs/integers.md.
    """

    weight_bits: int = 8
    weight_shift: int = 0
    bias_shift: int = 0
    input_shift: int = 0
    threshold_shift: int = 0
    synapse_bits: int = 16
    membrane_bits: int = 16
    synapse_overflow: Literal["saturate", "wrap"] = "saturate"
    membrane_overflow: Literal["saturate", "wrap"] = "saturate"
    limits: Literal["full", "symmetric"] = "full"
    membrane_lowest: int | None = None
    membrane_change: Literal["exact", "saturate"] = "exact"
    decay: Literal["multiply", "shift"] = "multiply"
    decay_bits: int = 12
    decay_value: Literal["nearest", "down"] = "nearest"
    decay_rounding: Literal["zero", "down", "nearest"] = "zero"

    def __post_init__(self):
        for name, allowed in CHOICES.items():
            if getattr(self, name) not in allowed:
                raise InputError(
                    f"Arithmetic: {name}={getattr(self, name)!r}; expected one of "
                    + ", ".join(map(repr, allowed))
                )
        for name, (low, high) in NUMBERS.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
                raise InputError(
                    f"Arithmetic: {name}={value!r}; expected a whole number, {low} to {high}"
                )
        for name in ("synapse_bits", "membrane_bits"):
            bits = getattr(self, name) + (self.decay_bits if self.decay == "multiply" else 0)
            if bits > EXACT_BITS:
                raise InputError(
                    f"Arithmetic: {name}={getattr(self, name)} and decay_bits={self.decay_bits} "
                    f"give products of {bits} bits; expected at most {EXACT_BITS}"
                )
        low, high = self.range_of("membrane")
        lowest = self.membrane_lowest
        if lowest is not None and (
            isinstance(lowest, bool) or not isinstance(lowest, int) or not low <= lowest <= 0
        ):
            raise InputError(
                f"Arithmetic: membrane_lowest={lowest!r}; expected None or a whole number, "
                f"{low} to 0"
            )

    def range_of(self, state: Literal["synapse", "membrane"]) -> tuple[int, int]:
        """The lowest and the highest value of the states of synapses or of membranes."""
        half = 2 ** (getattr(self, f"{state}_bits") - 1)
        if self.limits == "full":
            return -half, half - 1
        wraps = getattr(self, f"{state}_overflow") == "wrap"
        return 1 - half, half if wraps else half - 1

    def __repr__(self) -> str:
        """The values that are not the default."""
        own = ((f.name, getattr(self, f.name), f.default) for f in fields(self))
        shown = (f"{name}={value!r}" for name, value, usual in own if value != usual)
        return f"Arithmetic({', '.join(shown)})"

    @property
    def weight_range(self) -> tuple[int, int]:
        """The lowest and the highest weight."""
        half = 2 ** (self.weight_bits - 1)
        return -half, half - 1

    def to_dict(self) -> dict[str, Any]:
        """Its values by name."""
        return asdict(self)

    @staticmethod
    def of(value: Any) -> Arithmetic:
        """An `Arithmetic`, or one of values by name.

        **Raises**: `InputError`.
        """
        return value if isinstance(value, Arithmetic) else Arithmetic().changed(value)

    def changed(self, values: Any) -> Arithmetic:
        """The same with other values.

        **Raises**: `InputError` for anything but a mapping of names that there are.
        """
        if not isinstance(values, Mapping):
            raise InputError(f"arithmetic={values!r}; expected a nirx.Arithmetic")
        known = [f.name for f in fields(Arithmetic)]
        for name in values:
            if name not in known:
                raise InputError(f"Arithmetic has no {name!r}; {did_you_mean(str(name), known)}")
        return replace(self, **values)


CHOICES: dict[str, tuple[str, ...]] = {
    name: get_args(hint)
    for name, hint in get_type_hints(Arithmetic).items()
    if get_origin(hint) is Literal
}

NUMBERS = {
    "weight_bits": (1, 32),
    "weight_shift": (-MOST_SHIFT, MOST_SHIFT),
    "bias_shift": (0, MOST_SHIFT),
    "input_shift": (0, MOST_SHIFT),
    "threshold_shift": (0, MOST_SHIFT),
    "synapse_bits": (2, 48),
    "membrane_bits": (2, 48),
    "decay_bits": (1, 32),
}
"""The range of each whole number."""


def is_exact(values: np.ndarray) -> np.ndarray:
    """Where an array of numbers holds whole numbers that float64 holds exactly."""
    with np.errstate(invalid="ignore"):
        good = (values > -(2.0**EXACT_BITS)) & (values < 2.0**EXACT_BITS)
        return good & (np.floor(values) == values) if values.dtype.kind == "f" else good
