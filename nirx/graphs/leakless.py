"""Neurons with an infinite time constant: a membrane without a leak.

Loihi's decay of 0, exported as tau = dt / decay, is infinite. NIR has the nodes I and IF for it:
dv/dt = R I. By NIR's equation of LI and LIF, dv/dt = (v_leak - v) / tau + (R / tau) I, so that the
R of the I or IF is R / tau.
"""

from __future__ import annotations

from typing import Any

import nir
import numpy as np

from nirx.dynamics.node_types import find_type
from nirx.dynamics.parameters import NodeMismatch, parameter
from nirx.errors import Fault
from nirx.graphs.misnamed import REPAIR

__all__ = ["leakless_fault", "without_leak"]

LEAKLESS: dict[type, type] = {nir.LI: nir.I, nir.LIF: nir.IF}
CURRENT_BASED = (nir.CubaLI, nir.CubaLIF)


def leakless_fault(where: str, node: Any) -> Fault | None:
    """The fault of a neuron with an infinite time constant, or None for any other node.

    Arguments:
        where: its path.
    """
    name = _infinite(node)
    if name is None:
        return None
    tau = parameter(node, name)
    part = "" if np.isinf(tau).all() else f" for {int(np.isinf(tau).sum())} of {tau.size} neurons"
    found = f"{name} is inf{part}: a membrane without a leak"
    if name == "tau_syn":
        found = f"{name} is inf{part}: a synaptic current that never decays"
    reason = _uncertain(node, name)
    if reason:
        return Fault(where, f"{found}, and {reason}", *_wanted(node))
    target = LEAKLESS[_kind(node)].__name__
    return Fault(where, found, f"a finite {name}, or a nir.{target}", f"{REPAIR} makes it one")


def without_leak(node: Any) -> tuple[Any, str] | None:
    """The I or IF that an LI or LIF with an infinite time constant is, and what was done.

    Returns: None for any other node, and where the gain of the input is not certain.
    """
    name = _infinite(node)
    if name is None or _uncertain(node, name):
        return None
    kind = LEAKLESS[_kind(node)]
    shape = np.broadcast_shapes(*(parameter(node, n).shape for n in ("tau", "r")))
    values: dict[str, Any] = {"r": np.zeros(shape, parameter(node, "r").dtype)}
    if kind is nir.IF:
        values["v_threshold"] = np.array(parameter(node, "v_threshold"))
        values["v_reset"] = np.array(parameter(node, "v_reset"))
    new = object.__new__(kind)  # nir's constructor requires equal shapes
    for field, value in values.items():
        setattr(new, field, value)
    new.metadata = dict(node.metadata or {})
    new.input_type, new.output_type = dict(node.input_type), dict(node.output_type)
    text = (
        f"an {type(node).__name__} with tau = inf is now an {kind.__name__} with r = r / tau = 0: "
        "its input has no effect, as NIR's equation says; if the exporter meant a decay of 0, set "
        "r to the gain of the input per unit of time"
    )
    return new, text


def _kind(node: Any) -> type:
    entry = find_type(type(node))
    return type(None) if entry is None else entry.nir_type


def _infinite(node: Any) -> str | None:
    """The infinite time constant of a neuron."""
    names = ("tau",) if _kind(node) in LEAKLESS else ()
    names = ("tau_mem", "tau_syn") if _kind(node) in CURRENT_BASED else names
    for name in names:
        try:
            tau = parameter(node, name)
        except NodeMismatch:
            return None
        if tau.dtype.kind == "f" and np.isposinf(tau).any():
            return name
    return None


def _uncertain(node: Any, name: str) -> str:
    """Why a node cannot become an I or IF, or an empty text."""
    if name != "tau":
        return "NIR has no current-based neuron without a leak"
    try:
        r, v_leak = parameter(node, "r"), parameter(node, "v_leak")
    except NodeMismatch:
        return "its r or v_leak is not an array of numbers"
    if not np.isfinite(r).all():
        return "r is not finite either: r / tau, the gain of its input, is not determined"
    if not np.isinf(parameter(node, name)).all():
        return "an I or IF has no leak in any neuron"
    if np.any(v_leak != 0):
        return "v_leak is not 0, where an I or IF starts"
    return ""


def _wanted(node: Any) -> tuple[str, str]:
    kind = "IF" if _kind(node) in (nir.LIF, nir.CubaLIF) else "I"
    mend = f"write a nir.{kind} with r = the gain of its input per unit of time"
    return "a finite time constant", mend
