"""`run`: steps, chunks, recordings and the state."""

from __future__ import annotations

import pytest
import torch

import nirx
import nirx_torch


@pytest.fixture
def net(loop, rule):
    return nirx_torch.from_nir(loop, rule, dtype="float64")


@pytest.fixture
def xs():
    generator = torch.Generator().manual_seed(10)
    return torch.rand((11, 2, 3), dtype=torch.float64, generator=generator)


def close(a, b):
    return a.shape == b.shape and torch.allclose(a, b, rtol=1e-13, atol=1e-15)


def test_steps_equal_a_run(net, xs):
    ys, state = net.run(xs)
    own, rows = None, []
    for x in xs:
        y, own = net(x, own)
        rows.append(y)
    assert own is not None
    assert close(torch.stack(rows), ys)
    assert close(own["lif"]["v"], state["lif"]["v"])
    assert close(own["lif"]["feedback"]["w"], state["lif"]["feedback"]["w"])


@pytest.mark.parametrize("cut", [1, 4, 10])
def test_a_run_cut_in_two_equals_one_run(cut, net, xs):
    whole, end = net.run(xs)
    first, state = net.run(xs[:cut])
    second, state = net.run(xs[cut:], state)
    assert close(torch.cat([first, second]), whole)
    assert close(state["li"]["v"], end["li"]["v"])


@pytest.mark.parametrize("chunk", [1, 2, 4, 10, 11, 12])
def test_the_chunk_length_changes_nothing(chunk, net, xs):
    ys, state, rec = net.run(xs, record="all")
    others, other_state, other_rec = net.run(xs, record="all", chunk=chunk)
    assert close(others, ys)
    assert close(other_state["lif"]["v"], state["lif"]["v"])
    assert other_rec.keys() == rec.keys()
    assert all(close(other_rec[key], rec[key]) for key in rec)


def test_recordings_are_keyed_as_asked(net, xs):
    keys = ["lif", "lif.v", ("li",), ("li", "v")]
    ys, state, rec = net.run(xs, record=keys)
    assert list(rec) == keys
    assert torch.equal(rec["li",], ys)
    assert torch.equal(rec["li", "v"][-1], state["li"]["v"])
    assert torch.equal(rec["lif.v"][-1], state["lif"]["v"])
    assert set(rec["lif"].unique().tolist()) == {0.0, 1.0}
    assert all(r.shape == (11, 2, 4) for r in rec.values())


def test_there_are_three_values_exactly_when_record_is_given(net, xs):
    assert len(net.run(xs)) == 2
    assert len(net.run(xs, record=[])) == 3


def test_an_unknown_key_is_refused_with_the_nearest(net, xs):
    with pytest.raises(nirx.InputError, match=r"'lif\.u'; did you mean 'lif\.v'"):
        net.run(xs, record=["lif.u"])


def test_no_steps_give_no_rows_and_the_first_state(net):
    ys, state, rec = net.run(torch.zeros(0, 2, 3, dtype=torch.float64), record=["lif.v"])
    assert (ys.shape, rec["lif.v"].shape) == ((0, 2, 4), (0, 2, 4))
    start = net.init_state((2,))
    assert torch.equal(state["lif"]["feedback"]["w"], start["lif"]["feedback"]["w"])


@pytest.mark.parametrize("batch", [(), (2,), (2, 1, 3), 4])
def test_init_state_has_the_shapes_of_the_state_spec(batch, net, loop, rule):
    lead = (batch,) if isinstance(batch, int) else batch
    state = net.init_state(batch)
    spec = nirx.schedule(loop, rule).state_spec
    assert state.keys() == spec.keys() == {"lif", "li"}
    assert state["lif"]["v"].shape == (*lead, *spec["lif"]["v"])
    assert state["lif"]["feedback"]["w"].shape == (*lead, *spec["lif"]["feedback"]["w"])
    x = torch.rand((*lead, 3), dtype=torch.float64)
    assert torch.equal(net(x, state)[1]["lif"]["v"], net(x)[1]["lif"]["v"])
