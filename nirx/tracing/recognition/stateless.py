"""Neurons without memory that are a Threshold or a Scale."""

from __future__ import annotations

from typing import Any

import nir
import numpy as np

from nirx.dynamics.program import INPUT, OUTPUT
from nirx.tracing.recognition.forms import NONE, Form, threshold_of
from nirx.tracing.recognition.spike_states import single_indicator
from nirx.tracing.recognition.step_forms import StepForms

__all__ = ["stateless_node"]

Found = tuple[type[nir.NIRNode], dict[str, np.ndarray], dict[str, Any]]


def stateless_node(step: StepForms) -> Found | None:
    """Type, parameters and choices of the node that a step without states is, or None."""
    y = step.results[OUTPUT]
    if set(y.terms) == {NONE} and set(y.base) == {INPUT}:
        return nir.Scale, {"scale": y.base[INPUT]}, {}
    number = single_indicator(y)
    if number is None:
        return None
    own = step.indicators[number]
    if own.above is None:
        return None
    threshold = threshold_of(own.above, Form({NONE: {INPUT: np.ones(())}}))
    if threshold is None:
        return None
    return nir.Threshold, {"threshold": threshold}, {"threshold": "ge"} if own.at_zero else {}
