"""`Draw`: a source of random choices, the same interface for Hypothesis and plain scripts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

T = TypeVar("T")


class Draw(Protocol):
    """A source of choices. Small numbers and early options count as simple."""

    def integer(self, low: int, high: int) -> int:
        """A whole number, both ends included."""
        ...

    def choice(self, options: Sequence[T]) -> T:
        """One of the options; a duplicated option is twice as likely."""
        ...

    def chance(self, probability: float) -> bool:
        """True with about this probability; False counts as simple."""
        ...

    def uniform(self, shape: tuple[int, ...], low: float, high: float) -> NDArray[np.float64]:
        """An array of numbers between low and high."""
        ...


class SeededDraw:
    """Choices from a NumPy generator: the same seed, the same choices."""

    def __init__(self, seed: int):
        self._random = np.random.Generator(np.random.PCG64(seed))

    def integer(self, low: int, high: int) -> int:
        return int(self._random.integers(low, high, endpoint=True))

    def choice(self, options: Sequence[T]) -> T:
        return options[self.integer(0, len(options) - 1)]

    def chance(self, probability: float) -> bool:
        return bool(self._random.random() < probability)

    def uniform(self, shape: tuple[int, ...], low: float, high: float) -> NDArray[np.float64]:
        return np.asarray(self._random.uniform(low, high, shape))


class HypothesisDraw:
    """Choices from Hypothesis, which shrinks them.

    The numbers in an array come from one drawn seed: thousands of single draws would be slow
    and exhaust Hypothesis, and only the structure is worth shrinking.
    """

    def __init__(self, draw: Callable[[st.SearchStrategy[Any]], Any]):
        self._draw = draw

    def integer(self, low: int, high: int) -> int:
        return self._draw(st.integers(low, high))

    def choice(self, options: Sequence[T]) -> T:
        return self._draw(st.sampled_from(options))

    def chance(self, probability: float) -> bool:
        return self._draw(st.integers(0, 99)) >= 100 * (1 - probability)

    def uniform(self, shape: tuple[int, ...], low: float, high: float) -> NDArray[np.float64]:
        seed = self._draw(st.integers(0, 2**32 - 1))
        return np.asarray(np.random.default_rng(seed).uniform(low, high, shape))
