"""jax_to_nir: a call that scans over time, for a sample or a batch, is its step."""

# pyright: reportIncompatibleMethodOverride=false

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import nirx
from nirx_jax import jax_to_nir
from support.jax_modules import MAP, RULE, data, lif, linear

STEPS, BATCH = 25, 3


class Model(eqx.Module):
    """Two layers and a way to run them over time."""

    fc1: Any
    lif1: Any
    fc2: Any
    lif2: Any
    back: Any
    run: Callable = eqx.field(static=True)

    def __call__(self, xs):
        return self.run(self, xs)

    def step(self, carry, x):
        v1, v2 = carry
        z, v1 = self.lif1(self.fc1(x), v1)
        z, v2 = self.lif2(self.fc2(z), v2)
        return (v1, v2), z

    def batch_step(self, carry, x):
        v1, v2 = carry
        z, v1 = jax.vmap(self.lif1)(jax.vmap(self.fc1)(x), v1)
        z, v2 = jax.vmap(self.lif2)(jax.vmap(self.fc2)(z), v2)
        return (v1, v2), z


def model(run: Callable) -> Model:
    back = linear(4, 4, seed=3, use_bias=False)
    return Model(linear(3, 4), lif(), linear(4, 4, seed=1), lif(), back, run)


ZERO = jnp.zeros(4), jnp.zeros(4)


def scanned(m, xs):
    _, zs = jax.lax.scan(lambda c, x: m.step(c, x), ZERO, xs)
    return zs


def scanned_with_end(m, xs):
    end, zs = jax.lax.scan(lambda c, x: m.step(c, x), ZERO, xs)
    return zs, end


def scanned_in_a_jit(m, xs):
    return jax.jit(lambda xs: jax.lax.scan(lambda c, x: m.step(c, x), ZERO, xs)[1])(xs)


def unrolled(m, xs):
    return jax.lax.scan(lambda c, x: m.step(c, x), ZERO, xs, unroll=4)[1]


def layers_before_the_scan(m, xs):
    def step(v, x):
        z, v = m.lif1(x, v)
        return v, z

    _, zs = jax.lax.scan(step, ZERO[0], jax.vmap(m.fc1)(xs))
    _, zs = jax.lax.scan(step2(m), ZERO[1], 2 * jax.vmap(m.fc2)(zs))
    return zs


def step2(m):
    def step(v, x):
        z, v = m.lif2(x, v)
        return v, z

    return step


def recurrent(m, xs):
    def step(carry, x):
        v, z = carry
        z, v = m.lif1(m.fc1(x) + m.back(z), v)
        return (v, z), z

    return jax.lax.scan(step, ZERO, xs)[1]


def counted(m, xs):
    def step(carry, x):
        n, v = carry
        z, v = m.lif1(m.fc1(x), v)
        return (n + 1, v), z

    return jax.lax.scan(step, (0, ZERO[0]), xs)[1]


def leaky(m, xs):
    def step(v, x):
        v = 0.5 * v + m.fc1(x)
        return v, v

    return jax.lax.scan(step, ZERO[0], xs)[1]


def results(graph: Any, xs: np.ndarray) -> np.ndarray:
    return np.asarray(nirx.from_nir(graph, backend="numpy").run(xs)[0])


@pytest.mark.parametrize(
    "run",
    [
        scanned,
        scanned_with_end,
        scanned_in_a_jit,
        unrolled,
        layers_before_the_scan,
        recurrent,
        counted,
        leaky,
    ],
)
@pytest.mark.sampled(3)
def test_a_scan_over_time_is_its_step(run):
    m, xs = model(run), 2 * data(STEPS, 3)
    own = m(xs)
    own = np.asarray(own[0] if isinstance(own, tuple) else own)
    assert len(np.unique(own.round(4))) > 1
    for example in (xs, xs[:7], jax.ShapeDtypeStruct((4, 3), jnp.float32)):
        graph = jax_to_nir(m, example, MAP, discretization=RULE)
        np.testing.assert_allclose(results(graph, xs), own, rtol=1e-5, atol=1e-6)
    assert {"fc1"} <= set(graph.nodes)


def scanned_over_a_batch(m, xs):
    zero = jnp.zeros((xs.shape[1], 4))
    return jax.lax.scan(lambda c, x: m.batch_step(c, x), (zero, zero), xs)[1]


def step_mapped(m, xs):
    zero = jnp.zeros((xs.shape[1], 4))
    return jax.lax.scan(jax.vmap(lambda c, x: m.step(c, x)), (zero, zero), xs)[1]


def scan_mapped(m, xs):
    return jax.vmap(lambda own: scanned(m, own), in_axes=1, out_axes=1)(xs)


@pytest.mark.parametrize("run", [scanned_over_a_batch, step_mapped, scan_mapped])
def test_a_batch_mapped_in_the_call(run):
    m, xs = model(run), 2 * data(STEPS, BATCH, 3)
    graph = jax_to_nir(m, xs, MAP, discretization=RULE)
    np.testing.assert_allclose(results(graph, xs), np.asarray(m(xs)), rtol=1e-5, atol=1e-6)


def scan_mapped_batch_first(m, xs):
    return jax.vmap(lambda own: scanned(m, own))(xs)


def test_the_batch_may_come_first():
    m, xs = model(scan_mapped_batch_first), 2 * data(BATCH, STEPS, 3)
    graph = jax_to_nir(m, xs, MAP, discretization=RULE)
    own = np.asarray(m(xs)).swapaxes(0, 1)
    np.testing.assert_allclose(results(graph, xs.swapaxes(0, 1)), own, rtol=1e-5, atol=1e-6)


def constant_input(m, x):
    return jax.lax.scan(lambda carry, _: m.step(carry, x), ZERO, None, length=STEPS)[1]


def test_a_constant_input_is_the_input_of_every_step():
    m, x = model(constant_input), 2 * data(3)
    graph = jax_to_nir(m, x, MAP, discretization=RULE)
    xs = np.broadcast_to(x, (STEPS, 3))
    np.testing.assert_allclose(results(graph, xs), np.asarray(m(x)), rtol=1e-5, atol=1e-6)


class Stateful(Model):
    def init_state(self, batch):
        return jnp.zeros((*batch, 4)), jnp.zeros((*batch, 4))

    def __call__(self, xs, state):
        state, zs = jax.lax.scan(lambda c, x: self.step(c, x), state, xs)
        return zs, state


def test_the_state_may_come_from_outside():
    m = model(scanned)
    m = Stateful(m.fc1, m.lif1, m.fc2, m.lif2, m.back, scanned)
    xs = 2 * data(STEPS, 3)
    graph = jax_to_nir(m, xs, MAP, discretization=RULE)
    own = np.asarray(m(xs, m.init_state(()))[0])
    np.testing.assert_allclose(results(graph, xs), own, rtol=1e-5, atol=1e-6)
    assert list(graph.nodes) == ["input", "fc1", "lif1", "fc2", "lif2", "output"]


def one_step_of_a_batch(m, x):
    return jax.vmap(m.fc2)(jax.vmap(m.fc1)(x))


def test_layers_mapped_over_a_batch_without_time():
    m, x = model(one_step_of_a_batch), data(BATCH, 3)
    graph = jax_to_nir(m, x, MAP)
    np.testing.assert_allclose(results(graph, x[None])[0], np.asarray(m(x)), rtol=1e-5, atol=1e-6)


# -- refused --------------------------------------------------------------------------------------


def last(m, xs):
    return jax.lax.scan(lambda c, x: m.step(c, x), ZERO, xs)[0][0]


def mean(m, xs):
    return scanned(m, xs).mean(0)


def last_of_all(m, xs):
    return scanned(m, xs)[-1]


def backwards(m, xs):
    return jax.lax.scan(lambda c, x: m.step(c, x), ZERO, xs, reverse=True)[1]


def turned(m, xs):
    return scanned(m, xs[::-1])


def with_the_number(m, xs):
    def step(carry, given):
        n, x = given
        carry, z = m.step(carry, x)
        return carry, z * n

    return jax.lax.scan(step, ZERO, (jnp.arange(len(xs)) * 1.0, xs))[1]


def all_in_every_step(m, xs):
    def step(carry, x):
        return m.step(carry, x + xs.mean(0))

    return jax.lax.scan(step, ZERO, xs)[1]


def neuron_mapped_over_time(m, xs):
    zs, _ = jax.vmap(m.lif1)(jax.vmap(m.fc1)(xs), jnp.zeros((len(xs), 4)))
    return jax.lax.scan(step2(m), ZERO[1], zs)[1]


def from_the_input(m, xs):
    return jax.lax.scan(step2(m), m.fc1(xs[0]), jax.vmap(m.fc1)(xs))[1]


@pytest.mark.parametrize(
    ("run", "message"),
    [
        (last, r"scan at test_loops_over_time.py:\d+.*only what the last time step leaves"),
        (mean, r"test_loops_over_time.py:\d+ takes out or combines parts along time"),
        (last_of_all, r"test_loops_over_time.py:\d+ takes out or combines parts along time"),
        (backwards, "runs backwards"),
        (turned, "reverses time|along time"),
        (with_the_number, "another constant in every time step"),
        (all_in_every_step, "along time|reads all time steps"),
        (neuron_mapped_over_time, "lif1 is mapped over time; scan over it"),
        (from_the_input, "along time|starts from a value"),
    ],
    ids=lambda part: getattr(part, "__name__", ""),
)
def test_what_is_not_one_step_is_refused(run, message):
    with pytest.raises(nirx.UnsupportedError, match=message):
        jax_to_nir(model(run), data(STEPS, 3), MAP, discretization=RULE)


def mixes_the_batch(m, xs):
    zero = jnp.zeros((xs.shape[1], 4))
    zs = jax.lax.scan(lambda c, x: m.batch_step(c, x), (zero, zero), xs)[1]
    return zs - zs.mean(1, keepdims=True)


def flattens_the_batch(m, x):
    return jax.vmap(m.fc1)(x).reshape(-1)


def test_a_batch_that_is_mixed_is_refused():
    with pytest.raises(nirx.UnsupportedError, match="combines parts along batch"):
        jax_to_nir(model(mixes_the_batch), data(STEPS, BATCH, 3), MAP, discretization=RULE)
    with pytest.raises(nirx.UnsupportedError, match=r"along batch"):
        jax_to_nir(model(flattens_the_batch), data(BATCH, 3), MAP)
