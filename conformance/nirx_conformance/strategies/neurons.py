"""Neurons whose thresholds let a signal of about 1 make them spike occasionally."""

from __future__ import annotations

from typing import Any

import nir
import numpy as np
from numpy.typing import NDArray

from nirx_conformance.strategies.arrays import Shape, log_uniform, stored
from nirx_conformance.strategies.draw import Draw

NEURONS = ("LIF", "LIF", "CubaLIF", "CubaLIF", "IF", "LI", "CubaLI", "I")
SPIKING = ("LIF", "CubaLIF", "IF")

HORIZON = 6.0
"""Steps of input after which a typical neuron should spike."""

Array = NDArray[np.float64]


def neuron(draw: Draw, kind: str, shape: Shape, dt: float, self_driven: bool = False) -> Any:
    """A neuron with parameters of one shape (NIR's constructors require that).

    Arguments:
        shape: of the parameters; broadcasts to the features.
        self_driven: v_leak is above the threshold, so it spikes without input.
    """

    def keep(values: Array) -> Any:
        return values.astype(np.float32) if single else values

    single = draw.chance(0.3)
    slow = log_uniform(draw, shape, 2, 50)
    r = draw.uniform(shape, 0.8, 2.0)
    v_leak = draw.uniform(shape, -0.1, 0.2) if draw.chance(0.5) else np.zeros(shape)
    if kind in ("I", "IF"):
        per_step = draw.uniform(shape, 0.1, 0.5)
        if kind == "I":
            return nir.I(keep(per_step / dt))
        threshold = per_step * draw.uniform(shape, 1.0, 5.0)
        return nir.IF(keep(per_step / dt), keep(threshold), _reset(draw, keep, threshold))
    if kind == "LI":
        return nir.LI(keep(slow * dt), keep(r), keep(v_leak))
    fast = log_uniform(draw, shape, 2, 12)
    w_in: Any = keep(draw.uniform(shape, 0.6, 2.0)) if draw.chance(0.7) else 1.0
    if kind == "CubaLI":
        return nir.CubaLI(keep(fast * dt), keep(slow * dt), keep(r), keep(v_leak), w_in=w_in)
    reached = r * (1 - np.exp(-HORIZON / slow))
    if kind == "CubaLIF":
        reached = reached * (1 - np.exp(-HORIZON / 2 / fast))
    threshold = np.maximum(reached * draw.uniform(shape, 0.4, 1.4) + v_leak, 0.05)
    if self_driven:
        v_leak = threshold * draw.uniform(shape, 1.5, 4.0)
    v_reset = _reset(draw, keep, threshold)
    if kind == "LIF":
        return nir.LIF(keep(slow * dt), keep(r), keep(v_leak), keep(threshold), v_reset)
    return nir.CubaLIF(
        keep(fast * dt), keep(slow * dt), keep(r), keep(v_leak), keep(threshold), v_reset, w_in
    )


def _reset(draw: Draw, keep: Any, threshold: Array) -> Any:
    """v_reset below the threshold; with None, NIR fills in zeros."""
    if draw.chance(0.3):
        return None
    return keep(threshold * draw.uniform(threshold.shape, -0.5, 0.6))


def threshold_node(draw: Draw, shape: Shape) -> nir.Threshold:
    """A Threshold that a signal of about 1 exceeds half the time."""
    return nir.Threshold(stored(draw, draw.uniform(shape, 0.05, 0.8)))


def delay_node(draw: Draw, shape: Shape, dt: float, least: int) -> nir.Delay:
    """A Delay of `least` to 5 steps, different for each element.

    Rarely a delay is not a multiple of dt (nirx warns and rounds), but never halfway.
    """
    steps = np.floor(draw.uniform(shape, least, 6)).clip(least, 5)
    if draw.chance(0.1):
        steps = np.maximum(steps + draw.uniform(shape, -0.3, 0.3), 0)
    return nir.Delay(np.asarray(steps * dt))
