"""What every plot is made of: strokes for spikes, lines for values, and matplotlib itself."""

from __future__ import annotations

from typing import Any

import numpy as np

from nirx.errors import UnsupportedError

__all__ = ["COLOURS", "require_matplotlib", "spike_strokes", "value_line"]

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""Okabe and Ito's, which people with any colour vision tell apart."""


def require_matplotlib() -> None:
    """Fail early where nothing can be drawn. **Raises** `UnsupportedError`."""
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError as error:
        raise UnsupportedError(
            f'plots need matplotlib ({error}); install it with: pip install "nirx[plot]"'
        ) from error


def spike_strokes(
    ax: Any, spikes: np.ndarray, times: np.ndarray, bottom: float, height: float, **style: Any
) -> None:
    """A vertical stroke for each spike.

    Arguments:
        spikes: [time, neuron].
        times: of the steps, in the unit of the axis.
        bottom, height: of the band that all neurons share.
        style: of matplotlib's `vlines`.
    """
    steps, neurons = np.nonzero(spikes > 0)
    count = max(1, spikes.shape[1])
    low, high = (bottom + height * (neurons + part) / count for part in (0.1, 0.9))
    ax.vlines(times[steps], low, high, **style)


def value_line(ax: Any, values: np.ndarray, times: np.ndarray, **style: Any) -> None:
    """One neuron's value over time."""
    ax.plot(times, values, **style)
