"""The same bits however a run is split, spread over threads, transformed or continued."""

# nir's and torch's own annotations are narrower than what both accept and give.
# pyright: reportArgumentType=false

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import nir
import numpy as np
import pytest
import torch

import nirx
from support.agreement import assert_bits
from support.graphs import chain
from support.running import Reproducible

TIME, BATCH = 23, 6


def near(rng, value, *shape):
    return value * (1 + 0.2 * rng.random(shape))


def lif_loop():
    rng = np.random.default_rng(1)
    lif = nir.LIF(*(near(rng, v, 8) for v in (5e-3, 2.0, 0.05, 0.3, -0.1)))
    nodes = {"fc": nir.Affine(rng.normal(size=(8, 5)), near(rng, 0.1, 8)), "lif": lif}
    graph = chain(nodes, 5, 8)
    graph.nodes["back"] = nir.Affine(0.5 * rng.normal(size=(8, 8)), near(rng, 0.05, 8))
    graph.edges += [("lif", "back"), ("back", "lif")]
    return graph, nirx.Discretization(dt=1e-3), (5,)


def cuba_multi():
    rng = np.random.default_rng(2)
    values = (4e-3, 7e-3, 2.0, 0.01, 0.11, 0.0, 1.5)
    nodes = {
        "fc": nir.Linear(rng.normal(size=(7, 5))),
        "n": nir.CubaLIF(*(near(rng, v, 7) for v in values)),
        "out": nir.Linear(rng.normal(size=(3, 7))),
    }
    rule = nirx.Discretization(dt=1e-3, spikes="multi", reset="subtract")
    return chain(nodes, 5, 3), rule, (5,)


def images():
    rng = np.random.default_rng(3)
    nodes = {
        "conv": nir.Conv2d(None, rng.normal(size=(3, 2, 3, 3)), 1, 1, 1, 1, near(rng, 0.1, 3)),
        "pool": nir.AvgPool2d(np.array([2, 2]), np.array([2, 2]), np.array([0, 0])),
        "n": nir.IF(near(rng, 300.0, 3, 3, 3), near(rng, 0.6, 3, 3, 3), 0 * np.ones((3, 3, 3))),
    }
    return chain(nodes, (2, 6, 6), (3, 3, 3)), nirx.Discretization(dt=1e-3), (2, 6, 6)


def delayed():
    rng = np.random.default_rng(4)
    nodes = {
        "fc": nir.Linear(rng.normal(size=(4, 3))),
        "li": nir.LI(*(near(rng, v, 4) for v in (5e-3, 1.0, 0.1))),
    }
    graph = chain(nodes, 3, 4)
    graph.nodes |= {
        "d": nir.Delay(1e-3 * np.array([1, 2, 3, 5])),
        "w": nir.Linear(0.4 * rng.normal(size=(4, 4))),
    }
    graph.edges += [("li", "d"), ("d", "w"), ("w", "li")]
    return graph, nirx.Discretization(dt=1e-3, integrator="exponential"), (3,)


GRAPHS = {"lif loop": lif_loop, "cuba multi": cuba_multi, "images": images, "delayed": delayed}


MARKS = {"lif loop": (), "cuba multi": pytest.mark.slow}


@pytest.fixture(
    params=[pytest.param(n, marks=MARKS.get(n, pytest.mark.exhaustive)) for n in GRAPHS]
)
def problem(request):
    graph, rule, shape = GRAPHS[request.param]()
    xs = np.random.default_rng(5).normal(size=(TIME, BATCH, *shape)).astype(np.float32)
    xs[:, 1] = xs[:, 1] > 0.5  # one sample of spikes
    return graph, rule, xs, Reproducible("numpy", graph, rule).run(xs)


def at(tree, pick):
    return {k: at(v, pick) if isinstance(v, dict) else v[pick] for k, v in tree.items()}


def test_the_outputs_are_not_constant(problem):
    _, _, _, (ys, state, _) = problem
    assert np.unique(ys).size >= 2
    assert np.isfinite(ys).all()
    assert state


@pytest.mark.slow
@pytest.mark.sampled(3)
def test_batch_reordered_split_and_without_axes(problem, backend):
    graph, rule, xs, (ys, state, _) = problem
    net = Reproducible(backend, graph, rule)
    order = np.array([3, 0, 5, 1, 4, 2])
    found, end, _ = net.run(xs[:, order])
    assert_bits((found, end), (ys[:, order], at(state, order)), "reordered")
    for part in (slice(0, 1), slice(1, 2), slice(2, 6)):
        found, end, _ = net.run(xs[:, part])
        assert_bits((found, end), (ys[:, part], at(state, part)), f"{part}")
    assert_bits(net.run(xs[:, 4])[:2], (ys[:, 4], at(state, 4)), "no batch axis")
    shape = (TIME, 2, 3)
    assert_bits(net.run(xs.reshape(*shape, *xs.shape[2:]))[0].reshape(ys.shape), ys, "two axes")


@pytest.mark.slow
@pytest.mark.parametrize(
    "chunk", [3, *(pytest.param(n, marks=pytest.mark.exhaustive) for n in (1, 7, TIME))]
)
def test_chunks(problem, backend, chunk):
    graph, rule, xs, expected = problem
    assert_bits(Reproducible(backend, graph, rule).run(xs, chunk=chunk), expected)


@pytest.mark.slow
@pytest.mark.sampled(3)
def test_steps_and_a_run_cut_in_two(problem, backend):
    graph, rule, xs, (ys, end, _) = problem
    net = Reproducible(backend, graph, rule)
    one, state, _ = net.run(xs[:9])
    two, state, _ = net.run(xs[9:], state)
    assert_bits((np.concatenate([one, two]), state), (ys, end), "cut in two")
    state, rows = None, []
    for x in xs:
        y, state = net.step(x, state)
        rows.append(y)
    assert_bits((np.stack(rows), state), (ys, end), "steps")


def test_a_run_continued_by_another_backend(problem):
    graph, rule, xs, (ys, end, _) = problem
    parts, state = [], None
    for backend, piece in (("torch", xs[:7]), ("jax", xs[7:15]), ("numpy", xs[15:])):
        y, state, _ = Reproducible(backend, graph, rule).run(piece, state)
        parts.append(y)
    assert_bits((np.concatenate(parts), state), (ys, end))


def scan_of_steps(net, xs):
    step = jax.jit(lambda s, x: net(x, s)[::-1])
    return jax.lax.scan(step, net.init_state((BATCH,)), xs)[::-1]


QUICK = ("passed", "vmap", "scan of steps")
TRANSFORMS = {
    "passed": lambda net, xs: eqx.filter_jit(lambda n, x: n.run(x))(net, xs),
    "vmap": lambda net, xs: jax.vmap(net.run, in_axes=1, out_axes=(1, 0))(xs),
    "scan of steps": scan_of_steps,
    "closed over": lambda net, xs: jax.jit(lambda x: net.run(x))(xs),
    "everything closed over": lambda net, xs: jax.jit(lambda: net.run(xs))(),
    "vmap of jit": lambda net, xs: jax.vmap(
        jax.jit(lambda x: net.run(x)), in_axes=1, out_axes=(1, 0)
    )(xs),
}


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        *list(TRANSFORMS)[:1],
        *(pytest.param(n, marks=pytest.mark.exhaustive) for n in list(TRANSFORMS)[1:]),
    ],
)
def test_jax_transforms(problem, name):
    graph, rule, xs, expected = problem
    net = Reproducible("jax", graph, rule).net
    assert_bits(nirx.state_to_numpy(TRANSFORMS[name](net, jnp.asarray(xs))), expected[:2], name)


@pytest.mark.exhaustive
def test_jax_without_jit(problem):
    graph, rule, xs, _ = problem
    few = xs[:2]
    expected = Reproducible("numpy", graph, rule).run(few)
    with jax.disable_jit():
        assert_bits(Reproducible("jax", graph, rule).run(few), expected)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.sampled(3)
def test_torch_threads_and_gradients(problem, threads):
    graph, rule, xs, expected = problem
    net, before = Reproducible("torch", graph, rule), torch.get_num_threads()
    try:
        torch.set_num_threads(threads)
        assert torch.get_num_threads() == threads
        assert_bits(net.run(xs), expected, "gradients on")
        for context in (torch.no_grad, torch.inference_mode):
            with context():
                assert_bits(net.run(xs), expected, context.__name__)
    finally:
        torch.set_num_threads(before)
