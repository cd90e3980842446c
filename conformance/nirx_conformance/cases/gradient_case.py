"""`GradientCase`: a fixed case, a surrogate, and the gradients that go into its results."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from nirx.graphs.state import map_tree
from nirx_conformance.cases.case import FixedCase, uniform
from nirx_conformance.oracle import OracleResult
from nirx_conformance.oracle.gradients import FORMULAS, Cotangents

__all__ = ["SURROGATES", "GradientCase", "TestedSurrogate", "cotangents"]


@dataclass(frozen=True)
class TestedSurrogate:
    """A surrogate twice.

    Arguments:
        given: what a backend gets.
        formula: the oracle's own, of an array u = v - v_threshold.
    """

    given: Any
    formula: Callable[[Any], Any]


def _users(u: Any) -> Any:
    return 0.7 / (1.0 + 4.0 * u * u) + 0.1 * u


SURROGATES: dict[str, TestedSurrogate] = {
    **{name: TestedSurrogate(name, formula) for name, formula in FORMULAS.items()},
    # Not symmetric, so that the sign of u matters.
    "formula": TestedSurrogate(
        _users, lambda u: np.reciprocal(1 + np.square(2 * u)) * 0.7 + u / 10
    ),
}


@dataclass(frozen=True)
class GradientCase:
    """A case of the level `gradients`.

    Arguments:
        case: graph, discretization, inputs, and the state to start from. No neuron of it comes
            so close to its threshold that rounding decides on a spike.
        surrogate: a key of `SURROGATES`.
        detach_reset: whether gradients stop at the reset.
    """

    case: FixedCase
    surrogate: str = "arctan"
    detach_reset: bool = False

    @property
    def name(self) -> str:
        """The case's own."""
        return self.case.name

    @property
    def types(self) -> tuple[str, ...]:
        """Of the nodes."""
        return self.case.types


def cotangents(result: OracleResult, recordings: bool = True) -> Cotangents:
    """Fixed random weights of everything that a run returns: the loss is their weighted sum.

    Arguments:
        recordings: False leaves those out.
    """
    outputs = {name: _weights(f"output {name}", y) for name, y in result.outputs.items()}
    single = next(iter(outputs.values())) if len(outputs) == 1 else outputs
    state = map_tree(lambda leaf: _weights("state", leaf), result.state)
    if not recordings:
        return Cotangents(single, state)
    return Cotangents(single, state, {k: _weights(k, y) for k, y in result.recordings.items()})


def _weights(key: str, like: np.ndarray) -> np.ndarray:
    return uniform(zlib.crc32(key.encode()), *like.shape)
