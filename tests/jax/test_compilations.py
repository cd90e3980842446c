"""How often a network is traced: equal networks share one compilation."""

from __future__ import annotations

import gc
import inspect
from itertools import count

import equinox as eqx
import jax
import jax.numpy as jnp
import nir
import numpy as np
import pytest

import nirx
import nirx_jax
from nirx_jax import dispatch
from nirx_jax import net as net_module
from support.graphs import chain

TRACES: list[str] = []
NAMES = (f"scale{number}" for number in count())
"""No two tests share a name, so none finds a program that another one compiled."""

RULE = nirx.Discretization(dt=1e-3)


class Counting(eqx.Module):
    """Notes every trace of its call."""

    weight: jax.Array

    def __init__(self, node):
        self.weight = jnp.asarray(node.scale, jnp.float32)

    def __call__(self, x):
        TRACES.append("traced")
        return self.weight * x


@pytest.fixture
def make():
    own = next(NAMES)

    def make(factor=2.0, delay=2e-3, name=own, rule=RULE, **options):
        nodes = {
            name: nir.Scale(np.full(2, factor, np.float32)),
            "delay": nir.Delay(np.array([delay, 1e-3])),
        }
        graph = chain(nodes, 2, 2)
        return nirx_jax.from_nir(graph, rule, node_map={nir.Scale: Counting}, **options)

    return make


def traces(call):
    """How many traces a call costs."""
    TRACES.clear()
    call()
    return len(TRACES)


def test_a_second_call_is_not_traced(make):
    net, xs = make(), jnp.ones((4, 2))
    assert traces(lambda: net.run(xs)) > 0
    assert traces(lambda: net.run(xs + 1)) == 0
    assert traces(lambda: net(xs[0])) > 0
    assert traces(lambda: net(xs[1])) == 0


def test_equal_networks_share_one_compilation(make):
    xs = jnp.ones((4, 2))
    assert traces(lambda: make().run(xs)) > 0
    assert traces(lambda: make().run(xs)) == 0
    assert traces(lambda: make(factor=3.0).run(xs)) == 0, "other numbers, same structure"


@pytest.mark.slow
def test_every_static_difference_is_traced_and_seen(make):
    xs = jnp.arange(10.0).reshape(5, 2)
    make().run(xs)
    assert traces(lambda: make(delay=3e-3).run(xs)) > 0
    assert traces(lambda: make(name="other").run(xs)) > 0
    assert traces(lambda: make(rule=nirx.Discretization(dt=5e-4)).run(xs)) > 0
    assert traces(lambda: make(surrogate="arctan").run(xs)) > 0
    assert traces(lambda: make().run(xs, record="all")) > 0
    assert traces(lambda: make().run(xs, chunk=2)) > 0
    assert make(delay=3e-3).run(xs)[0][:, 0].tolist() == [0, 0, 0, 0, 4]
    assert make().run(xs)[0][:, 0].tolist() == [0, 0, 0, 4, 8]


def test_two_delays_of_two_thousand_that_differ_in_one_place(rule):
    delays = np.full(2000, 1e-3)
    other = delays.copy()
    other[1000] = 0.0
    nets = [
        nirx_jax.from_nir(chain({"d": nir.Delay(d)}, 2000, 2000), rule) for d in (delays, other)
    ]
    first, second = (net(jnp.ones(2000))[0] for net in nets)
    assert first.sum() == 0
    assert second.sum() == second[1000] == 1


def test_a_record_as_list_or_tuple_is_the_same(make):
    net, xs = make(), jnp.ones((4, 2))
    net.run(xs, record=["delay"])
    assert traces(lambda: net.run(xs, record=("delay",))) == 0
    assert traces(lambda: net.run(xs, record=iter(["delay"]))) == 0


def test_the_number_of_chunks_does_not_multiply_traces(make):
    net = make()
    few = traces(lambda: net.run(jnp.ones((8, 2)), chunk=2))
    many = traces(lambda: net.run(jnp.ones((80, 2)), chunk=2))
    assert many == few


# -- networks of which nirx runs every node: looked at once, by `nirx_jax.dispatch` ---------


@pytest.fixture
def native(monkeypatch):
    """Makes networks; counts how often one is traced."""
    own, count, build = next(NAMES), [], net_module._executor

    def counted(net):
        count.append(net)
        return build(net)

    monkeypatch.setattr(net_module, "_executor", counted)

    def make(factor=2.0, delay=2e-3, **options):
        scale, late = nir.Scale(np.full(2, factor, np.float32)), nir.Delay(np.array([delay, 1e-3]))
        nodes = {own: scale, "delay": late}
        return nirx_jax.from_nir(chain(nodes, 2, 2), RULE, **options)

    def traced(call):
        count.clear()
        call()
        return bool(count)

    return make, traced


def test_equal_native_networks_share_one_compilation(native):
    make, traced = native
    xs, net = jnp.ones((4, 2)), make()
    assert traced(lambda: net.run(xs))
    assert not traced(lambda: net.run(xs + 1))
    assert not traced(lambda: make(factor=3.0).run(xs))
    assert traced(lambda: make(delay=3e-3).run(xs))
    assert traced(lambda: make(surrogate="arctan").run(xs))
    assert traced(lambda: net(xs[0]))
    assert not traced(lambda: make()(xs[0]))


def test_another_networks_numbers_are_used(native):
    make, _ = native
    xs, net = jnp.ones((4, 2)), make()
    first = net.run(xs)[0]
    path = next(name for name in net.nodes if name.startswith("scale"))
    other = eqx.tree_at(lambda n: n.nodes[path].arrays["scale"], net, jnp.full(2, 6.0))
    assert (other.run(xs)[0] == 3 * first).all()
    assert (net.run(xs)[0] == first).all()
    grown = jax.grad(lambda factor: (factor * make(factor=1.0).run(xs)[0]).sum())(2.0)
    assert grown == (first / 2).sum()


def test_what_is_remembered_goes_with_the_network(native):
    make, _ = native
    net = make()
    net.run(jnp.ones((4, 2)))
    key = id(net)
    assert key in dispatch._KNOWN
    del net
    gc.collect()
    assert key not in dispatch._KNOWN


def test_tracers_are_not_remembered(native):
    make, _ = native
    before = set(dispatch._KNOWN)
    eqx.filter_grad(lambda net: net.run(jnp.ones((4, 2)))[0].sum())(make())
    assert set(dispatch._KNOWN) <= before


def test_a_bound_method_is_a_pytree_and_looks_like_a_method(native):
    make, _ = native
    net, xs = make(), jnp.ones((4, 2))
    wanted = net.run(xs)[0]
    for jit in (jax.jit, eqx.filter_jit):
        assert (jit(net.run)(xs)[0] == wanted).all()
    doubled = jax.tree.map(lambda leaf: 2 * leaf, net.run)
    assert (doubled(xs)[0] == 2 * wanted).all()
    assert list(inspect.signature(net.run).parameters)[:2] == ["xs", "state"]
    assert net.run.__doc__ == type(net).run.__doc__
    assert "many time steps" in net.run.__doc__
