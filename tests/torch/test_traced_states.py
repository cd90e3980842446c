"""torch_to_nir: states become a node's own, feedback edges or Delays; all others are refused.

The oracle is the module itself, called once per step in a Python loop.
"""

# nir's and torch's own annotations are narrower than what both accept and give.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false
# pyright: reportOperatorIssue=false, reportIndexIssue=false, reportOptionalCall=false
# pyright: reportIncompatibleMethodOverride=false

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import nir
import numpy as np
import pytest
import torch
from torch import nn

import nirx
from nirx_torch import torch_to_nir
from support.torch_modules import RULE, assert_reads_back, cell, in_a_loop, samples

Z = torch.zeros(4, 3, dtype=torch.float64)


def delays(graph: nir.NIRGraph) -> int:
    return sum(isinstance(n, nir.Delay) for n in graph.nodes.values())


class Pair(NamedTuple):
    y: Any
    n: Any


@dataclass
class Record:
    y: Any
    n: Any


def recurrent_tuple(m, x, state):
    y, n = m.n(m.a(x) + m.r(state[0]), state[1])
    return y, (y, n)


def recurrent_dict(m, x, state):
    new = {}
    y, new["n"] = m.n(m.a(x) + m.r(state["y"]), state["n"])
    return y, {**new, "y": y}


def recurrent_named_tuple(m, x, state):
    y, n = m.n(m.a(x) + m.r(state.y), state.n)
    return y, Pair(y, n)


def recurrent_dataclass(m, x, state):
    y, n = m.n(m.a(x) + m.r(state.y), state.n)
    return y, Record(y=y, n=n)


def nested_state(m, x, state):
    y, n = m.n(m.a(x) + m.r(state["loop"][0]), state["own"]["n"])
    return y, {"loop": (y,), "own": {"n": n}}


def all_by_name(m, x, state):
    y, n = m.n(state=state["n"], input=m.a(x) + m.r(state["y"]))
    return y, dict(y=y, n=n)  # noqa: C408


def two_neurons_in_one_loop(m, x, state):
    y, n = m.n(m.a(x) + m.r(state[1]), state[0])
    z, k = m.m(m.b(y), state[2])
    return z, (n, z, k)


def neurons_without_a_loop(m, x, state):
    y, n = m.n(m.a(x), state[0])
    y, i = m.i(m.b(y), state[1])
    return y, (n, i)


EDGES = {
    "tuple": (recurrent_tuple, (Z, None)),
    "dict": (recurrent_dict, {"y": Z, "n": None}),
    "NamedTuple": (recurrent_named_tuple, Pair(Z, None)),
    "dataclass": (recurrent_dataclass, Record(Z, None)),
    "nested": (nested_state, {"loop": (Z,), "own": {"n": None}}),
    "all by name": (all_by_name, {"y": Z, "n": None}),
    "two neurons": (two_neurons_in_one_loop, (None, Z, None)),
    "no loop": (neurons_without_a_loop, (None, None)),
}


@pytest.mark.parametrize("name", EDGES)
def test_a_recurrent_cell_becomes_an_edge(name):
    step, state = EDGES[name]
    net = cell(step)
    graph = torch_to_nir(net, discretization=RULE)
    assert delays(graph) == 0
    assert list(graph.inputs) == ["input"]
    loops = [("n", "r") in graph.edges, ("m", "r") in graph.edges]
    assert sum(loops) == (name != "no loop")
    xs = samples()
    assert_reads_back(graph, xs, in_a_loop(net, xs, state))


def linear_rnn(m, x, state):
    y = m.a(x) + m.r(state)
    return y, y


def loop_from_an_affine_with_bias(m, x, state):
    y = 0.5 * m.c(m.a(x) + state)
    return y, y


def biased_recurrent_layer(m, x, state):
    y, n = m.n(m.a(x) + m.c(state[0]), state[1])
    return y, (m.c(y), n)


def delayed_input(m, x, state):
    return m.a(x) + m.r(state), x


def shift_register(m, x, state):
    return m.a(x) + m.r(state[1]), (x, state[0])


def shift_register_turned(m, x, state):
    return m.a(x) + m.r(state[0]), (state[1], x)


def three_steps_back(m, x, state):
    return m.a(x) + state[2], (m.b(x), state[0], state[1])


def two_taps(m, x, state):
    y = 0.3 * (m.a(x) + m.r(state[0])) + 0.1 * state[1]
    return y, (y, state[0])


def leaky(m, x, state):
    v = 0.9 * state + m.a(x)
    return v, v


def leaky_with_subtraction(m, x, state):
    v = state * 0.9 + m.a(x)
    z = m.t(v)
    return z, v - z


def threshold_loop(m, x, state):
    z = m.t(m.a(x) + m.r(state))
    return z, z


def late_and_now(m, x, state):
    y, n = m.n(m.a(x) + m.r(state[0]), state[1])
    return m.b(y) + state[0], (y, n)


def late_forward(m, x, state):
    z, k = m.m(m.b(state[1]), state[2])
    y, n = m.n(m.a(x) + m.r(z), state[0])
    return z, (n, y, k)


def tangled(m, x, state):
    y, n = m.n(m.a(x) + m.r(state[1]) + m.q(state[3]), state[0])
    z, k = m.m(m.b(y) + m.c(state[3]), state[2])
    return z + y, (n, z, k, y)


def differences(m, x, state):
    return m.a(x - state), x


DELAYS = {
    linear_rnn: Z,
    loop_from_an_affine_with_bias: Z,
    biased_recurrent_layer: (Z, None),
    delayed_input: Z,
    shift_register: (Z, Z),
    shift_register_turned: (Z, Z),
    three_steps_back: (Z, Z, Z),
    two_taps: (Z, Z),
    leaky: Z,
    leaky_with_subtraction: Z,
    threshold_loop: Z,
    late_and_now: (Z, None),
    late_forward: (None, Z, None),
    tangled: (None, Z, None, Z),
    differences: Z,
}


@pytest.mark.parametrize("step", DELAYS, ids=lambda step: step.__name__)
def test_loops_that_feedback_edges_cannot_express_become_delays(step):
    net = cell(step)
    graph = torch_to_nir(net, discretization=RULE, input_shape=3)
    assert delays(graph) >= 1
    for node in graph.nodes.values():
        if isinstance(node, nir.Delay):
            assert np.array_equal(node.delay, np.full(3, RULE.dt))
    xs = samples()
    assert_reads_back(graph, xs, in_a_loop(net, xs, DELAYS[step]))


def test_two_taps_get_two_delays_in_a_row():
    graph = torch_to_nir(cell(two_taps), discretization=RULE)
    assert ("state.0.delay", "state.1.delay") in graph.edges


def test_a_delay_without_a_given_dt_warns():
    with pytest.warns(nirx.NirxWarning, match="'state': a one-step Delay of 0.0001"):
        graph = torch_to_nir(cell(leaky))
    xs = samples()
    assert_reads_back(graph, xs, in_a_loop(cell(leaky), xs, Z))


@pytest.mark.exhaustive
def test_random_cells_read_back():
    """Random wirings of six sources, each now or one step late, through neurons and layers."""
    for seed in range(25):
        generator = np.random.default_rng(seed)
        wires = generator.random((4, 4)) < 0.5

        def step(m, x, state, wires=wires):
            late, n0, m0 = state[:4], state[4], state[5]
            layers = (m.a, m.b, m.r, m.q)
            sums = []
            for target in range(4):
                total = m.c(x) if target == 0 else layers[target](x)
                for source in range(4):
                    if wires[target, source]:
                        total = total + 0.2 * late[source]
                if target == 1:
                    total = total + m.b(sums[0])
                if target == 2:
                    total = total - sums[1]
                if target == 0:
                    total, n0 = m.n(total, n0)
                elif target == 3:
                    total, m0 = m.m(total + m.q(sums[1]), m0)
                sums.append(total)
            return sums[2] + sums[3], (*sums, n0, m0)

        net = Unpacked(step)
        graph = torch_to_nir(net, discretization=RULE)
        xs = samples(steps=8)
        expected = in_a_loop(net, xs, (Z, Z, Z, Z, None, None))
        assert_reads_back(graph, xs, expected)


class Unpacked(nn.Module):
    def __init__(self, step):
        super().__init__()
        self.cell = cell(lambda m, x, state: None)
        self.step = step

    def forward(self, x, state):
        a, b, c, d, n, m = state
        return self.step(self.cell, x, (a, b, c, d, n, m))


def swapped(m, x, state):
    y, n = m.n(m.a(x), state[0])
    y, k = m.m(y, state[1])
    return y, (k, n)


def read_by_two(m, x, state):
    y, n = m.n(m.a(x), state[0])
    y, k = m.m(y, state[0])
    return y, (n, k)


def forgotten(m, x, state):
    y, n = m.n(m.a(x), state[0])
    y, _ = m.m(y, state[1])
    return y, (n,)


def afresh(m, x, state):
    y, n = m.n(m.a(x), state[0])
    y, k = m.m(y, None)
    return y, (n, k)


def twice_in_a_step(m, x, state):
    y, n = m.n(m.a(x), state)
    return m.n(y, n)


def anothers_state(m, x, state):
    y, n = m.n(m.a(x), state[0])
    return m.m(y, n)[0], (n,)


def state_as_a_value(m, x, state):
    y, n = m.n(m.a(x) + m.r(state["v"]), None)
    return y, n


def a_counter(m, x, state):
    return m.a(x) + state, state + 1.0


def a_constant(m, x, state):
    return m.a(x) + state, torch.ones_like(state)


def read_but_not_left(m, x, state):
    return m.a(x) + state["y"], {"z": x}


def read_and_not_changed(m, x, state):
    return m.a(x) + state, state


def exchanged(m, x, state):
    return m.a(x) + state[0], (state[1], state[0])


def multiplied(m, x, state):
    v = m.a(x) * state
    return v, v


def assigned(m, x, state):
    y, state[0] = m.n(m.a(x), state[0])
    return y, state


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (swapped, "n reads 'state.0', but forward does not leave its new state there"),
        (read_by_two, "m reads 'state.0', but forward does not leave"),
        (forgotten, "m reads 'state.1', but forward does not leave"),
        (afresh, "m starts afresh in every step"),
        (twice_in_a_step, "n takes two steps in one"),
        (anothers_state, "m takes the state of n"),
        (state_as_a_value, "n starts afresh|is read as a value"),
        (a_counter, "adds a constant"),
        (a_constant, "ones_like"),
        (read_but_not_left, "state.y: forward reads it but leaves no value"),
        (read_and_not_changed, "state is read, but no step ever changes it"),
        (exchanged, "state.0 is read, but no step ever changes it"),
        (multiplied, "multiplies two values"),
        (assigned, "assigns to an item"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_states_that_nir_cannot_express_are_refused(step, message):
    with pytest.raises(nirx.UnsupportedError, match=message):
        torch_to_nir(cell(step), discretization=RULE, input_shape=3)


def test_state_that_is_returned_unread_is_ignored():
    def unchanged(m, x, state):
        return m.a(x), state

    net = cell(unchanged)
    graph = torch_to_nir(net, discretization=RULE)
    assert graph.edges == [("input", "a"), ("a", "output")]


def test_one_module_with_two_states_becomes_two_nodes():
    def step(m, x, state):
        y, n = m.n(m.a(x), state[0])
        y, k = m.n(m.b(y), state[1])
        return y, (n, k)

    net = cell(step)
    graph = torch_to_nir(net, discretization=RULE)
    assert graph.nodes["n"].metadata == graph.nodes["n_1"].metadata
    xs = samples()
    assert_reads_back(graph, xs, in_a_loop(net, xs, (None, None)))
