"""Times of events: in the middle of their step, where no rounding moves them into another.

nir's own `to_time_gridded` loses spikes that sit on k*dt.
"""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["end_of_run", "steps_of", "times_of"]


def times_of(steps: Any, dt: float) -> Any:
    """When the events of some steps are: (k + 1/2)*dt."""
    return (steps + 0.5) * dt


def end_of_run(steps: int, dt: float) -> float:
    """t_max of a run of so many steps: (T + 1/2)*dt."""
    return (steps + 0.5) * dt


def steps_of(times: np.ndarray, dt: float) -> np.ndarray:
    """The steps of events at such times, as whole floats; padding at infinity stays there."""
    with np.errstate(invalid="ignore", over="ignore"):
        return np.floor(times / dt)
