"""`GradientCase`: a fixed case, a surrogate, and the gradients that go into its results."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from nirx import surrogates
from nirx.graphs.state import map_tree
from nirx_conformance.cases.case import FixedCase, uniform
from nirx_conformance.oracle import OracleResult
from nirx_conformance.oracle.gradients import FORMULAS, Cotangents

__all__ = ["OBJECTS", "SURROGATES", "GradientCase", "cotangents"]


def _users(u: Any) -> Any:
    return 0.7 / (1.0 + 4.0 * u * u) + 0.1 * u  # not symmetric, so that the sign of u matters


SURROGATES: dict[str, Any] = {**{name: name for name in FORMULAS}, "formula": _users}
"""What random cases choose from, by the names in those of fixed cases."""

OBJECTS: dict[str, Any] = {
    "fast_sigmoid": surrogates.fast_sigmoid(3, 0.5),
    "arctan with numbers": surrogates.arctan(3, 0.7),
    "triangular with numbers": surrogates.triangular(0.7, 2),
    "sigmoid": surrogates.sigmoid(5),
    "gaussian": surrogates.gaussian(0.4, center=0.1),
    "multi_gaussian": surrogates.multi_gaussian(0.5, 0.2, 4, 1.5, -0.1),
    "exponential": surrogates.exponential(4, 1.5, 0.2),
    "straight_through": surrogates.straight_through(0.3),
    "boxcar": surrogates.boxcar(0.8, 1.25, 0.01),
    "piecewise_linear": surrogates.piecewise_linear(0.6),
    "heaviside": surrogates.heaviside(0.3, 0.8, 0.1),
    "formula object": surrogates.formula(lambda u: 2.0 ** (-abs(u)) + (u > 0.2) * abs(u)),
}
"""Those with numbers of their own."""


@dataclass(frozen=True)
class GradientCase:
    """A case of the level `gradients`.

    Arguments:
        case: graph, discretization, inputs, and the state to start from. No neuron of it comes
            so close to its threshold that rounding decides on a spike.
        surrogate: what the backend is given, as `surrogate=` of `nirx.from_nir`.
        detach_reset: whether gradients stop at the reset.
    """

    case: FixedCase
    surrogate: Any = "arctan"
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
