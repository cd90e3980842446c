"""Neurons that are almost NIR's stay expressions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nirx
from nirx import formulas as f
from nirx.tracing.recognition import recognition
from nirx.tracing.recognition.recognition import recognised

TAU = np.array([4.0, 7.0])

MISSES: dict[str, tuple[Any, dict[str, Any]]] = {}


def miss(**states: Any) -> Any:
    def register(step: Any) -> Any:
        MISSES[step.__name__] = step, states
        return step

    return register


def lif(x, s, p, threshold=1.0, start="v"):
    v = getattr(s, start) + (x - getattr(s, start)) / p.tau
    z = f.spike(v, threshold)
    return v, z


@miss(v=0.0, b=0.0)
def adaptive_threshold(x, s, p):
    v, z = lif(x, s, p, 1.0 + s.b)
    return z, {"v": f.where(z, 0.0, v), "b": 0.9 * s.b + z}


@miss(v=0.0, w=0.0)
def adaptation(x, s, p):
    v, z = lif(x - s.w, s, p)
    return z, {"v": f.where(z, 0.0, v), "w": 0.9 * s.w + 0.1 * s.v + z}


@miss(v=0.0, left=0.0)
def refractory(x, s, p):
    v, z = lif(f.where(s.left > 0, 0.0, x), s, p)
    return z, {"v": f.where(z, 0.0, v), "left": f.where(z, 3.0, s.left - 1)}


@miss(v=0.0)
def quadratic(x, s, p):
    v = s.v + (s.v * (s.v - 0.5) + x) / p.tau
    z = f.spike(v, 1.0)
    return z, {"v": f.where(z, 0.0, v)}


@miss(v=0.0)
def exponential_of_v(x, s, p):
    v = s.v + (f.exp(s.v) + x) / p.tau
    z = f.spike(v, 1.0)
    return z, {"v": f.where(z, 0.0, v)}


@miss(v=0.25)
def another_start(x, s, p):
    v, z = lif(x, s, p)
    return z, {"v": f.where(z, 0.0, v)}


@miss(v=0.0)
def clipped_below(x, s, p):
    v, z = lif(x, s, p)
    return z, {"v": f.maximum(f.where(z, 0.0, v), 0.0)}


@miss(v=0.0)
def half_reset(x, s, p):
    v, z = lif(x, s, p)
    return z, {"v": v - 0.5 * z}


@miss(v=0.0)
def scaled_output(x, s, p):
    v, z = lif(x, s, p)
    return 2 * z, {"v": f.where(z, 0.0, v)}


@miss(v=0.0)
def both_signs(x, s, p):
    v, z = lif(x, s, p)
    return z - (v < -1.0), {"v": f.where(z, 0.0, v)}


@miss(v=0.0)
def reset_at_another_threshold(x, s, p):
    v, z = lif(x, s, p)
    return z, {"v": f.where(v > 1.5, 0.0, v)}


@miss(v=0.0)
def growing(x, s, p):
    v = 1.01 * s.v + x
    z = f.spike(v, p.tau)
    return z, {"v": f.where(z, 0.0, v)}


@miss(v=0.0)
def if_with_a_drift(x, s, p):
    v = s.v + x + 0.1 / p.tau
    z = f.spike(v, 1.0)
    return z, {"v": f.where(z, 0.0, v)}


@miss(v=0.0, z=1.0)
def kept_spikes_that_start_at_one(x, s, p):
    v = (s.v - s.v / p.tau) * (1 - s.z) + x
    z = f.spike(v, 1.0)
    return z, {"v": v, "z": z}


@miss(v=0.0, i=0.0)
def reset_of_the_current(x, s, p):
    i = 0.5 * s.i + x
    v = s.v - s.v / p.tau + i
    z = f.spike(v, 1.0)
    return z, {"v": f.where(z, 0.0, v), "i": f.where(z, 0.0, i)}


@miss(v=0.0, i=0.0)
def current_past_the_synapse(x, s, p):
    i = 0.5 * s.i + x
    v = s.v - s.v / p.tau + i + x
    z = f.spike(v, 1.0)
    return z, {"v": f.where(z, 0.0, v), "i": i}


@miss(v=0.0, i=0.0)
def current_that_never_decays(x, s, p):
    v = s.v - s.v / p.tau + s.i
    return v, {"v": v, "i": s.i + x}


@miss(u=0.0, v=0.0, w=0.0)
def three_states(x, s, p):
    u = 0.5 * s.u + x
    v = 0.5 * s.v + u
    w = s.w - s.w / p.tau + v
    z = f.spike(w, 1.0)
    return z, {"u": u, "v": v, "w": f.where(z, 0.0, w)}


@miss()
def spike_count(x, s, p):
    return f.floor(x / p.tau), {}


@miss()
def shifted(x, s, p):
    return x / p.tau + 1, {}


@miss()
def never_finite(x, s, p):
    return x * (p.tau / (p.tau - p.tau)), {}


@pytest.mark.parametrize("name", MISSES)
def test_near_misses_are_not_recognised(name: str):
    step, states = MISSES[name]
    node = nirx.neuron(step, parameters={"tau": TAU}, states=states)
    assert recognised(node) is None


def test_what_the_algebra_says_is_run_before_it_is_believed(monkeypatch: pytest.MonkeyPatch):
    def step(x, s, p):
        v, z = lif(x, s, p)
        return z, {"v": f.where(z, 0.0, v)}

    node = nirx.neuron(step, parameters={"tau": TAU}, states={"v": 0.0})
    assert recognised(node) is not None
    solve = recognition.nir_parameters

    def wrong(own: Any, rule: Any) -> Any:
        kind, parameters = solve(own, rule)  # type: ignore[misc]
        return kind, {**parameters, "tau": parameters["tau"] * (1 + 1e-7)}

    monkeypatch.setattr(recognition, "nir_parameters", wrong)
    assert recognised(node) is None


def test_a_layer_with_one_other_neuron_is_not_recognised():
    def step(x, s, p):
        v = p.kept * s.v + x
        z = f.spike(v, 1.0)
        return z, {"v": f.where(z, 0.0, v)}

    kept = np.full(1000, 0.5)
    assert recognised(nirx.neuron(step, parameters={"kept": kept}, states={"v": 0.0})) is not None
    kept[501] = 1.0
    assert recognised(nirx.neuron(step, parameters={"kept": kept}, states={"v": 0.0})) is None
