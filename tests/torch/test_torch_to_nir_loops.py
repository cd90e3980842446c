"""torch_to_nir on modules with state: feedback edges, explicit Delays, hidden state.

The oracle is the module itself, called once per step in a Python loop.
"""

# nir's and torch's own annotations are narrower than what both accept and give.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false
# pyright: reportIncompatibleMethodOverride=false

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import nir
import numpy as np
import pytest
import torch
from torch import nn

import nirx
from nirx_torch import nir_to_torch, torch_to_nir

RULE = nirx.Discretization(dt=1e-3)
Z = torch.zeros(4, 3, dtype=torch.float64)


class Cell(nn.Module):
    """A step as a function of the module, its input and its state."""

    def __init__(self, step: Callable[..., Any], **children: Any):
        super().__init__()
        self.step = step
        for name, child in children.items():
            setattr(self, name, child)

    def forward(self, x, state):
        return self.step(self, x, state)


def linear(seed: int, bias: bool = True) -> nn.Linear:
    layer = nn.Linear(3, 3, bias).double()
    generator = torch.Generator().manual_seed(seed)
    for parameter in layer.parameters():
        parameter.data.copy_(torch.rand(parameter.shape, generator=generator) - 0.35)
    return layer


def lif() -> nn.Module:
    tau, zero = np.array([4e-3, 6e-3, 8e-3]), np.zeros(3)
    node = nir.LIF(tau, np.full(3, 2.0), zero, np.full(3, 0.15), zero)
    return nir_to_torch(node, discretization=RULE)


def li() -> nn.Module:
    node = nir.LI(np.full(3, 5e-3), np.full(3, 2.0), np.zeros(3))
    return nir_to_torch(node, discretization=RULE)


def threshold() -> nn.Module:
    return nir_to_torch(nir.Threshold(np.full(3, 0.2)))


def cell(step: Callable[..., Any]) -> Cell:
    """Two layers, two recurrent layers without and one with bias, two LIF, a Threshold."""
    layers = {"a": linear(0), "b": linear(1), "r": linear(2, False), "q": linear(3, False)}
    return Cell(step, **layers, c=linear(4), n=lif(), m=lif(), i=li(), t=threshold()).double()


def samples(steps: int = 12) -> torch.Tensor:
    generator = torch.Generator().manual_seed(5)
    return torch.rand((steps, 4, 3), generator=generator, dtype=torch.float64) * 2 - 0.5


def in_a_loop(net: nn.Module, xs: Any, state: Any) -> np.ndarray:
    rows = []
    with torch.no_grad():
        for x in xs:
            y, state = net(x, state)
            rows.append(y)
    return torch.stack(rows).numpy()


def assert_reads_back(graph: nir.NIRGraph, xs: Any, expected: np.ndarray) -> None:
    assert len(np.unique(expected.round(6))) > 1
    assert np.abs(expected).max() > 0
    for backend in ("numpy", "torch"):
        net = nirx.from_nir(graph, backend=backend, dtype="float64")
        found = nirx.state_to_numpy(net.run(xs)[0])
        np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-12, err_msg=backend)


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
def test_a_loop_that_needs_it_gets_a_delay(step):
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
        xs = samples(8)
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
def test_state_that_NIR_cannot_say_is_refused(step, message):
    with pytest.raises(nirx.UnsupportedError, match=message):
        torch_to_nir(cell(step), discretization=RULE, input_shape=3)


def test_state_that_is_handed_back_unread_is_nothing():
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


# -- modules within modules ------------------------------------------------------------------


class Stack(nn.Sequential):
    """As Norse's SequentialState: a list of states, one for each layer, filled in place."""

    def forward(self, x, state=None):
        state = [None] * len(self) if state is None else state
        for index, layer in enumerate(self):
            if getattr(layer, "has_memory", isinstance(layer, Stack)):
                x, state[index] = layer(x, state[index])
            else:
                x = layer(x)
        return x, state


class Outer(nn.Module):
    def __init__(self):
        super().__init__()
        self.one, self.two = Stack(linear(0), lif()), Stack(linear(1), li())

    def forward(self, x, state=None):
        one, two = (None, None) if state is None else state
        y, one = self.one(x, one)
        z, two = self.two(y, two)
        return z + y, (one, two)


@pytest.mark.parametrize("subgraphs", [False, True])
def test_nested_modules_with_state(subgraphs):
    net = Outer().double()
    graph = torch_to_nir(net, discretization=RULE, subgraphs=subgraphs)
    assert ("one" in graph.nodes) == subgraphs
    xs = samples()
    assert_reads_back(graph, xs, in_a_loop(net, xs, None))


@pytest.mark.parametrize("options", [{}, {"concrete_args": {"state": None}}])
def test_a_stack_that_fills_a_list_of_states(options):
    net = Stack(linear(0), lif(), Stack(linear(1), lif()), linear(2), li()).double()
    graph = torch_to_nir(net, discretization=RULE, **options)
    assert list(graph.nodes) == ["input", "0", "1", "2.0", "2.1", "3", "4", "output"]
    xs = samples()
    assert_reads_back(graph, xs, in_a_loop(net, xs, None))


@pytest.mark.parametrize("last", [True, False])
def test_neurons_with_state_in_a_plain_sequence(last):
    layers = [linear(0), lif(), linear(1), lif(), *([] if last else [linear(2)])]
    graph = torch_to_nir(nn.Sequential(*layers))
    assert list(graph.nodes) == ["input", *map(str, range(len(layers))), "output"]
    assert len(graph.edges) == len(layers) + 1


def test_a_pinned_state_that_holds_a_loop_is_refused():
    class Recurrent(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.r = linear(0), linear(1)

        def forward(self, x, state=None):
            y = self.a(x) if state is None else self.a(x) + self.r(state)
            return y, y

    with pytest.raises(nirx.UnsupportedError, match="pins its argument `state`"):
        torch_to_nir(Recurrent(), concrete_args={"state": None})


def test_a_loop_across_nested_modules():
    class Loop(nn.Module):
        def __init__(self):
            super().__init__()
            self.ahead, self.back = Stack(linear(0), lif()), nn.Sequential(linear(1, False))

        def forward(self, x, state):
            y, own = self.ahead(x + self.back(state[0]), [None, state[1]])
            return y, (y, own[1])

    net = Loop().double()
    xs = samples()
    expected = in_a_loop(net, xs, (Z, None))
    for nested in (False, True):
        graph = torch_to_nir(net, discretization=RULE, subgraphs=nested, input_shape=3)
        assert_reads_back(graph, xs, expected)


# -- hidden state ---------------------------------------------------------------------------


class Attributes(nn.Module):
    """Keeps its state in plain attributes that start as None."""

    def __init__(self):
        super().__init__()
        self.a, self.r, self.n = linear(0), linear(2, False), lif()
        self.last, self.own = None, None

    def forward(self, x):
        y = self.a(x) if self.last is None else self.a(x) + self.r(self.last)
        y, self.own = self.n(y, self.own)
        self.last = y
        return y


class Buffer(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.t = linear(0), threshold()
        self.register_buffer("v", torch.zeros(1, 3, dtype=torch.float64))

    def forward(self, x):
        self.v = self.v * 0.9 + self.a(x)
        z = self.t(self.v)
        self.v = self.v - z
        return z


class Inner(nn.Module):
    def __init__(self):
        super().__init__()
        self.one, self.b = Buffer(), linear(1)

    def forward(self, x):
        return self.b(self.one(x))


@pytest.mark.parametrize("make", [Attributes, Buffer, Inner])
def test_state_in_attributes_becomes_a_loop(make):
    net = make().double()
    graph = torch_to_nir(net, discretization=RULE)
    buffers = {k: v.clone() for k, v in net.named_buffers()}
    xs = samples()
    with torch.no_grad():
        expected = torch.stack([net(x) for x in xs]).numpy()  # from its start: still untouched
    assert all(not b.any() for b in buffers.values())
    assert_reads_back(graph, xs, expected)


def test_hidden_state_that_does_not_start_at_zero_warns():
    net = Buffer()
    net.v.fill_(0.5)
    with pytest.warns(nirx.NirxWarning, match="v does not start at zero"):
        torch_to_nir(net, discretization=RULE)


def written_in_place(m, x):
    m.v.mul_(0.9).add_(m.a(x))
    return m.t(m.v)


def written_by_operators(m, x):
    m.v += m.a(x)
    return m.t(m.v)


def written_by_item(m, x):
    m.v[:] = m.a(x)
    return m.t(m.v)


def copied_into(m, x):
    m.v.copy_(m.a(x))
    return m.t(m.v)


@pytest.mark.parametrize(
    "step", [written_in_place, written_by_operators, written_by_item, copied_into]
)
def test_hidden_state_written_in_place_is_refused_and_put_back(step):
    class InPlace(Buffer):
        def forward(self, x):
            return step(self, x)

    net = InPlace()
    net.v.fill_(0.25)
    with pytest.raises(nirx.UnsupportedError, match=r"writes into a tensor|changes 'v'"):
        torch_to_nir(net, discretization=RULE)
    assert net.v.tolist() == [[0.25] * 3]


# -- the libraries' manners, imitated ---------------------------------------------------------


class Leaky(nn.Module):
    """As snnTorch's Leaky: (input_, mem) -> (spk, mem), or hidden; resets by subtraction."""

    def __init__(self, init_hidden: bool = False, output: bool = False):
        super().__init__()
        self.init_hidden, self.output = init_hidden, output
        self.register_buffer("mem", torch.zeros(0), persistent=False)

    def init_leaky(self):
        self.mem = torch.zeros_like(self.mem)
        return self.mem

    def forward(self, input_, mem=None):
        if mem is not None:
            self.mem = mem
        if self.mem.shape != input_.shape:
            self.mem = torch.zeros_like(input_)
        self.mem = 0.9 * self.mem + input_
        spk = (self.mem > 1).to(input_.dtype)
        return spk if self.init_hidden and not self.output else (spk, self.mem)


def export_leaky(module: Leaky) -> nir.LIF:
    return nir.LIF(np.full(3, 5e-3), np.full(3, 2.0), np.zeros(3), np.ones(3), np.zeros(3))


class SnnNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.lif1, self.fc2, self.lif2 = linear(0), Leaky(), linear(1), Leaky()


class SnnStep(SnnNet):
    def forward(self, x):
        mem1, mem2 = self.lif1.init_leaky(), self.lif2.init_leaky()
        spk1, mem1 = self.lif1(self.fc1(x), mem1)
        spk2, mem2 = self.lif2(self.fc2(spk1), mem2)
        return spk2, mem2


class SnnMembranes(SnnNet):
    def forward(self, x, mem1, mem2):
        spk1, mem1 = self.lif1(self.fc1(x), mem1)
        spk2, mem2 = self.lif2(self.fc2(spk1), mem2)
        return spk2, mem1, mem2


CHAIN = [("input", "fc1"), ("fc1", "lif1"), ("lif1", "fc2"), ("fc2", "lif2"), ("lif2", "output")]


@pytest.mark.parametrize("make", [SnnStep, SnnMembranes])
@pytest.mark.parametrize("stateful", [None, [Leaky]])
def test_membranes_handed_over_as_snnTorch_does(make, stateful):
    net = make()
    graph = torch_to_nir(net, {Leaky: export_leaky}, stateful_modules=stateful)
    assert graph.edges == CHAIN
    assert net.lif1.mem.shape == (0,)


class SnnWithoutState(SnnNet):
    def forward(self, x):
        spk, _ = self.lif1(self.fc1(x))
        return self.fc2(spk)


def test_stateful_modules_name_what_returns_a_pair():
    net = SnnWithoutState()
    with pytest.raises(nirx.UnsupportedError, match="stateful_modules"):
        torch_to_nir(net, {Leaky: export_leaky})
    graph = torch_to_nir(net, {Leaky: export_leaky}, stateful_modules=[Leaky])
    assert graph.edges == [*CHAIN[:3], ("fc2", "output")]


def test_a_sequence_of_hidden_neurons():
    net = nn.Sequential(linear(0), Leaky(True), linear(1), Leaky(True, True))
    names = ["input", "0", "1", "2", "3", "output"]
    graph = torch_to_nir(net, {Leaky: export_leaky})
    assert list(graph.nodes) == names


class SnnOverTime(SnnNet):
    def forward(self, x):
        mem, rows = self.lif1.init_leaky(), []
        for step in range(3):
            spk, mem = self.lif1(self.fc1(x[step]), mem)
            rows.append(spk)
        return torch.stack(rows)


class SnnSameInput(SnnNet):
    def forward(self, x):
        mem, total = self.lif1.init_leaky(), 0
        for _ in range(3):
            spk, mem = self.lif1(self.fc1(x), mem)
            total = total + spk
        return total


class SnnReadsMembrane(SnnNet):
    def forward(self, x):
        _spk, mem = self.lif1(self.fc1(x), None)
        return self.fc2(mem)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (SnnOverTime, "one time step"),
        (SnnSameInput, "lif1 takes two steps in one"),
        (SnnReadsMembrane, "LeafState|fc2|state"),
    ],
)
def test_a_forward_over_time_is_refused(make, message):
    with pytest.raises(nirx.UnsupportedError, match=message):
        torch_to_nir(make(), {Leaky: export_leaky}, stateful_modules=[Leaky])


class RLeaky(nn.Module):
    """As snnTorch's RLeaky: its own last spikes are an argument."""

    def __init__(self):
        super().__init__()
        self.recurrent, self.lif = linear(2), lif()

    def forward(self, x, spk=None, mem=None):
        spk = torch.zeros_like(x) if spk is None else spk
        return self.lif(x + self.recurrent(spk), mem)


class RNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc, self.r = linear(0), RLeaky()

    def forward(self, x, state=None):
        spk, mem = (None, None) if state is None else state
        spk, mem = self.r(self.fc(x), spk, mem)
        return spk, (spk, mem)


def export_recurrent(module: RLeaky) -> nir.NIRGraph:
    size, layer = np.array([3]), module.recurrent
    nodes = {
        "input": nir.Input(size),
        "lif": torch_to_nir(module.lif),
        "rec": nir.Affine(layer.weight, layer.bias),
        "output": nir.Output(size),
    }
    edges = [("input", "lif"), ("lif", "rec"), ("rec", "lif"), ("lif", "output")]
    return nir.NIRGraph(nodes, edges, type_check=False)


def test_a_recurrent_module_as_a_leaf_with_a_subgraph():
    net = RNet().double()
    graph = torch_to_nir(net, {RLeaky: export_recurrent}, discretization=RULE)
    assert graph.edges == [("input", "fc"), ("fc", "r"), ("r", "output")]
    xs = samples()
    assert_reads_back(graph, xs, in_a_loop(net, xs, None))


class IAFSqueeze(nn.Module):
    """As sinabs: state in a buffer, x -> spikes."""

    def __init__(self):
        super().__init__()
        self.register_buffer("v_mem", torch.zeros(1))

    def forward(self, data):
        self.v_mem = self.v_mem + data
        return (self.v_mem > 1).float()


def test_a_convolutional_network_as_sinabs_has_it():
    shape = (4, 8, 8)
    net = nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1, bias=False),
        IAFSqueeze(),
        nn.AvgPool2d(2),
        nn.Dropout2d(0.5),
        nn.Flatten(),
        nn.Linear(64, 10, bias=False),
    ).eval()
    neuron = nir.IF(np.ones(shape), np.ones(shape), np.zeros(shape))
    graph = torch_to_nir(net, {IAFSqueeze: lambda m: neuron}, input_shape=(2, 8, 8))
    assert list(graph.nodes) == ["input", "0", "1", "2", "4", "5", "output"]
    found, _ = nirx.from_nir(graph, discretization=RULE, backend="torch").run(
        torch.ones(3, 2, 2, 8, 8)
    )
    assert found.shape == (3, 2, 10)
