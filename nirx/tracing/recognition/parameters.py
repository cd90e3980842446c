"""From the coefficients of a membrane to the parameters of a NIR node, for a given time step."""

from __future__ import annotations

from collections.abc import Mapping

import nir
import numpy as np

from nirx.dynamics.discretization import Discretization
from nirx.dynamics.ops import Shape
from nirx.dynamics.program import INPUT, STATE
from nirx.tracing.recognition.forms import CONSTANT, Affine, close
from nirx.tracing.recognition.solution import Solution

__all__ = ["bare_node", "nir_parameters"]

Parameters = dict[str, np.ndarray]


def nir_parameters(
    own: Solution, rule: Discretization
) -> tuple[type[nir.NIRNode], Parameters] | None:
    """The type of NIR node that a step is, and its parameters; None if it is none.

    Arguments:
        rule: its dt and its integrator count.
    """
    found = _without_synapse(own, rule) if own.i is None else _current_based(own, rule)
    if found is None:
        return None
    integrator, spiking, parameters = found
    if own.threshold is None:
        return integrator, parameters
    parameters["v_threshold"] = own.threshold
    parameters["v_reset"] = np.zeros(()) if own.reset_to is None else own.reset_to
    return spiking, parameters


Found = tuple[type[nir.NIRNode], type[nir.NIRNode], Parameters]


def _without_synapse(own: Solution, rule: Discretization) -> Found | None:
    """LI or LIF, or I or IF where nothing leaks."""
    gain, offset = _coefficient(own.membrane, INPUT), _coefficient(own.membrane, CONSTANT)
    if close(_coefficient(own.membrane, STATE + own.v), 1.0):
        return (nir.I, nir.IF, {"r": gain / rule.dt}) if not offset.any() else None
    leak = _leak(_coefficient(own.membrane, STATE + own.v), rule)
    if leak is None:
        return None
    fraction, tau = leak
    return nir.LI, nir.LIF, {"tau": tau, "r": gain / fraction, "v_leak": offset / fraction}


def _current_based(own: Solution, rule: Discretization) -> Found | None:
    """CubaLI or CubaLIF. Each way of NIR's synapse has the same steps, with another w_in."""
    assert own.i is not None
    assert own.synapse is not None
    kept, gain = _coefficient(own.synapse, STATE + own.i), _coefficient(own.synapse, INPUT)
    membrane = _leak(_coefficient(own.membrane, STATE + own.v), rule)
    synapse = _leak(kept, rule)
    if membrane is None or synapse is None or _coefficient(own.synapse, CONSTANT).any():
        return None
    r, of_input = _coefficient(own.membrane, STATE + own.i), _coefficient(own.membrane, INPUT)
    if rule.synapse == "current-first":  # v sees kept * i + gain * x
        if not (kept != 0).all():
            return None
        r = r / kept
        if not close(r * gain, of_input):
            return None
    elif of_input.any():
        return None
    fraction, tau = membrane
    parameters = {
        "tau_syn": synapse[1],
        "tau_mem": tau,
        "r": r / fraction,
        "v_leak": _coefficient(own.membrane, CONSTANT) / fraction,
        "w_in": gain / synapse[0],
    }
    return nir.CubaLI, nir.CubaLIF, parameters


def _leak(kept: np.ndarray, rule: Discretization) -> tuple[np.ndarray, np.ndarray] | None:
    """What a state loses in a step, as a fraction, and its time constant."""
    exponential = rule.integrator == "exponential"
    lowest = kept > 0 if exponential else kept >= 0
    if not (lowest & (kept < 1)).all() or close(kept, 1.0):
        return None
    fraction = 1.0 - kept
    return fraction, rule.dt / (-np.log(kept) if exponential else fraction)


def _coefficient(affine: Affine, atom: str) -> np.ndarray:
    return np.asarray(affine.get(atom, 0.0))


def bare_node(
    kind: type[nir.NIRNode], parameters: Mapping[str, np.ndarray], shape: Shape
) -> nir.NIRNode:
    """A NIR node with parameters of one shape."""
    return kind(**{k: np.broadcast_to(_tidy(v), shape).copy() for k, v in parameters.items()})


def _tidy(values: np.ndarray) -> np.ndarray:
    """Values without the last digits that only the algebra's roundings brought: 10 in place of
    10.000000000000002."""
    values = np.asarray(values, np.float64)
    digits = 12 - np.ceil(np.log10(np.where(values == 0, 1.0, np.abs(values))))
    factor = 10.0 ** np.clip(digits, -290, 290)
    short = np.round(values * factor) / factor
    rounding = 8 * np.finfo(np.float64).eps * np.abs(values)
    return np.where(np.abs(short - values) <= rounding, short, values)
