"""The surrogate gradient 1/threshold above threshold - window, which two bridges share."""

from __future__ import annotations

import math
from typing import Any

from nirx.bridging.surrogates import one_number
from nirx.dynamics import surrogates
from nirx.dynamics.surrogate_formulas import Heaviside, NamedSurrogate

__all__ = ["window_of", "with_window"]


def with_window(threshold: Any, window: Any) -> tuple[NamedSurrogate | None, str]:
    """The surrogate of a module, and what it is called.

    Arguments:
        threshold, window: of its neurons.
    """
    high, wide = one_number(threshold), one_number(window)
    if high is None or wide is None or high <= 0:
        return None, "StepPWL, whose height differs from neuron to neuron with the threshold,"
    return surrogates.heaviside(wide, 1.0 / high), "StepPWL"


def window_of(surrogate: NamedSurrogate, threshold: Any) -> float | None:
    """The window of a module with this threshold, or None for another surrogate."""
    high = one_number(threshold)
    if high is None or not isinstance(surrogate, Heaviside) or surrogate.below:
        return None
    return surrogate.window if math.isclose(surrogate.height * high, 1.0, rel_tol=1e-6) else None
