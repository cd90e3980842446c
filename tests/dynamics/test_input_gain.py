"""`input_gain="euler"`: an exponential decay, and an input that is scaled by dt/tau."""

# nir's own annotations are narrower than what it accepts.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import nir
import numpy as np
import pytest

import nirx
from nirx.bridging.membrane import Synapse, membrane_of, neuron_node, synapse_of
from nirx.cli.app import main
from nirx.dynamics.coefficients import input_fraction
from nirx.execution.numpy_ops import NumpyOps
from nirx_conformance import oracle
from support.graphs import chain, neuron
from support.one_node import history
from support.running import BACKENDS, DTYPES, Reproducible, Running

KINDS = (nir.LI, nir.LIF, nir.CubaLI, nir.CubaLIF)
SIZE = 12
RULE = nirx.Discretization(dt=1.0, integrator="exponential", input_gain="euler")
EULER: dict[str, Any] = {"integrator": "exponential", "input_gain": "euler"}
CUBA_RULES = [
    RULE,
    replace(RULE, synapse="voltage-first", reset="subtract"),
    replace(RULE, synapse_input="jump", initial_v="leak"),
    replace(RULE, synapse_input="jump-then-decay", spikes="multi", threshold="ge"),
]


def graph(kind: type) -> nir.NIRGraph:
    random = np.random.default_rng(3)
    names = ("tau_syn", "tau_mem") if kind in (nir.CubaLI, nir.CubaLIF) else ("tau",)
    taus = {name: random.uniform(2, 9, SIZE) for name in names}
    return chain({"n": neuron(kind, SIZE, r=2.0, v_leak=0.25, **taus)}, SIZE)


def drive() -> np.ndarray:
    return np.random.default_rng(0).uniform(-1, 3, (60, 2, SIZE))


def test_li_and_lif_decay_exponentially_and_take_the_input_by_dt_over_tau():
    a = -math.expm1(-0.25)
    v1 = 0.25 * 2 * 3 + a * 0.5
    v2 = v1 + a * (0.5 - v1)
    ys, _ = history(neuron(nir.LI, 1, tau=4.0, r=2.0, v_leak=0.5), [3, 0], **EULER)
    assert ys == pytest.approx([v1, v2], rel=1e-14)
    _, vs = history(
        neuron(nir.LIF, 1, tau=4.0, r=2.0, v_leak=0.5, v_threshold=9.0), [3, 0], **EULER
    )
    assert vs == ys


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rule", CUBA_RULES, ids=range(4))
@pytest.mark.sampled(3)
def test_it_agrees_with_the_oracle(kind, rule):
    expected = oracle.run(graph(kind), rule, drive())
    _, state, recorded = Running("numpy", graph(kind), rule, "float64").run(drive())
    assert oracle.compare(expected, recorded, state).fault is None
    if kind in (nir.LIF, nir.CubaLIF):
        assert recorded["n"].any()
    matched = oracle.run(graph(kind), replace(rule, input_gain="matched"), drive())
    assert not np.array_equal(matched.recordings["n.v"], expected.recordings["n.v"])


@pytest.mark.slow
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.sampled(3)
def test_backends_agree_and_in_reproducible_mode_bit_for_bit(kind, dtype):
    rule = CUBA_RULES[1]
    ours = Running("numpy", graph(kind), rule, dtype).run(drive())
    exact = Reproducible("numpy", graph(kind), rule, dtype).run(drive())
    for backend in BACKENDS[1:]:
        _, _, fast = Running(backend, graph(kind), rule, dtype).run(drive())
        _, _, same = Reproducible(backend, graph(kind), rule, dtype).run(drive())
        for key, values in ours[2].items():
            np.testing.assert_allclose(
                fast[key], values, atol=1e-5 if dtype == "float32" else 1e-12
            )
            assert np.array_equal(same[key], exact[2][key]), (backend, key)


@pytest.mark.parametrize("kind", [nir.I, nir.IF])
def test_what_has_no_time_constant_is_left_alone(kind):
    node = chain({"n": neuron(kind, SIZE)}, SIZE)
    both = (RULE, replace(RULE, input_gain="matched"))
    one, other = (Running("numpy", node, rule, "float64").run(drive())[2] for rule in both)
    assert np.array_equal(one["n.v"], other["n.v"])


def test_the_factor_of_the_input():
    ops, tau = NumpyOps(np.dtype("float64")), np.array([2.0, 4.0])
    euler = input_fraction(ops, 1.0, tau, "exponential", "euler")
    assert euler.tolist() == [0.5, 0.25]
    matched = input_fraction(ops, 1.0, tau, "exponential", "matched")
    np.testing.assert_allclose(matched, -np.expm1(-1 / tau), rtol=1e-15)


@pytest.mark.parametrize(
    ("own", "text"),
    [
        ({"input_gain": "euler"}, "has no effect with integrator=.*'?euler.*gain dt/tau"),
        ({"overrides": {"n": {"input_gain": "euler"}}}, "use integrator=.exponential."),
        ({"input_gain": "fixed"}, "expected one of 'matched', 'euler'"),
    ],
)
def test_with_forward_euler_it_is_refused_with_the_reason(own, text):
    with pytest.raises(nirx.InputError, match=text):
        nirx.Discretization(**own)


def test_one_node_may_have_it():
    base = replace(RULE, input_gain="matched", overrides={"b": {"input_gain": "euler"}})
    node = neuron(nir.LI, 1, tau=4.0)
    _, _, seen = Running("numpy", chain({"a": node, "b": node}, 1), base, "float64").run(
        np.ones((1, 1))
    )
    a = -math.expm1(-0.25)
    assert (seen["a"].item(), seen["b"].item()) == pytest.approx((a, a / 4))


@pytest.mark.parametrize("how", ["scaled", "jump", "jump-then-decay"])
def test_the_numbers_of_a_bridge_and_back(how):
    rule = replace(RULE, synapse_input=how)
    node = graph(nir.CubaLIF).nodes["n"]
    membrane, synapse = membrane_of(node, rule), synapse_of(node, rule)
    keep = np.exp(-1 / node.tau_mem)
    np.testing.assert_allclose(membrane.keep, keep)
    np.testing.assert_allclose(membrane.gain, node.r / node.tau_mem)
    assert isinstance(synapse, Synapse)
    back = neuron_node(membrane, rule, True, synapse)
    for name in ("tau_mem", "tau_syn", "r", "v_leak", "w_in", "v_threshold"):
        np.testing.assert_allclose(getattr(back, name), getattr(node, name), err_msg=name)
    plain = neuron_node(membrane, rule, True)
    np.testing.assert_allclose(plain.r, node.r)


def test_info_shows_it(tmp_path, capsys):
    nirx.write(tmp_path / "x.nir", graph(nir.LIF))
    sets = ["--dt", "1", "--set", "integrator=exponential", "--set", "input_gain=euler"]
    assert main(["info", str(tmp_path / "x.nir"), *sets]) == 0
    assert "input_gain=euler" in capsys.readouterr().out
    assert main(["info", str(tmp_path / "x.nir"), "--set", "input_gain=euler"]) == 2
    assert "has no effect with integrator" in " ".join(capsys.readouterr().err.split())
