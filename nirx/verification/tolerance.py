"""What a recording may be off by and still pass."""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Real
from types import MappingProxyType
from typing import Any

from nirx.errors import InputError, did_you_mean

__all__ = ["Tolerance", "make_tolerance"]


@dataclass(frozen=True)
class Tolerance:
    """The default asks for equal numbers.

    Arguments:
        jitter: steps that a single spike may be early or late.
        rate: relative error of the number of spikes, of every neuron in every sample, with
            which a node passes even if single spikes differ; below 1.
        lsb: size of one least significant bit by key, in the unit of the value; the key None
            stands for all that are not named.
        membrane: how many LSB a value may be off.
    """

    jitter: int = 0
    rate: float = 0.0
    lsb: Mapping[str | None, float] = field(default_factory=dict)
    membrane: float = 0.0

    def __post_init__(self):
        object.__setattr__(self, "lsb", MappingProxyType(dict(self.lsb)))

    def lsb_of(self, key: str) -> float | None:
        """One LSB of a recording; None where nothing was said of it."""
        return self.lsb.get(key, self.lsb.get(None))

    def __str__(self) -> str:
        parts = []
        if self.jitter:
            parts.append(f"spikes within {self.jitter} step{'s' * (self.jitter > 1)}")
        if self.rate:
            rates = f"numbers of spikes within {self.rate:.3%}"
            parts = [f"{own} or {rates}" for own in parts] or [rates]
        if self.membrane:
            sizes = [f"{k or 'one'}: {v:g}" for k, v in self.lsb.items()]
            parts.append(f"values within {self.membrane:g} LSB ({', '.join(sizes)})")
        return ", ".join(parts) or "equal numbers"


def make_tolerance(
    jitter: Any,
    rate: Any,
    lsb: Any,
    membrane: Any,
    values: Sequence[str],
    spikes: Sequence[str] = (),
) -> Tolerance:
    """A caller's tolerances, checked.

    Arguments:
        values, spikes: keys of the recordings that hold either.

    **Raises**: `InputError`.
    """
    steps = _whole(jitter)
    if steps is None or steps < 0:
        raise InputError(
            f"jitter={jitter!r} (--jitter); expected a whole number of steps, 0 or more"
        )
    for name, value in (("rate", rate), ("membrane", membrane)):
        if not _is_number(value) or not 0 <= value < math.inf:
            raise InputError(f"{name}={value!r} (--{name}); expected a number, 0 or more")
    if rate >= 1:
        raise InputError(
            f"rate={rate!r} (--rate); expected less than 1: --rate 1 lets a dead chip pass; "
            "0.05 is 5 %"
        )
    sizes: dict[str | None, float] = {}
    if lsb is not None:
        sizes = dict(lsb) if isinstance(lsb, Mapping) else {None: lsb}
    for key, size in sizes.items():
        where = "lsb" if key is None else f"lsb[{key!r}]"
        if not _is_number(size) or not 0 < size < math.inf:
            raise InputError(
                f"{where}={size!r} (--lsb); expected a positive number: the size of one LSB"
            )
        if membrane * size == math.inf:
            raise InputError(
                f"membrane={membrane!r} (--membrane) of {where}={size!r} (--lsb) is beyond every "
                "number; expected a tolerance that something can miss"
            )
        if key in spikes:
            raise InputError(
                f"{where} (--lsb): {key!r} holds spikes; an LSB is of a value such as v"
            )
        if key is not None and key not in values:
            near = did_you_mean(str(key), values)
            raise InputError(f"{where} (--lsb): no such recording; {near}")
    if membrane and not sizes:
        raise InputError(
            f"membrane={membrane!r} (--membrane) counts LSB; say by lsb (--lsb) how large one is"
        )
    return Tolerance(steps, float(rate), {k: float(v) for k, v in sizes.items()}, float(membrane))


def _whole(value: Any) -> int | None:
    """A Python or NumPy integer, not a bool; None for all else."""
    try:
        return None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        return None


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)
