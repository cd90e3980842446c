"""The formulas of surrogate gradients: what stands for the derivative of a spike.

A surrogate maps u = v - v_threshold to d(spike)/du. A formula uses Python operators and `abs`
only, so that one definition works on NumPy, torch, JAX and the symbols of fused kernels; exp(x) is
E ** x. None overflows for a finite u: exponents are never positive.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar

from nirx.errors import InputError, did_you_mean

__all__ = [
    "FORMULAS",
    "Arctan",
    "Boxcar",
    "Exponential",
    "FastSigmoid",
    "Formula",
    "Gaussian",
    "Heaviside",
    "MultiGaussian",
    "NamedSurrogate",
    "Sigmoid",
    "StraightThrough",
    "Surrogate",
    "Triangular",
    "surrogate_from_json",
]

Surrogate = Callable[[Any], Any]

E = math.e

POSITIVE = ("slope", "alpha", "width", "sigma", "s")

POWERS = {"slope": 1, "alpha": 1, "height": 1, "outside": 1, "below": 1}
POWERS |= {"width": -1, "sigma": -1, "center": -1, "window": -1, "h": 0, "s": 0, "scale": 0}
"""How a parameter changes with the unit of u; see `NamedSurrogate.scaled`."""


@dataclass(frozen=True, repr=False)
class NamedSurrogate:
    """A formula with its numbers. Equal ones are one to compilers; it can be written as JSON."""

    name: ClassVar[str] = ""

    def __post_init__(self):
        for field in fields(self):
            value = getattr(self, field.name)
            number = _number(value)
            if number is None or (field.name in POSITIVE and number <= 0):
                kind = "a number above 0" if field.name in POSITIVE else "a finite number"
                raise InputError(f"{self.name}: {field.name} is {value!r}; expected {kind}")
            object.__setattr__(self, field.name, number)

    def __call__(self, u: Any) -> Any:
        """d(spike)/du at u = v - v_threshold, elementwise."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"{self.name}({', '.join(f'{k}={v:g}' for k, v in self.numbers().items())})"

    def numbers(self) -> dict[str, float]:
        """The parameters by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def scaled(self, by: float) -> NamedSurrogate:
        """The surrogate of the same spike in u/by: x -> by*self(by*x), by > 0."""
        if by == 1:
            return self
        return replace(self, **{k: v * by ** POWERS[k] for k, v in self.numbers().items()})

    def to_json(self) -> str:
        """Text for a node's metadata: the name and the numbers."""
        return json.dumps({"name": self.name, **self.numbers()})


@dataclass(frozen=True, repr=False)
class FastSigmoid(NamedSurrogate):
    """height / (1 + slope |u|)^2."""

    name = "fast_sigmoid"
    slope: float
    height: float

    def __call__(self, u: Any) -> Any:
        return self.height / (1.0 + self.slope * abs(u)) ** 2


@dataclass(frozen=True, repr=False)
class Arctan(NamedSurrogate):
    """height / (1 + (pi alpha u / 2)^2)."""

    name = "arctan"
    alpha: float
    height: float

    def __call__(self, u: Any) -> Any:
        return self.height / (1.0 + (0.5 * math.pi * self.alpha * u) ** 2)


@dataclass(frozen=True, repr=False)
class Triangular(NamedSurrogate):
    """height * max(0, 1 - |u|/width)."""

    name = "triangular"
    width: float
    height: float

    def __call__(self, u: Any) -> Any:
        inside = self.width - abs(u)
        return 0.5 * self.height / self.width * (inside + abs(inside))


@dataclass(frozen=True, repr=False)
class Sigmoid(NamedSurrogate):
    """4 height e / (1 + e)^2 with e = exp(-slope |u|): height * sech^2(slope u / 2)."""

    name = "sigmoid"
    slope: float
    height: float

    def __call__(self, u: Any) -> Any:
        e = E ** (-self.slope * abs(u))
        return 4.0 * self.height * e / (1.0 + e) ** 2


@dataclass(frozen=True, repr=False)
class Gaussian(NamedSurrogate):
    """height * exp(-((u - center)/sigma)^2 / 2)."""

    name = "gaussian"
    sigma: float
    height: float
    center: float

    def __call__(self, u: Any) -> Any:
        return self.height * E ** (-0.5 * ((u - self.center) / self.sigma) ** 2)


@dataclass(frozen=True, repr=False)
class MultiGaussian(NamedSurrogate):
    """scale * ((1 + h) G(0, sigma) - h G(sigma, s sigma) - h G(-sigma, s sigma)), with the normal
    densities G(mean, deviation) of u - center."""

    name = "multi_gaussian"
    sigma: float
    h: float
    s: float
    scale: float
    center: float

    def __call__(self, u: Any) -> Any:
        wide = self.s * self.sigma
        peak = self.scale / math.sqrt(2.0 * math.pi)
        near = Gaussian(self.sigma, (1.0 + self.h) * peak / self.sigma, self.center)
        left = Gaussian(wide, self.h * peak / wide, self.center - self.sigma)
        right = Gaussian(wide, self.h * peak / wide, self.center + self.sigma)
        return near(u) - left(u) - right(u)


@dataclass(frozen=True, repr=False)
class Exponential(NamedSurrogate):
    """height * exp(-slope |u - center|)."""

    name = "exponential"
    slope: float
    height: float
    center: float

    def __call__(self, u: Any) -> Any:
        return self.height * E ** (-self.slope * abs(u - self.center))


@dataclass(frozen=True, repr=False)
class StraightThrough(NamedSurrogate):
    """height everywhere."""

    name = "straight_through"
    height: float

    def __call__(self, u: Any) -> Any:
        return 0.0 * u + self.height


@dataclass(frozen=True, repr=False)
class Boxcar(NamedSurrogate):
    """height where |u| <= width/2, else outside."""

    name = "boxcar"
    width: float
    height: float
    outside: float

    def __call__(self, u: Any) -> Any:
        # Not `inside * number`: a product of a mask and a number has torch's default dtype.
        inside = abs(u) <= 0.5 * self.width
        return inside * (0.0 * u + (self.height - self.outside)) + self.outside


@dataclass(frozen=True, repr=False)
class Heaviside(NamedSurrogate):
    """height where u >= -window, else below."""

    name = "heaviside"
    window: float
    height: float
    below: float

    def __call__(self, u: Any) -> Any:
        return (u >= -self.window) * (0.0 * u + (self.height - self.below)) + self.below


@dataclass(frozen=True)
class Formula:
    """A user's function of u. It cannot be written to a file."""

    function: Surrogate

    def __call__(self, u: Any) -> Any:
        return self.function(u)


FORMULAS: dict[str, type[NamedSurrogate]] = {
    kind.name: kind
    for kind in (
        FastSigmoid,
        Arctan,
        Triangular,
        Sigmoid,
        Gaussian,
        MultiGaussian,
        Exponential,
        StraightThrough,
        Boxcar,
        Heaviside,
    )
}


def surrogate_from_json(text: Any) -> NamedSurrogate:
    """What `to_json` wrote.

    **Raises**: `InputError` for anything else; nothing of the text is executed.
    """
    try:
        found = json.loads(text)
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError(f"the surrogate is no JSON text: {error!r:.200}") from error
    name = found.get("name") if isinstance(found, dict) else None
    if not isinstance(name, str):
        raise InputError('the surrogate has no name; expected {"name": ..., and its numbers}')
    if name not in FORMULAS:
        raise InputError(f"no surrogate {name!r:.100}; {did_you_mean(name, FORMULAS)}")
    kind = FORMULAS[name]
    wanted = [field.name for field in fields(kind)]
    given = [key for key in found if key != "name"]
    if sorted(given) != sorted(wanted):
        raise InputError(
            f"{name} has the numbers {', '.join(given) or 'none'}; expected {', '.join(wanted)}"
        )
    return kind(**{key: found[key] for key in wanted})


def _number(value: Any) -> float | None:
    """The value as a finite float, if it is one number."""
    if isinstance(value, bool | str | bytes):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError, RuntimeError):
        return None
    return number if math.isfinite(number) else None
