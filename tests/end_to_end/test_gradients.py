"""torch and JAX compute the same gradients, of the parameters and of the input."""

# nir's and torch's own annotations are narrower than what both accept and give.
# pyright: reportArgumentType=false

from __future__ import annotations

import jax
import jax.numpy as jnp
import nir
import numpy as np
import pytest
import torch

import nirx
import nirx_jax
import nirx_torch
from support.graphs import line, make_graph


@pytest.fixture
def graph():
    """A conv front end, then CubaLIF and LIF in one loop, then LI; all gradients are dense."""
    rng = np.random.default_rng(11)

    def near(value, size=4):
        return value * (1 + 0.2 * rng.random(size))

    nodes = {
        "conv": nir.Conv1d(5, rng.normal(size=(2, 1, 2)), 3, 0, 1, 1, near(0.3, 2)),
        "flat": nir.Flatten({"input": np.array([2, 2])}, 0, -1),
        "scale": nir.Scale(near(2.0)),
        "cuba": nir.CubaLIF(
            near(2e-3), near(4e-3), near(3), near(0.05), near(0.2), near(-0.1), near(2)
        ),
        "delay": nir.Delay(1e-3 * np.array([0, 1, 2, 1])),
        "fc": nir.Affine(rng.normal(size=(4, 4)), near(0.2)),
        "lif": nir.LIF(near(4e-3), near(2), near(0.05), near(0.2), near(-0.1)),
        "back": nir.Linear(rng.normal(size=(4, 4))),
        "li": nir.LI(near(1e-2), near(1), near(0.1)),
    }
    forward = line("input", "conv", "flat", "scale", "cuba", "delay", "fc", "lif", "li", "output")
    return make_graph([*forward, *line("lif", "back", "cuba")], (1, 5), 4, **nodes)


@pytest.fixture
def xs():
    return np.random.default_rng(12).normal(size=(25, 2, 1, 5))


def exhaustive(values):
    return pytest.param(values, marks=pytest.mark.exhaustive)


def of_torch(graph, xs, rule, **options):
    net = nirx_torch.from_nir(graph, rule, "float64", **options)
    given = torch.from_numpy(xs).requires_grad_()
    ys, state, rec = net.run(given, record=["cuba", "lif"])
    spikes = {key: r.detach().numpy() for key, r in rec.items()}
    ((ys**2).sum() + state["cuba"]["v"].sum()).backward()
    assert given.grad is not None
    grads = {
        name: np.zeros(p.shape) if p.grad is None else p.grad.numpy()
        for name, p in net.named_parameters()
    }
    return {**grads, "input": given.grad.numpy()}, spikes


def of_jax(graph, xs, rule, **options):
    with jax.enable_x64(True):
        net = nirx_jax.from_nir(graph, rule, "float64", **options)

        def loss(net, xs):
            ys, state, rec = net.run(xs, record=["cuba", "lif"])
            return (ys**2).sum() + state["cuba"]["v"].sum(), rec

        (to_net, to_input), rec = jax.grad(loss, argnums=(0, 1), has_aux=True)(net, jnp.array(xs))
        grads = {
            f"{name}.{key}": np.asarray(value)
            for name, module in to_net.nodes.items()
            for key, value in module.arrays.items()
        }
        return {**grads, "input": np.asarray(to_input)}, nirx.state_to_numpy(rec)


CHOICES = [
    {"surrogate": "superspike"},
    {"surrogate": "arctan", "detach_reset": True},
    {"surrogate": "triangular"},
    {"surrogate": "straight-through", "detach_reset": True},
    {"surrogate": lambda u: 0.3 / (1 + u * u)},
]


def check(graph, xs, rule, **options):
    ours, spikes = of_torch(graph, xs, rule, **options)
    theirs, other_spikes = of_jax(graph, xs, rule, **options)
    assert spikes.keys() == other_spikes.keys()
    for key, value in spikes.items():
        assert np.array_equal(value, other_spikes[key]), key
        assert value.sum() > 5
    assert ours.keys() == theirs.keys()
    for key, value in ours.items():
        assert np.isfinite(value).all(), key
        unused = key.endswith("v_reset") and rule.reset == "subtract"
        assert (value != 0).any() != unused, key
        scale = np.abs(value).max()
        np.testing.assert_allclose(theirs[key], value, rtol=1e-9, atol=1e-11 * scale, err_msg=key)
    return ours


@pytest.mark.slow
@pytest.mark.parametrize(
    "options", [CHOICES[0], *map(exhaustive, CHOICES[1:])], ids=lambda o: str(o["surrogate"])[:20]
)
def test_the_same_gradients(options, graph, xs):
    check(graph, xs, nirx.Discretization(dt=1e-3), **options)


def test_detaching_the_reset_changes_the_gradients(graph, xs):
    rule = nirx.Discretization(dt=1e-3)
    through = of_torch(graph, xs, rule, surrogate="arctan")[0]
    detached = of_torch(graph, xs, rule, surrogate="arctan", detach_reset=True)[0]
    assert not np.allclose(through["cuba.w_in"], detached["cuba.w_in"], rtol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize(
    "choices",
    [
        exhaustive({"integrator": "exponential", "reset": "subtract"}),
        exhaustive({"reset_when": "next", "synapse": "voltage-first"}),
        exhaustive({"reset_when": "next-leaked", "reset": "subtract", "synapse_input": "jump"}),
        exhaustive({"spikes": "multi", "reset": "subtract", "max_spikes": 3}),
        exhaustive({"feedback": "component", "initial_v": "leak"}),
    ],
    ids=str,
)
def test_the_same_gradients_under_other_discretizations(choices, graph, xs):
    rule = nirx.Discretization(dt=1e-3, **choices)
    scaled = 0.2 * xs if choices.get("synapse_input") else xs
    check(graph, scaled, rule, surrogate="arctan")
