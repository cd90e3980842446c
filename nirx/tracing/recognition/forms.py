"""`Form`: a value of a step in its normal form, with numbers in place of the parameters.

A form is a sum of terms. A term is a product of indicators (values that are 0 or 1) and an affine
function of atoms (the input and the states). As z * z = z, each product is a set of indicators,
and equal values of a step have equal forms, up to the rounding of their coefficients.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

__all__ = [
    "CONSTANT",
    "NONE",
    "Affine",
    "Form",
    "NoForm",
    "Product",
    "close",
    "constant",
    "same",
    "threshold_of",
    "largest_coefficient",
]

CONSTANT = ""
"""The atom that is 1."""

NONE: frozenset[int] = frozenset()
"""The product of no indicators, which is 1."""

Affine = dict[str, np.ndarray]
"""Coefficients (float64) by atom; those that are 0 everywhere are left out."""

Product = frozenset[int]
"""The numbers of indicators."""

TOLERANCE = 1e-11
"""Coefficients differ by roundings of the algebra only, relative to the largest one."""

MOST_TERMS = 8
"""No NIR neuron has more; it bounds the work for those that have."""


class NoForm(Exception):  # control flow, not an error for users
    """A step computes something that no NIR neuron computes. The text says what."""


class Form:
    """A sum of products of indicators with affine functions.

    Arguments:
        terms: an affine function for each product of indicators.
    """

    def __init__(self, terms: Mapping[Product, Affine]):
        kept = {product: _without_zeros(affine) for product, affine in terms.items()}
        self.terms: dict[Product, Affine] = {p: a for p, a in kept.items() if a}
        if len(self.terms) > MOST_TERMS:
            raise NoForm("it depends on too many comparisons")

    @property
    def base(self) -> Affine:
        """The term without indicators."""
        return self.terms.get(NONE, {})

    @property
    def indicators(self) -> frozenset[int]:
        """All that it depends on."""
        return NONE.union(*self.terms)

    @property
    def number(self) -> np.ndarray | None:
        """The value of a form that depends on parameters only, else None."""
        if not self.terms:
            return np.zeros(())
        if set(self.terms) == {NONE} and set(self.base) == {CONSTANT}:
            return self.base[CONSTANT]
        return None

    @property
    def is_indicator(self) -> bool:
        """Whether it is 0 or 1 always: its square is the form itself."""
        if any(set(affine) != {CONSTANT} for affine in self.terms.values()):
            return False
        return same(self * self, self)

    def __add__(self, other: Form) -> Form:
        terms = {product: dict(affine) for product, affine in self.terms.items()}
        for product, affine in other.terms.items():
            own = terms.setdefault(product, {})
            for atom, coefficient in affine.items():
                own[atom] = _sum(own[atom], coefficient) if atom in own else coefficient
        return Form(terms)

    def __sub__(self, other: Form) -> Form:
        return self + other.scaled(np.array(-1.0))

    def __mul__(self, other: Form) -> Form:
        total = Form({})
        for product, affine in self.terms.items():
            for factor, second in other.terms.items():
                total = total + Form({product | factor: _product(affine, second)})
        return total

    def scaled(self, factor: np.ndarray) -> Form:
        """The form times a number."""
        return Form({p: {k: v * factor for k, v in a.items()} for p, a in self.terms.items()})

    def renamed(self, old: int, new: Form) -> Form:
        """The form with another one in place of an indicator."""
        total = Form({})
        for product, affine in self.terms.items():
            own = Form({product - {old}: affine})
            total = total + (own * new if old in product else own)
        return total


def constant(value: Any) -> Form:
    """A number as a form. **Raises** `NoForm` if it is not finite."""
    array = np.asarray(value, np.float64)
    if not np.isfinite(array).all():
        raise NoForm("a number in it is not finite")
    return Form({NONE: {CONSTANT: array}})


def close(a: Any, b: Any, scale: Any = 0.0) -> bool:
    """Whether numbers are equal but for rounding, relative to the largest of them and `scale`."""
    largest = np.maximum(np.maximum(np.abs(a), np.abs(b)), scale)
    return bool((np.abs(np.subtract(a, b)) <= TOLERANCE * largest).all())


def same(a: Form, b: Form) -> bool:
    """Whether two forms are equal but for rounding, relative to the largest coefficients."""
    scale = np.maximum(largest_coefficient(a), largest_coefficient(b))
    for product in {**a.terms, **b.terms}:
        one, other = a.terms.get(product, {}), b.terms.get(product, {})
        if not all(close(one.get(k, 0.0), other.get(k, 0.0), scale) for k in {**one, **other}):
            return False
    return True


def threshold_of(above: Form, value: Form) -> np.ndarray | None:
    """The threshold for which `above > 0` means `value > threshold`, or None."""
    a, offset = _without_offset(above)
    b, own_offset = _without_offset(value)
    size, own_size = largest_coefficient(a), largest_coefficient(b)
    if not ((size > 0).all() and (own_size > 0).all()):
        return None
    factor = size / own_size
    return own_offset - offset / factor if same(a, b.scaled(factor)) else None


def _without_offset(form: Form) -> tuple[Form, np.ndarray]:
    offset = form.base.get(CONSTANT, np.zeros(()))
    rest = {atom: c for atom, c in form.base.items() if atom != CONSTANT}
    return Form({**form.terms, NONE: rest}), offset


def largest_coefficient(form: Form) -> np.ndarray:
    """The magnitude of the largest coefficient, for every neuron."""
    found = [np.abs(c) for affine in form.terms.values() for c in affine.values()]
    return np.maximum.reduce(np.broadcast_arrays(*found)) if found else np.zeros(())


def _sum(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """a + b, which is 0 where nothing but a rounding is left."""
    total = a + b
    rounding = 4 * np.finfo(np.float64).eps * np.maximum(np.abs(a), np.abs(b))
    return np.where(np.abs(total) <= rounding, 0.0, total)


def _without_zeros(affine: Affine) -> Affine:
    return {atom: c for atom, c in affine.items() if np.any(c != 0)}


def _product(a: Affine, b: Affine) -> Affine:
    if set(a) <= {CONSTANT}:
        a, b = b, a
    if not set(b) <= {CONSTANT}:
        raise NoForm("it multiplies states or inputs with each other")
    return {atom: c * b[CONSTANT] for atom, c in a.items()} if b else {}
