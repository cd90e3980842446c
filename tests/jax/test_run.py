"""`run`: steps, chunks with and without a remainder, recordings and the state."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import nir
import numpy as np
import pytest

import nirx
import nirx_jax
from support.graphs import chain, varied_lif


@pytest.fixture
def net(loop, rule):
    return nirx_jax.from_nir(loop, rule)


@pytest.fixture
def xs():
    return jnp.asarray(np.random.default_rng(4).random((11, 2, 3), np.float32))


def close(a, b):
    assert jax.tree.structure(a) == jax.tree.structure(b)
    jax.tree.map(lambda p, q: np.testing.assert_allclose(p, q, rtol=1e-5, atol=1e-6), a, b)


def test_steps_equal_a_run(net, xs):
    own, rows = None, []
    for x in xs:
        y, own = net(x, own)
        rows.append(y)
    close((jnp.stack(rows), own), net.run(xs))


# Every cut and every chunk length compiles further programs.
@pytest.mark.parametrize("cut", [4, *(pytest.param(n, marks=pytest.mark.slow) for n in (1, 10))])
def test_a_run_cut_in_two_equals_one_run(cut, net, xs):
    first, state = net.run(xs[:cut])
    second, state = net.run(xs[cut:], state)
    close((jnp.concatenate([first, second]), state), net.run(xs))


@pytest.mark.slow
@pytest.mark.parametrize(
    "chunk", [4, 11, *(pytest.param(n, marks=pytest.mark.exhaustive) for n in (1, 2, 5, 10, 12))]
)
def test_the_chunk_length_changes_nothing(chunk, net, xs):
    close(net.run(xs, record="all", chunk=chunk), net.run(xs, record="all"))


def test_a_delay_across_chunks(rule):
    delays = 1e-3 * np.array([0, 1, 4, 7])
    net = nirx_jax.from_nir(chain({"d": nir.Delay(delays)}, 4, 4), rule)
    xs = jnp.arange(1.0, 11)[:, None] * jnp.ones(4)
    ys, state = net.run(xs, chunk=3)
    expected = [[max(0, t - d) for d in (0, 1, 4, 7)] for t in range(1, 11)]
    assert ys.tolist() == expected
    assert state["d"]["buffer"][:, 0].tolist() == list(range(4, 11))


def test_recordings_are_keyed_as_asked(net, xs):
    ys, state, rec = net.run(xs, record=["lif", "lif.v", "li"])
    assert set(rec) == {"lif", "lif.v", "li"}
    assert np.array_equal(rec["li"], ys)
    assert np.array_equal(rec["lif.v"][-1], state["lif"]["v"])
    assert set(np.unique(rec["lif"]).tolist()) == {0.0, 1.0}


@pytest.mark.slow
@pytest.mark.parametrize("keys", [[("li",), ("lif", "v")], ["lif.v", ("li",)], "lif.v"])
def test_strings_and_tuples_may_be_recorded_together(keys, net, xs):
    _, _, rec = net.run(xs, record=keys)
    assert list(rec) == ([keys] if isinstance(keys, str) else keys)


def test_there_are_three_values_exactly_when_record_is_given(net, xs):
    assert len(net.run(xs)) == 2
    assert len(net.run(xs, record=[])) == 3


def test_an_unknown_key_is_refused_with_the_nearest(net, xs):
    with pytest.raises(nirx.InputError, match=r"'lif\.u'; did you mean 'lif\.v'"):
        net.run(xs, record=["lif.u"])


def test_no_steps_give_no_rows_and_the_first_state(net):
    ys, state, rec = net.run(jnp.zeros((0, 2, 3)), record=["lif.v"])
    assert (ys.shape, rec["lif.v"].shape) == ((0, 2, 4), (0, 2, 4))
    close(state, net.init_state((2,)))


@pytest.mark.parametrize("batch", [(), (2,), (2, 1, 3), 4])
@pytest.mark.sampled(3)
def test_init_state_starts_like_no_state(batch, net):
    lead = (batch,) if isinstance(batch, int) else batch
    state = net.init_state(batch)
    assert state["lif"]["v"].shape == (*lead, 4)
    assert state["lif"]["feedback"]["w"].shape == (*lead, 4)
    x = jnp.ones((*lead, 3))
    close(net(x, state), net(x))


@pytest.mark.slow
@pytest.mark.exhaustive
def test_a_chain_of_two_hundred_neurons_compiles(rule):
    nodes = {f"lif{i:03}": varied_lif(4) for i in range(200)}
    nodes["lif000"].v_threshold[:] = 0.01
    net = nirx_jax.from_nir(chain(nodes, 4, 4), rule)
    ys, state, rec = net.run(jnp.ones((50, 4)), record=["lif000", "lif001.v"])
    assert ys.shape == (50, 4)
    assert len(state) == 200
    assert rec["lif000"].sum() > 0
    assert (rec["lif001.v"] != 0).any()
