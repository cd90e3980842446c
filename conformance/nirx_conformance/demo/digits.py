"""The handwritten digits that ship inside scikit-learn, as spike trains."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from nirx.errors import UnsupportedError

__all__ = ["STEPS", "Digits", "load_digits", "spike_trains"]

STEPS = 32
"""Time steps per digit."""

HELD_OUT = 597
"""The last third of the 1,797 digits, written by other people than the first two thirds."""


@dataclass(frozen=True)
class Digits:
    """Spikes [time, digit, 64] of 0 and 1, and labels [digit]."""

    spikes: Bool[np.ndarray, "time digit pixel"]
    labels: Int[np.ndarray, " digit"]


def spike_trains(
    brightness: Float[np.ndarray, "digit pixel"],
) -> Bool[np.ndarray, "time digit pixel"]:
    """Evenly spaced spikes, more for brighter pixels; no randomness.

    Arguments:
        brightness: [digit, 64] in 0..1.

    Returns: bool [time, digit, 64]; step t spikes where floor(brightness*t/2) increases.
    """
    steps = np.arange(STEPS + 1).reshape((-1, 1, 1))
    return np.diff(np.floor(brightness * steps * 0.5), axis=0) > 0


def load_digits() -> tuple[Digits, Digits]:
    """The training digits and the held-out ones.

    **Raises**: `UnsupportedError` without scikit-learn.
    """
    try:
        from sklearn.datasets import load_digits as load
    except ImportError as error:
        raise UnsupportedError(
            'the demo needs scikit-learn; install it with: pip install "nirx[demo]"'
        ) from error
    data, labels = load(return_X_y=True)
    spikes = spike_trains(np.asarray(data) / 16.0)
    labels = np.asarray(labels)
    return (
        Digits(spikes[:, :-HELD_OUT], labels[:-HELD_OUT]),
        Digits(spikes[:, -HELD_OUT:], labels[-HELD_OUT:]),
    )
