"""Closed forms: the response of neurons to simple inputs, without a loop over time.

They check the oracle independently: they are geometric sums, derived by hand. Arguments are
plain numbers; steps count from 1, so `steps=1` is after the first step.
"""

from __future__ import annotations

import math
from fractions import Fraction

__all__ = ["cuba_li_pulse", "leak_fraction", "li_constant", "lif_interval"]


def leak_fraction(dt: float, tau: float, integrator: str = "euler") -> float:
    """The fraction of the distance to its target that a leaky variable covers in one step."""
    return dt / tau if integrator == "euler" else -math.expm1(-dt / tau)


def li_constant(
    steps: int,
    dt: float,
    tau: float,
    r: float,
    v_leak: float,
    x: float,
    v_start: float = 0.0,
    integrator: str = "euler",
) -> float:
    """v of LI after some steps of constant input.

    The distance from the target v_leak + r*x shrinks by a factor of 1 - a in each step: with
    Euler 1 - dt/tau, with the exponential integrator exp(-dt/tau), which is the exact solution.
    """
    goal = v_leak + r * x
    left = (1 - dt / tau) ** steps if integrator == "euler" else math.exp(-steps * dt / tau)
    return goal + (v_start - goal) * left


def lif_interval(
    dt: float,
    tau: float,
    r: float,
    v_leak: float,
    v_threshold: float,
    x: float,
    v_reset: float = 0.0,
) -> int | None:
    """Steps from one spike of LIF to the next, with Euler and constant input.

    Returns: the smallest n >= 1 with v_n > v_threshold, where
    v_n = goal + (v_reset - goal) * (1 - dt/tau)^n; None if there is none. The logarithm
    gives an estimate; then exact fractions decide on which side of the threshold v_n is, so
    that a tie is a tie.

    **Raises**: `ValueError` unless 0 < dt < tau and v_reset <= v_threshold.
    """
    if not (0 < dt < tau and v_reset <= v_threshold):
        raise ValueError(f"expected 0 < dt < tau and v_reset <= v_threshold, got {dt=}, {tau=}")
    keep = 1 - Fraction(dt) / Fraction(tau)
    goal = Fraction(v_leak) + Fraction(r) * Fraction(x)
    reset, threshold = Fraction(v_reset), Fraction(v_threshold)
    if goal <= threshold:
        return None

    def above(n: int) -> bool:
        return goal + (reset - goal) * keep**n > threshold

    remaining = float((goal - threshold) / (goal - reset))
    n = max(1, math.floor(math.log(remaining) / math.log(float(keep))))
    while n > 1 and above(n - 1):
        n -= 1
    while not above(n):
        n += 1
    return n


def cuba_li_pulse(
    steps: int,
    dt: float,
    tau_syn: float,
    tau_mem: float,
    r: float,
    w_in: float,
    x: float,
    integrator: str = "euler",
) -> tuple[float, float]:
    """v and i of CubaLI some steps after a pulse: input x in the first step, then 0.

    With a = the leak fractions, s = 1 - a_syn and m = 1 - a_mem (v_leak and both starts 0):
    i_n = a_syn * w_in * x * s^(n-1), and v_n = a_mem * r * sum over k of m^(n-k) * i_k, which
    is a_mem * r * a_syn * w_in * x * (m^n - s^n) / (m - s), with n * m^(n-1) instead of
    the quotient where m = s.
    """
    a_syn = leak_fraction(dt, tau_syn, integrator)
    a_mem = leak_fraction(dt, tau_mem, integrator)
    s, m = 1 - a_syn, 1 - a_mem
    first_i = a_syn * w_in * x
    both = steps * m ** (steps - 1) if m == s else (m**steps - s**steps) / (m - s)
    return a_mem * r * first_i * both, first_i * s ** (steps - 1)
