"""How far a recording may be off and still pass."""

from __future__ import annotations

import math
import operator
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Real
from types import MappingProxyType
from typing import Any

from nirx.errors import InputError, did_you_mean

__all__ = ["Tolerance", "make_tolerance", "units_text"]


@dataclass(frozen=True)
class Tolerance:
    """How far a recording may be off; by default, not at all.

    Arguments:
        jitter: steps that a single spike may be early or late.
        rate: relative error of the spike count of every neuron in every sample with which a
            node passes even if single spikes differ; below 1.
        lsb: size of one least significant bit by key, in the unit of the value; the key None
            stands for all other recordings.
        membrane: how many LSB a value may be off.
        whole: whether the reference holds the integers of a chip, whose LSB is 1.
    """

    jitter: int = 0
    rate: float = 0.0
    lsb: Mapping[str | None, float] = field(default_factory=dict)
    membrane: float = 0.0
    whole: bool = False

    def __post_init__(self):
        object.__setattr__(self, "lsb", MappingProxyType(dict(self.lsb)))

    def lsb_of(self, key: str) -> float | None:
        """The size of one LSB of a recording; None if it was not set."""
        return self.lsb.get(key, self.lsb.get(None, 1.0 if self.whole else None))

    def refuse_spikes(self, keys: Collection[str]) -> None:
        """**Raises** `InputError` for an LSB of a recording that holds spikes.

        Arguments:
            keys: of the recordings that do.
        """
        for key in self.lsb:
            if key in keys:
                raise InputError(
                    f"{_lsb_text(key)} (--lsb): {key!r} holds spikes; only values such as v have "
                    "an LSB"
                )

    def to_dict(self) -> dict[str, Any]:
        """The tolerance as plain data, for JSON; the key "*" stands for all others."""
        return {**vars(self), "lsb": {key or "*": size for key, size in self.lsb.items()}}

    def __str__(self) -> str:
        parts = []
        if self.jitter:
            parts.append(f"spikes within {self.jitter} step{'s' * (self.jitter > 1)}")
        if self.rate:
            rates = f"spike counts within {self.rate:.3%}"
            parts = [f"{own} or {rates}" for own in parts] or [rates]
        if self.membrane and self.whole and not self.lsb:
            parts.append(f"values within {units_text(self.membrane)}")
        elif self.membrane:
            sizes = [f"{k or 'one'}: {v:g}" for k, v in self.lsb.items()]
            parts.append(f"values within {self.membrane:g} LSB ({', '.join(sizes)})")
        return ", ".join(parts) or "equal numbers"

    def refuse_long_jitter(self, steps: int) -> None:
        """**Raises** `InputError` for a jitter longer than a recording of `steps`.

        Unmatched spikes wait for a partner as long as the jitter, and take memory meanwhile.
        """
        if self.jitter > steps:
            raise InputError(
                f"jitter={self.jitter} (--jitter), but the recording has {steps} steps; expected "
                "at most as many: a few steps are usual"
            )


def make_tolerance(
    jitter: Any, rate: Any, lsb: Any, membrane: Any, keys: Sequence[str], whole: bool = False
) -> Tolerance:
    """A caller's tolerances, checked.

    Arguments:
        keys: of the recordings.
        whole: whether they are the integers of a chip.

    **Raises**: `InputError`.
    """
    try:
        steps = -1 if isinstance(jitter, bool) else operator.index(jitter)
    except TypeError:
        steps = -1
    if steps < 0:
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
    sizes: dict[str | None, Any] = {}
    if lsb is not None:
        sizes = dict(lsb) if isinstance(lsb, Mapping) else {None: lsb}
    for key, size in sizes.items():
        where = _lsb_text(key)
        if not _is_number(size) or not 0 < size < math.inf:
            raise InputError(
                f"{where}={size!r} (--lsb); expected a positive number: the size of one LSB"
            )
        if membrane * size == math.inf:
            raise InputError(
                f"membrane={membrane!r} (--membrane) times {where}={size!r} (--lsb) is infinite, "
                "so that everything would pass; expected a finite tolerance"
            )
        if key is not None and key not in keys:
            near = did_you_mean(str(key), keys)
            raise InputError(f"{where} (--lsb): no such recording; {near}")
    if membrane and not sizes and not whole:
        raise InputError(
            f"membrane={membrane!r} (--membrane) counts LSB; set the size of one by lsb (--lsb)"
        )
    sizes = {key: float(size) for key, size in sizes.items()}
    return Tolerance(steps, float(rate), sizes, float(membrane), whole)


def units_text(count: float) -> str:
    """`"1 unit"`, `"2 units"`: of a chip's integers."""
    return f"{count:.16g} unit{'s' * (count != 1)}"


def _lsb_text(key: str | None) -> str:
    return "lsb" if key is None else f"lsb[{key!r}]"


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)
