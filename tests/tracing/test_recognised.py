"""Hand-written neurons that are NIR's, in several spellings each."""

from __future__ import annotations

from typing import Any

import nir
import numpy as np
import pytest

import nirx
from nirx import formulas as f
from nirx.tracing.recognition.recognition import Recognition, recognised

TAU = np.array([4.0, 7.0, 10.0])


def found(step: Any, states: Any = None, **parameters: Any) -> Recognition:
    given = {k: np.asarray(v, np.float64) for k, v in parameters.items()}
    states = {"v": 0.0} if states is None else states
    own = recognised(nirx.neuron(step, parameters=given, states=states))
    assert own is not None
    return own


def expect(own: Recognition, kind: type, choices: dict[str, Any], **parameters: Any) -> None:
    assert type(own.node) is kind
    assert own.rule.changes() == choices
    for name, value in parameters.items():
        np.testing.assert_allclose(getattr(own.node, name), value, rtol=1e-12, err_msg=name)


# -- LIF ------------------------------------------------------------------------------


def decay_and_add(x, s, p):
    v = p.beta * s.v + x
    z = f.spike(v, p.theta)
    return z, {"v": f.where(z, 0.0, v)}


def towards_the_input(x, s, p):
    v = s.v + (x - s.v) / p.tau
    z = f.spike(v - p.theta)
    return z, {"v": v * (1 - z)}


def exponential(x, s, p):
    kept = f.exp(-1 / p.tau)
    v = s.v * kept + (1 - kept) * x
    z = f.spike(v, p.theta)
    return z, {"v": v - z * p.theta}


def rc_circuit(x, s, p):
    v = s.v + p.dt / p.tau * (-s.v + p.R * x)
    z = f.spike(v / p.theta, 1.0, at_threshold=True)
    return z, {"v": v - f.detach(z) * v}


def reset_in_the_next_step(x, s, p):
    due = s.v > p.theta
    v = p.beta * s.v + x - due * p.theta
    return f.spike(v, p.theta), {"v": v}


def by_the_last_spikes(x, s, p):
    v = p.beta * s.mem * (1 - s.z) + x
    z = f.spike(v, p.theta)
    return z, {"mem": v, "z": z}


def around_a_rest(x, s, p):
    v = s.v - (s.v - p.rest) / p.tau + p.R * x / p.tau
    z = v >= p.theta
    return z, {"v": f.where(v < p.theta, v, p.v_low)}


BETA = 1 - 1 / TAU


def test_lif_that_decays_and_adds_its_input():
    expect(
        found(decay_and_add, beta=BETA, theta=1.5),
        nir.LIF,
        {},
        tau=TAU,
        r=TAU,
        v_leak=[0] * 3,
        v_threshold=[1.5] * 3,
        v_reset=[0] * 3,
    )


def test_lif_towards_its_input_with_the_threshold_moved_to_zero():
    own = found(towards_the_input, tau=TAU, theta=1.5)
    expect(own, nir.LIF, {}, tau=TAU, r=[1] * 3, v_threshold=[1.5] * 3, v_reset=[0] * 3)


def test_lif_with_an_exponential_keeps_its_time_constant():
    own = found(exponential, tau=TAU, theta=0.7)
    expect(own, nir.LIF, {"integrator": "exponential", "reset": "subtract"}, tau=TAU, r=[1] * 3)


def test_lif_as_an_rc_circuit_keeps_its_time_step():
    own = found(rc_circuit, tau=TAU * 1e-3, theta=0.5, dt=1e-3, R=5.0)
    expect(own, nir.LIF, {"threshold": "ge"}, tau=TAU * 1e-3, r=[5] * 3, v_threshold=[0.5] * 3)
    assert own.rule.dt == 1e-3


def test_lif_that_is_reset_in_the_next_step():
    own = found(reset_in_the_next_step, beta=BETA, theta=1.0)
    expect(own, nir.LIF, {"reset": "subtract", "reset_when": "next"}, tau=TAU, r=TAU)


def test_lif_that_keeps_its_last_spikes():
    own = found(by_the_last_spikes, {"mem": 0.0, "z": 0.0}, beta=BETA, theta=1.0)
    expect(own, nir.LIF, {"reset_when": "next-leaked"}, tau=TAU, r=TAU, v_reset=[0] * 3)
    assert own.states == {"v": "mem"}


def test_lif_around_a_rest_starts_there():
    rest = np.array([-65.0, -64.0, -63.0])
    own = found(around_a_rest, {"v": rest}, tau=TAU, theta=-50.0, rest=rest, v_low=-70.0, R=2.0)
    choices = {"threshold": "ge", "initial_v": "leak"}
    expect(own, nir.LIF, choices, tau=TAU, r=[2] * 3, v_leak=rest, v_reset=[-70] * 3)


def test_lif_with_its_output_one_step_late():
    def late(x, s, p):
        due = f.spike(s.v, p.theta)
        return due, {"v": f.where(due, p.low, p.beta * s.v + x)}

    own = found(late, beta=BETA, theta=1.0, low=0.25)
    choices = {"reset_when": "next", "output": "old"}
    expect(own, nir.LIF, choices, tau=TAU, v_threshold=[1] * 3, v_reset=[0.25] * 3)


def test_lif_without_reset():
    def free(x, s, p):
        v = p.beta * s.v + (1 - p.beta) * x
        return p.theta < v, {"v": v}

    expect(found(free, beta=BETA, theta=1.0), nir.LIF, {"reset": "none"}, tau=TAU, r=[1] * 3)


def test_lif_with_a_sigmoid_is_not_taken_for_an_exponential_decay():
    def parametric(x, s, p):
        v = s.v + (x - s.v) * f.sigmoid(p.w)
        z = f.spike(v, p.theta)
        return z, {"v": (1 - z) * v}

    expect(found(parametric, w=-np.log(TAU - 1), theta=1.0), nir.LIF, {}, tau=TAU, r=[1] * 3)


def test_neurons_that_inhibit_or_have_no_input():
    def weighted(x, s, p):
        v = s.v + (p.w * x - s.v) / p.tau
        z = f.spike(v, p.theta)
        return z, {"v": (1 - z) * v}

    own = found(weighted, w=[2.0, -1.0, 0.0], tau=TAU, theta=1.0)
    expect(own, nir.LIF, {}, tau=TAU, r=[2, -1, 0])


# -- IF -------------------------------------------------------------------------------

IF_STEPS: dict[str, tuple[Any, dict[str, Any]]] = {}


def if_step(**choices: Any) -> Any:
    def register(step: Any) -> Any:
        IF_STEPS[step.__name__] = step, choices
        return step

    return register


@if_step()
def if_select(x, s, p):
    v = s.v + p.r * x
    return f.spike(v, p.theta), {"v": f.where(v > p.theta, 0.0, v)}


@if_step(threshold="ge")
def if_product(x, s, p):
    v = x * p.r + s.v
    z = f.spike(v - p.theta, 0.0, at_threshold=True)
    return z, {"v": (1 - z) * v}


@if_step(reset="subtract")
def if_soft(x, s, p):
    v = s.v + x * p.r
    z = f.spike(v, p.theta)
    return z, {"v": v - p.theta * z}


@if_step(reset="subtract", reset_when="next")
def if_next(x, s, p):
    v = s.v - (s.v > p.theta) * p.theta + x * p.r
    return v - p.theta > 0, {"v": v}


@if_step(reset_when="next")
def if_next_value(x, s, p):
    v = f.where(s.v > p.theta, 0.0, s.v + x * p.r)
    return v > p.theta, {"v": v}


@if_step(reset_when="next-leaked")
def if_leaked(x, s, p):
    v = f.where(s.v <= p.theta, s.v, 0.0) + x * p.r
    return f.spike(v / p.theta, 1.0), {"v": v}


@pytest.mark.parametrize("name", IF_STEPS)
def test_if(name: str):
    step, choices = IF_STEPS[name]
    own = found(step, r=[0.5, 1.0, 2.0], theta=1.25)
    expect(own, nir.IF, choices, r=[0.5, 1.0, 2.0], v_threshold=[1.25] * 3, v_reset=[0] * 3)


# -- LI and I -------------------------------------------------------------------------

LI_STEPS: dict[str, Any] = {
    "decay": lambda x, s, p: p.kept * s.v + (1 - p.kept) * x,
    "towards": lambda x, s, p: s.v + (x - s.v) / p.tau,
    "euler": lambda x, s, p: s.v + (1 / p.tau) * (-s.v + x),
    "leak": lambda x, s, p: (s.v - s.v / p.tau) + x / p.tau,
    "mean": lambda x, s, p: ((p.tau - 1) * s.v + x) / p.tau,
    "convex": lambda x, s, p: f.where(x > 2, s.v * p.kept, p.kept * s.v) + x * (1 - p.kept),
}


@pytest.mark.parametrize("name", LI_STEPS)
def test_li(name: str):
    def step(x, s, p):
        v = LI_STEPS[name](x, s, p)
        return v, {"v": v}

    own = found(step, kept=BETA, tau=TAU)
    expect(own, nir.LI, {}, tau=TAU, r=[1] * 3, v_leak=[0] * 3)


def test_li_with_an_exponential_and_a_late_output():
    def step(x, s, p):
        kept = f.exp(0 - p.dt / p.tau)
        return s.u, {"u": kept * s.u + (1 - kept) * (p.R * x + p.rest)}

    own = found(step, {"u": 0.0}, tau=TAU, dt=0.5, R=3.0, rest=0.25)
    choices = {"integrator": "exponential", "output": "old", "reset": "none"}
    expect(own, nir.LI, choices, tau=TAU, r=[3] * 3, v_leak=[0.25] * 3)
    assert own.rule.dt == 0.5
    assert own.states == {"v": "u"}
    assert "its u is NIR's v" in own.text


def test_i():
    def step(x, s, p):
        total = s.total + 0.5 * x
        return total, {"total": total}

    expect(found(step, {"total": 0.0}), nir.I, {}, r=0.5)


# -- CubaLIF and CubaLI ---------------------------------------------------------------

SYNAPSE, MEMBRANE = np.array([2.0, 3.0, 5.0]), np.array([10.0, 20.0, 8.0])
CUBA_STEPS: dict[str, tuple[Any, dict[str, Any], Any]] = {}


def cuba_step(w_in: Any = 1.0, **choices: Any) -> Any:
    def register(step: Any) -> Any:
        CUBA_STEPS[step.__name__] = step, choices, w_in
        return step

    return register


@cuba_step(w_in=SYNAPSE)
def two_decays(x, s, p):
    i = p.alpha * s.i + x
    v = p.beta * s.v + (1 - p.beta) * i
    z = f.spike(v, p.theta)
    return z, {"i": i, "v": f.where(z, 0.0, v)}


@cuba_step()
def both_towards(x, s, p):
    i = s.i + (x - s.i) / p.syn
    v = s.v + (i - s.v) / p.mem
    z = f.spike(v - p.theta)
    return z, {"v": v * (1 - z), "i": i}


@cuba_step(synapse="voltage-first")
def membrane_first(x, s, p):
    v = s.v + (1 / p.mem) * ((0 - s.v) + s.i)
    z = f.spike(v, p.theta)
    return z, {"v": f.where(z, 0.0, v), "i": s.i + (x - s.i) / p.syn}


@cuba_step(w_in=SYNAPSE - 1)
def jump_then_decay(x, s, p):
    i = p.alpha * (s.i + x)
    v = p.beta * s.v + i / p.mem
    z = f.spike(v, p.theta)
    return z, {"v": f.where(z, 0.0, v), "i": i}


@cuba_step(reset="subtract", reset_when="next", w_in=SYNAPSE)
def soft_and_late(x, s, p):
    i = p.alpha * s.i + x
    v = p.beta * s.v + (1 - p.beta) * i - p.theta * (s.v > p.theta)
    return f.spike(v, p.theta), {"v": v, "i": i}


@cuba_step(reset_when="next-leaked")
def kept_spikes(x, s, p):
    i = s.i - (s.i - x) / p.syn
    v = s.v * (1 - s.z) * p.beta + (1 - p.beta) * i
    z = f.spike(v, p.theta)
    return z, {"v": v, "i": i, "z": z}


@pytest.mark.parametrize("name", CUBA_STEPS)
def test_cubalif(name: str):
    step, choices, w_in = CUBA_STEPS[name]
    states = {"i": 0.0, "v": 0.0, **({"z": 0.0} if name == "kept_spikes" else {})}
    given = {"alpha": 1 - 1 / SYNAPSE, "beta": 1 - 1 / MEMBRANE, "syn": SYNAPSE, "mem": MEMBRANE}
    own = found(step, states, **given, theta=0.5)
    expect(
        own,
        nir.CubaLIF,
        choices,
        tau_syn=SYNAPSE,
        tau_mem=MEMBRANE,
        r=[1] * 3,
        w_in=np.broadcast_to(w_in, 3),
        v_threshold=[0.5] * 3,
        v_reset=[0] * 3,
        v_leak=[0] * 3,
    )
    assert own.states == {"v": "v", "i": "i"}


def test_cubali():
    def step(x, s, p):
        a = p.alpha * s.a + x
        b = p.beta * s.b + a
        return b, {"b": b, "a": a}

    own = found(step, {"b": 0.0, "a": 0.0}, alpha=1 - 1 / SYNAPSE, beta=1 - 1 / MEMBRANE)
    expect(own, nir.CubaLI, {}, tau_syn=SYNAPSE, tau_mem=MEMBRANE, r=MEMBRANE, w_in=SYNAPSE)
    assert own.states == {"v": "b", "i": "a"}


# -- without memory -------------------------------------------------------------------


def test_threshold_and_scale():
    own = found(lambda x, s, p: (2 * x >= p.theta, {}), {}, theta=[1.0, 3.0])
    expect(own, nir.Threshold, {"threshold": "ge"}, threshold=[0.5, 1.5])
    own = found(lambda x, s, p: (x * p.k - x, {}), {}, k=[1.0, 3.0])
    expect(own, nir.Scale, {}, scale=[0, 2])


# -- shapes ---------------------------------------------------------------------------


def test_parameters_have_the_shape_of_the_input():
    node = nirx.neuron(
        towards_the_input,
        parameters={"tau": TAU[:, None], "theta": np.array(1.0)},
        states={"v": 0.0},
        label="mine",
    )
    own = recognised(node, (3, 5))
    assert own is not None
    assert own.node.tau.shape == own.node.v_threshold.shape == (3, 5)
    assert "'mine' equals NIR's LIF" in own.text


def test_time_constants_are_solved_for_a_given_time_step():
    node = nirx.neuron(
        towards_the_input,
        parameters={"tau": np.array([4.0]), "theta": np.array(1.0)},
        states={"v": 0.0},
    )
    own = recognised(node, dt=1e-3)
    assert own is not None
    assert own.rule.dt == 1e-3
    np.testing.assert_allclose(own.node.tau, [4e-3])
