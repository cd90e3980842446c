"""`Arithmetic`: the fields of an arithmetic that the oracle of integers reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Arithmetic:
    """How a chip computes; `nirx.Arithmetic` has the same fields, and either will do.

    Arguments:
        weight_shift: a product is shifted left by this; a negative one shifts the sum right,
            rounding down.
        bias_shift: biases, and the constant of a leak, are mantissas shifted left by this.
        input_shift: what enters at an outermost Input is shifted left by this.
        threshold_shift: v_threshold and v_reset are mantissas shifted left by this.
        synapse_bits, membrane_bits: width of i and of v.
        synapse_overflow, membrane_overflow: what happens outside that width.
        limits: `"full"` is two's complement; `"symmetric"` saturates at +-(2^(n-1) - 1) and
            wraps into -2^(n-1) + 1 .. 2^(n-1), as Loihi does.
        membrane_lowest: a lower bound of v, applied after the rule of overflow.
        membrane_change: `"exact"`, or `"saturate"`: the change of v (leak, then input, then the
            constant) saturates after every term, and only then is added to v, as Xylo does.
        decay: by `"multiply"` and shift, or by `"shift"` alone.
        decay_bits: bits of the factor of `"multiply"`.
        decay_value: how the factor of `"multiply"` is made whole: `"nearest"`, or `"down"`.
        decay_rounding: `"zero"` (towards zero), `"down"` or `"nearest"` (half away from zero).
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
