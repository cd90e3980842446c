"""jax_to_nir: states become a node's own, feedback edges or Delays; all others are refused."""

# equinox's __call__ differ by design, and nir's own annotations are narrower than what it accepts.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import nir
import numpy as np
import pytest

import nirx
import nirx_jax
from nirx_jax import jax_to_nir
from support.graphs import varied_lif
from support.jax_modules import (
    LIF,
    MAP,
    RULE,
    Stepping,
    data,
    full,
    inner,
    lif,
    lif_node,
    linear,
    native,
    step_by_step,
)


class Cell(eqx.Module):
    """As a user would write it: a residual branch, a shared Linear, a LIF cell with feedback."""

    encode: eqx.nn.Linear
    mix: eqx.nn.Linear
    recurrent: eqx.nn.Linear
    neuron: LIF
    readout: eqx.nn.Linear

    def __init__(self):
        self.encode, self.mix = linear(3, 4, 3), linear(4, 4, 4)
        self.recurrent, self.neuron = linear(4, 4, 5, use_bias=False), lif()
        self.readout = linear(4, 2, 6)

    def init_state(self, batch_shape: tuple = ()) -> dict:
        zeros = jnp.zeros((*batch_shape, 4))
        return {"v": zeros, "spikes": zeros}

    def __call__(self, x: jax.Array, state: dict) -> tuple[jax.Array, dict]:
        h = self.encode(x)
        h = h + self.mix(self.mix(h))
        spikes, v = self.neuron(h + self.recurrent(state["spikes"]), state["v"])
        return self.readout(spikes), {"v": v, "spikes": spikes}


def test_a_users_cell_round_trips_with_identical_spikes():
    model = Cell()
    graph = jax_to_nir(model, jnp.ones(3), MAP, discretization=RULE)
    nirx.check(graph)
    assert not any(isinstance(node, nir.Delay) for node in graph.nodes.values())
    assert ("neuron", "recurrent") in graph.edges
    assert graph.nodes["mix"].metadata["nirx_module"] == "mix"
    xs = 3 * data(60, 3) + 0.5
    state, ys, spikes = model.init_state(), [], []
    for x in xs:
        y, state = model(x, state)
        ys.append(y)
        spikes.append(state["spikes"])
    assert 20 < np.sum(spikes) < 220
    for backend in ("jax", "numpy"):
        found, _, recorded = nirx.from_nir(graph, backend=backend).run(xs, record=["neuron"])
        assert np.array_equal(recorded["neuron"], spikes)
        assert np.allclose(found, ys, rtol=1e-6, atol=1e-7)
    back = nirx_jax.from_nir(graph)
    assert back.modules_by_path["mix"] is back.modules_by_path["mix_1"]


def test_a_neuron_without_an_entry_is_the_nir_node_that_it_equals():
    model, xs = Cell(), 20 * data(20, 3)
    graph = jax_to_nir(model, jnp.ones(3))
    assert type(graph.nodes["neuron"]) is nir.LIF
    expected = step_by_step(model, xs, model.init_state())
    assert expected.std() > 0.01
    assert np.allclose(nirx.from_nir(graph, "numpy").run(xs)[0], expected, atol=1e-5)


# -- the structure of the state ---------------------------------------------------------------


class Started(eqx.Module):
    """The state is None before the first step, and what the step gives afterwards."""

    fc: eqx.nn.Linear
    cell: nirx_jax.NativeNode
    wrap: Any = eqx.field(static=True, default=lambda state: state)

    def __call__(self, x, state=None):
        y, state = self.cell(self.fc(x), self.wrap(state))
        return y, self.wrap(state)


@pytest.mark.parametrize("options", [{}, {"wrap": jax.lax.stop_gradient}])
def test_a_state_of_none_gets_its_structure_from_a_step(options):
    graph = jax_to_nir(Started(linear(3, 4), native(), **options), jnp.ones(3))
    assert graph.edges == [("input", "fc"), ("fc", "cell"), ("cell", "output")]
    assert np.array_equal(graph.nodes["cell"].tau, varied_lif().tau)


def test_example_state_gives_the_structure():
    def step(cell, x, state):
        y, own = cell(x, state["own"])
        return y, {"own": own}

    model = Stepping(native(), step)
    with pytest.raises(nirx.InputError, match="pass example_state"):
        jax_to_nir(model, jnp.ones(4))
    for own in (None, {"v": jnp.zeros(4)}):
        graph = jax_to_nir(model, jnp.ones(4), example_state={"own": own})
        assert list(graph.nodes) == ["input", "module", "output"]


def test_a_module_without_its_state_warns():
    class Forgets(eqx.Module):
        cell: nirx_jax.NativeNode

        def __call__(self, x):
            return self.cell(x, None)[0]

    with pytest.warns(nirx.NirxWarning, match="cell is called without the previous step's state"):
        graph = jax_to_nir(Forgets(native()), jnp.ones(4))
    assert list(graph.nodes) == ["input", "cell", "output"]


def test_equinox_states_pass_through_the_layers_that_do_not_own_them():
    class Layer(eqx.nn.StatefulLayer):
        index: eqx.nn.StateIndex
        cell: LIF

        def __init__(self):
            self.index, self.cell = eqx.nn.StateIndex(jnp.zeros(4)), lif()

        def __call__(self, x, state, *, key=None):
            y, v = self.cell(x, state.get(self.index))
            return y, state.set(self.index, v)

    def build():
        return eqx.nn.Sequential([Layer(), linear(4, 4), Layer()])

    model, state = eqx.nn.make_with_state(build)()
    for own in ({Layer: lambda m: lif_node(m.cell)}, MAP):
        graph = jax_to_nir(model, jnp.ones(4), own, example_state=state)
        assert [type(n).__name__ for n in inner(graph)] == ["LIF", "Affine", "LIF"]
        assert len(graph.edges) == 4


@pytest.mark.parametrize("jit", [lambda function: function, eqx.filter_jit])
def test_state_that_no_output_depends_on_is_left_out(jit):
    class Counts(eqx.Module):
        fc: eqx.nn.Linear

        @jit
        def __call__(self, x, state):
            y = self.fc(x + state["back"])
            return y, {"steps": state["steps"] + 1, "last": 2 * x, "back": y}

    zero = jnp.zeros(3)
    state = {"steps": jnp.zeros((), jnp.int32), "last": zero, "back": zero}
    model = Counts(linear(3, 3))
    graph = jax_to_nir(model, zero, example_state=state, discretization=RULE)
    assert list(graph.nodes) == ["input", "fc", "output", "state.back.delay"]


# -- loops and Delays -------------------------------------------------------------------------

ZERO = jnp.zeros(4)
LOOPS = {
    "sum": (lambda fc, x, s: (s + fc(x),) * 2, ZERO),
    "leaky": (lambda fc, x, s: (s, 0.5 * s + fc(x)), ZERO),
    "difference": (lambda fc, x, s: (fc(x - s), 0.75 * s + 0.25 * x), ZERO),
    "input": (lambda fc, x, s: (fc(x) + s, x), ZERO),
    "two steps back": (lambda fc, x, s: (fc(x) + s[1], (fc(x), s[0])), (ZERO, ZERO)),
}


@pytest.mark.parametrize("name", LOOPS)
def test_loops_that_feedback_edges_cannot_express_become_delays(name):
    step, state = LOOPS[name]
    model, xs = Stepping(linear(4, 4), step), data(6, 4)
    graph = jax_to_nir(model, xs[0], example_state=state, discretization=RULE)
    delays = [node.delay.tolist() for node in inner(graph) if isinstance(node, nir.Delay)]
    assert delays == [[1e-3] * 4] * (2 if isinstance(state, tuple) else 1)
    expected = step_by_step(model, xs, state)
    backends = ("numpy", "jax") if isinstance(state, tuple) else ("numpy",)
    for backend in backends:
        found, _ = nirx.from_nir(graph, backend=backend).run(xs)
        assert np.allclose(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("step", "text"),
    [
        (lambda fc, x, s: (fc(x) + s, s), "state is read, but no step ever changes it"),
        (lambda fc, x, s: (fc(x) + s, jnp.ones(4)), "state: the step leaves a constant there"),
        (lambda fc, x, s: (fc(x) + s, ()), "state: the call reads it but leaves no value"),
        (lambda fc, x, s: fc(x) + s, "takes a state but gave"),
    ],
)
def test_state_that_is_not_left_behind_is_refused(step, text):
    with pytest.raises((nirx.UnsupportedError, nirx.InputError), match=text):
        jax_to_nir(Stepping(linear(4, 4), step), jnp.ones(4), example_state=ZERO)


def two_steps_back(fc, x, state):
    y = fc(x)
    return y + state[1], (y, state[0])


def beside_a_module(cell, x, state):
    y, own = cell(x + state["back"], state["own"])
    return y, {"own": own, "back": y}


@pytest.mark.parametrize(
    ("module", "step", "state", "name"),
    [
        (linear(4, 4), two_steps_back, (ZERO, jnp.ones(4)), r"state\.1"),
        (native(), beside_a_module, {"own": None, "back": jnp.ones(4)}, r"state\.back"),
    ],
)
def test_a_loop_that_starts_elsewhere_warns(module, step, state, name):
    with pytest.warns(nirx.NirxWarning, match=f"{name} does not start at zero"):
        jax_to_nir(Stepping(module, step), jnp.ones(4), example_state=state, discretization=RULE)


# -- states of two modules --------------------------------------------------------------------


def crossed(m, x, state):
    y, v = m[0](x, state[0])
    y, w = m[1](y, state[1])
    return y, (w, v)


def handed_on(m, x, state):
    y, v = m[0](x, state[0])
    y, v = m[1](y, v)
    return y, (v, state[1])


def two_steps(m, x, state):
    y, v = m[0](x, state[0])
    y, v = m[0](y, v)
    return y, (v, state[1])


def dropped(m, x, state):
    return m[0](x, state[0])[0], state


def shown(m, x, state):
    y, v = m[0](x, state[0])
    return y + v, (v, state[1])


def driven(m, x, state):
    return m[0](x, x)[0], state


@pytest.mark.parametrize(
    ("step", "text"),
    [
        (crossed, r"0 takes its state from state\.0, but the call leaves that of module\.1 there"),
        (handed_on, r"module\.1 takes the state of module\.0"),
        (two_steps, r"module\.0 takes two steps in one"),
        (dropped, r"0 takes its state from state\.0, but the call leaves another value there"),
        (shown, r"the state of module\.0 is read as a value"),
        (driven, r"module\.0 takes a value as its state"),
    ],
)
def test_states_that_are_not_a_modules_own_are_refused(step, text):
    model = Stepping((lif(), lif()), step)
    with pytest.raises(nirx.UnsupportedError, match=text):
        jax_to_nir(model, jnp.ones(4), MAP, example_state=(ZERO, ZERO))


def test_a_module_that_reads_the_state_of_another_is_refused():
    class Reader(eqx.Module):
        def __call__(self, x, state):
            return x + state["lif"], {"own": 0.5 * state["own"]}

    def both(modules, x, state):
        reader, neuron = modules
        y, own = reader(x, state)
        y, v = neuron(y, state["lif"])
        return y, {**own, "lif": v}

    own = {**MAP, Reader: lambda m: nir.LI(full(1.0), full(1.0), full(0.0))}
    model, state = Stepping((Reader(), lif()), both), {"own": ZERO, "lif": ZERO}
    with pytest.raises(nirx.UnsupportedError, match=r"0 reads state\.lif, which is not its own"):
        jax_to_nir(model, jnp.ones(4), own, example_state=state)
