"""jax_to_nir: an unknown neuron whose step is elementwise is a nirx.Neuron that steps like it."""

# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false

from __future__ import annotations

import itertools
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import nirx
from nirx_jax import jax_to_nir
from support.jax_modules import inner, linear

SIZE, STEPS = 6, 1000


@jax.custom_jvp
def spikes_of(u):
    return (u > 0).astype(u.dtype)


@spikes_of.defjvp
def _superspike(primals, tangents):
    (u,), (du,) = primals, tangents
    return spikes_of(u), du / (1 + 100 * jnp.abs(u)) ** 2


class AdaptiveLIF(eqx.Module):
    """A threshold that rises with every spike, and a refractory time that is counted in steps."""

    tau: jax.Array
    tau_adapt: jax.Array
    beta: float = 1.8

    def init_state(self, batch: tuple) -> dict:
        zeros = jnp.zeros((*batch, SIZE))
        return {"v": zeros, "a": zeros, "wait": jnp.zeros((*batch, SIZE), jnp.int32)}

    def __call__(self, x, state):
        leak, decay = jnp.exp(-1 / self.tau), jnp.exp(-1 / self.tau_adapt)
        threshold = 0.5 + self.beta * state["a"]
        ready = state["wait"] <= 0
        v = jnp.where(ready, leak * state["v"] + (1 - leak) * x, state["v"])
        z = spikes_of(v - threshold) * ready
        wait = jnp.where(z > 0, 2, jnp.maximum(state["wait"] - 1, 0))
        return z, {"v": v * (1 - z), "a": decay * state["a"] + (1 - decay) * z, "wait": wait}


class Plane(NamedTuple):
    v: Any
    u: Any


class Izhikevich(eqx.Module):
    """Two Euler steps of half a millisecond each."""

    a: jax.Array
    d: jax.Array

    def init_state(self, batch: tuple) -> Plane:
        return Plane(jnp.full((*batch, SIZE), -65.0), jnp.full((*batch, SIZE), -13.0))

    def __call__(self, x, state):
        v, u = state
        for _ in range(2):
            v = v + 0.5 * (0.04 * v**2 + 5 * v + 140 - u + 10 * x)
        u = u + self.a * (0.2 * v - u)
        z = v >= 30.0
        return z.astype(v.dtype), Plane(jnp.where(z, -65.0, v), jnp.where(z, u + self.d, u))


class AdEx(eqx.Module):
    """States in the rows of one array."""

    tau: jax.Array

    def __call__(self, x, state=None):
        state = jnp.zeros((2, *x.shape)) if state is None else state
        v, w = state
        grows = 0.2 * jnp.exp(jnp.clip((v - 1.0) / 0.2, None, 5.0))
        v = v + (-v + grows - w + 2 * x) / self.tau
        w = w + (0.1 * v - w) / 30.0
        z = jnp.where(v > 1.5, 1.0, 0.0)
        return z, jnp.stack([jnp.where(z == 1, 0.0, v), w + 0.2 * z])


SCALE = np.linspace(0.7, 0.95, SIZE)


def plain(x, memory):
    """State in one array, its halves apart; SCALE is a variable of the module."""
    v, trace = jnp.split(memory, 2)
    v = SCALE * v + x
    z = jnp.heaviside(jax.lax.stop_gradient(v) - jax.nn.sigmoid(trace), 0.0)
    return z, jnp.concatenate([v - z, jnp.minimum(0.9 * trace + z, 3.0)])


CELLS = {
    "adaptive": (AdaptiveLIF(jnp.linspace(3.0, 9.0, SIZE), jnp.asarray(20.0)), None),
    "izhikevich": (Izhikevich(jnp.linspace(0.02, 0.1, SIZE), jnp.asarray(8.0)), None),
    "adex": (AdEx(jnp.linspace(5.0, 9.0, SIZE)), None),
    "plain": (plain, np.linspace(0, 1, 2 * SIZE)),
}


@pytest.fixture
def double():
    with jax.enable_x64(True):
        yield


def widened(tree: Any) -> Any:
    return jax.tree.map(lambda a: a.astype("float64") if eqx.is_inexact_array(a) else a, tree)


def own_run(
    cell: Any, xs: np.ndarray, state: Any, compiled: bool = True
) -> tuple[np.ndarray, list[Any]]:
    """What the cell itself gives, and the states after every step.

    XLA fuses products and sums when it compiles, and so rounds differently.
    """
    if not compiled:
        rows = []
        for x in jnp.asarray(xs):
            y, state = cell(x, state)
            rows.append((y, state))
        ys, states = jax.tree.map(lambda *parts: np.stack(parts), *rows)
        return ys, jax.tree.leaves(states)

    def step(state, x):
        y, state = cell(x, state)
        return state, (y, state)

    _, (ys, states) = jax.lax.scan(step, state, jnp.asarray(xs))
    return np.asarray(ys), jax.tree.leaves(states)


def drive(steps: int = STEPS) -> np.ndarray:
    return 1.5 * np.random.default_rng(1).random((steps, SIZE))


QUICK = [("plain", "numpy"), ("adaptive", "jax")]
RUNS = [
    pair if pair in QUICK else pytest.param(*pair, marks=pytest.mark.exhaustive)
    for pair in itertools.product(CELLS, ["numpy", "jax"])
]


@pytest.mark.parametrize(("name", "backend"), RUNS)
@pytest.mark.usefixtures("double")
def test_a_cell_steps_as_its_own_code_does(name, backend):
    given, example_state = CELLS[name]
    cell, xs = widened(given), drive()
    graph = jax_to_nir(cell, jnp.asarray(xs[0]), example_state=example_state)
    (node,) = inner(graph)
    assert type(node) is nirx.Neuron
    own = getattr(cell, "init_state", lambda _: example_state)(())
    start = jnp.zeros((2, SIZE)) if own is None else jax.tree.map(jnp.asarray, own)
    # Chaotic: one rounding moves spikes.
    expected, states = own_run(cell, xs, start, backend == "jax" or name != "izhikevich")
    assert 0.01 < expected.mean() < 0.9
    ys, last = nirx.from_nir(graph, backend, dtype="float64").run(xs)
    np.testing.assert_array_equal(ys, expected)
    (kept,) = last.values()
    mine = np.concatenate([np.ravel(kept[k]) for k in node.step.states])
    theirs = np.concatenate([np.ravel(s[-1]) for s in states])
    np.testing.assert_allclose(mine, theirs, atol=1e-6)


def test_names_are_those_of_the_code():
    graph = jax_to_nir(CELLS["adaptive"][0], jnp.ones(SIZE))
    (node,) = inner(graph)
    assert sorted(node.parameters) == ["tau", "tau_adapt"]
    assert node.parameters["tau_adapt"].shape == ()
    assert list(node.step.states) == ["a", "v", "wait"]
    (node,) = inner(jax_to_nir(plain, jnp.ones(SIZE), example_state=jnp.zeros(2 * SIZE)))
    assert sorted(node.parameters) == ["SCALE"]
    assert list(node.step.states) == ["memory_0", "memory_1"]


def test_a_constant_is_the_number_that_was_written():
    graph = jax_to_nir(lambda x, s: (x * s, 0.9 * s), jnp.ones(3), example_state=jnp.zeros(3))
    (node,) = inner(graph)
    constants = [o.value for o in node.step.expression.operations if o.name == "constant"]
    assert constants == ["0.9"]


class Net(eqx.Module):
    fc: eqx.nn.Linear
    cell: Any
    out: eqx.nn.Linear

    def __call__(self, x, state):
        z, state = self.cell(self.fc(x), state)
        return self.out(z), state


@pytest.mark.exhaustive
def test_a_cell_between_layers_starts_as_the_example_state_does():
    net = Net(linear(3, SIZE), AdEx(jnp.linspace(5.0, 9.0, SIZE)), linear(SIZE, 2, 1))
    start = jnp.linspace(0, 1, 2 * SIZE).reshape(2, SIZE)
    graph = jax_to_nir(net, jnp.ones(3), example_state=start)
    assert graph.edges == [("input", "fc"), ("fc", "cell"), ("cell", "out"), ("out", "output")]
    xs = 3 * drive(200)[:, :3].astype(np.float32)
    expected, _ = own_run(net, xs, start)
    assert expected.std() > 0.01
    np.testing.assert_allclose(nirx.from_nir(graph, "numpy").run(xs)[0], expected, atol=1e-5)


@pytest.mark.exhaustive
@pytest.mark.usefixtures("double")
def test_gradients_are_those_of_the_cell_with_the_same_surrogate():
    cell, xs = widened(CELLS["adaptive"][0]), jnp.asarray(drive(40))
    weight = jnp.asarray(np.random.default_rng(2).normal(size=xs.shape))
    net = nirx.from_nir(jax_to_nir(cell, xs[0]), "jax", dtype="float64")

    def own_loss(cell, xs):
        step = lambda s, x: cell(x, s)[::-1]  # noqa: E731
        return (weight * jax.lax.scan(step, cell.init_state(()), xs)[1]).sum()

    own, of_xs = jax.grad(own_loss, argnums=(0, 1), allow_int=True)(cell, xs)
    mine, my_xs = eqx.filter_grad(lambda a: (weight * a[0].run(a[1])[0]).sum())((net, xs))
    assert float(jnp.abs(own.tau).min()) > 1e-4
    for name in ("tau", "tau_adapt"):
        found = getattr(mine.modules_by_path["adaptivelif"], name)
        np.testing.assert_allclose(found, getattr(own, name), rtol=1e-4)
    np.testing.assert_allclose(my_xs, of_xs, rtol=1e-4, atol=1e-12)


def spiking(v: Any) -> Any:
    return jnp.where(v > 1.0, 1.0, 0.0)


REFUSED = {
    "matrix": (lambda x, s: (spiking(s + x @ jnp.ones((3, 3))), s), r"dot_general at .*mixes"),
    "sum": (lambda x, s: (spiking(s - (100 * s).sum()), s), r"reduce_sum at .*mixes"),
    "roll": (lambda x, s: (spiking(x), jnp.roll(s, 1) * s), r"at test_cells\.py:\d+ .*mixes"),
    "input": (lambda x, s: (spiking(x[::-1] * s), s), r"rev at test_cells\.py:\d+ mixes"),
    "cumsum": (lambda x, s: (spiking(jnp.cumsum(s) * s), s), r"cumsum at .*mixes"),
    "sine": (lambda x, s: (jnp.sin(s) * x, s), r"sin at test_cells\.py:\d+ has no NIR node"),
    "noise": (
        lambda x, s: (spiking(x + jax.random.normal(jax.random.key(0), x.shape)), x * s),
        r"is random",
    ),
    "loop": (
        lambda x, s: (jax.lax.while_loop(lambda v: v.max() < 9, lambda v: v + 1, s), spiking(x)),
        r"while at .*loops or branches",
    ),
    "branch": (lambda x, s: (x, s) if s[0] > 0 else (s, x), "branches or loops"),
    "shape": (lambda x, s: (spiking(x[:1] * s[:1]), s), r"takes \(3,\) and gives \(1,\)"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_elementwise_is_refused_with_its_line(name):
    function, text = REFUSED[name]
    with pytest.raises(nirx.UnsupportedError, match=text):
        jax_to_nir(function, jnp.ones(3), example_state=jnp.zeros(3))


def test_states_may_be_moved_by_constant_positions():
    def swaps(x, s):
        first, second = s[jnp.array([1, 0])]
        return spiking(first), s.at[0].set(second + x).at[1].set(0.5 * first + second)

    start = jnp.arange(6.0).reshape(2, 3) / 3
    graph = jax_to_nir(swaps, jnp.ones(3), example_state=start)
    xs = drive(30)[:, :3].astype(np.float32)
    expected, _ = own_run(swaps, xs, start)
    assert 0 < expected.mean() < 1
    np.testing.assert_array_equal(nirx.from_nir(graph, "numpy").run(xs)[0], expected)


class Mixed(eqx.Module):
    fc: eqx.nn.Linear

    def __call__(self, x, state):
        v = 0.9 * state + self.fc(x)
        return spiking(v), v * (1 - spiking(v))


def test_a_layer_within_a_cell_is_refused_with_what_to_do():
    with pytest.raises(nirx.UnsupportedError, match=r"gt at .*module of its own"):
        jax_to_nir(Mixed(linear(3, 3)), jnp.ones(3), example_state=jnp.zeros(3))


def test_a_wrong_example_is_named():
    with pytest.raises(nirx.InputError, match=r"shape \(3,\) and a state .* shape \(4,\)"):
        jax_to_nir(lambda x, s: (spiking(s), s + x), jnp.ones(3), example_state=jnp.zeros(4))


def test_axes_of_size_1_are_spread():
    rows = jnp.arange(3.0)[:, None, None]
    graph = jax_to_nir(
        lambda x, s: (spiking(s * rows), 0.5 * s + x),
        jnp.ones((3, 2, 2)),
        example_state=jnp.zeros((3, 2, 2)),
    )
    (node,) = inner(graph)
    assert [a.shape for a in node.parameters.values()] == [(3, 1, 1)]
    ys, _ = nirx.from_nir(graph, "numpy").run(np.ones((2, 3, 2, 2), np.float32))
    assert (ys[0] == 0).all()
    assert ys[1].sum(axis=(1, 2)).tolist() == [0, 0, 4]


def test_a_start_that_only_the_code_knows_is_asked_for():
    def rests(x, state=None):
        v = jnp.full_like(x, -65.0) if state is None else state
        v = 0.9 * v + x
        return spiking(v), v

    with pytest.raises(nirx.UnsupportedError, match="starts from something else than zeros"):
        jax_to_nir(rests, jnp.ones(3))
    (node,) = inner(jax_to_nir(rests, jnp.ones(3), example_state=jnp.full(3, -65.0)))
    assert (node.initial["state"] == -65).all()
