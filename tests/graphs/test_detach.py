"""`nirx.detach`: truncated backpropagation through time."""

from __future__ import annotations

from collections import namedtuple

import equinox as eqx
import jax
import numpy as np
import pytest
import torch

import nirx
from support.graphs import recurrent

RULE = nirx.Discretization(dt=1e-3)

XS = np.random.default_rng(0).random((20, 2, 3)).astype(np.float32)


def test_torch_gradients_stop_at_the_state():
    net = nirx.from_nir(recurrent(), "torch", RULE)
    early, late = (torch.from_numpy(x).requires_grad_() for x in (XS[:10], XS[10:]))
    _, state = net.run(early)
    cut = nirx.detach(state)
    assert not cut["lif"]["v"].requires_grad
    assert state["lif"]["v"].requires_grad, "the state passed in is as it was"
    assert nirx.digest(nirx.state_to_numpy(cut)) == nirx.digest(nirx.state_to_numpy(state))
    net.run(late, cut)[0].sum().backward()
    assert early.grad is None
    assert late.grad is not None
    assert (late.grad != 0).any()


def test_jax_gradients_stop_at_the_state_also_in_jit():
    net = nirx.from_nir(recurrent(), "jax", RULE)

    @jax.jit
    @jax.grad
    def gradient(early, late):
        _, state = net.run(early)
        return net.run(late, nirx.detach(state))[0].sum()

    assert not np.any(gradient(XS[:10], XS[10:]))


def test_numpy_states_are_copied():
    _, state = nirx.from_nir(recurrent(), "numpy", RULE).run(XS)
    cut = nirx.detach(state)
    assert nirx.digest(cut) == nirx.digest(state)
    assert not np.shares_memory(cut["lif"]["v"], state["lif"]["v"])


def test_states_of_users_modules_keep_their_form():
    class Own(eqx.Module):
        v: jax.Array
        steps: int

    pair = namedtuple("pair", "a b")
    tensor = torch.ones(2, requires_grad=True)
    cut = nirx.detach({"m": pair([tensor, None], Own(jax.numpy.ones(2), 3)), "n": (1.5, "x")})
    assert isinstance(cut["m"], pair)
    assert not cut["m"].a[0].requires_grad
    assert cut["m"].a[1] is None
    assert cut["m"].b.steps == 3
    assert cut["n"] == (1.5, "x")


def test_what_cannot_be_cut_is_named():
    with pytest.raises(nirx.InputError, match=r"state 'm/0' is a object; expected an array"):
        nirx.detach({"m": [object()]})
