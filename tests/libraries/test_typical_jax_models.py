"""Models as the JAX libraries' own tutorials build them, moved to another library."""

# The libraries are in .venv-libraries only, where these tests run.
# pyright: reportMissingImports=false

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import nirx

XS = (np.random.default_rng(0).random((40, 3, 8)) < 0.6).astype("float32")


def spyx_quickstart():
    """As spyx's README has it."""
    nnx = pytest.importorskip("flax.nnx")
    sn = pytest.importorskip("spyx.nn", reason="spyx is installed by `make libraries` only")
    from spyx import axn

    rngs = nnx.Rngs(0)
    return sn.Sequential(
        nnx.Linear(8, 32, use_bias=False, rngs=rngs),
        sn.LIF((32,), activation=axn.triangular(), rngs=rngs),
        nnx.Linear(32, 3, use_bias=False, rngs=rngs),
        sn.LI((3,), rngs=rngs),
    )


def slax_over_time():
    """`slax.RNN` around a user's module, as slax's examples train them."""
    slax = pytest.importorskip("slax", reason="slax is installed by `make libraries` only")
    import flax.linen as nn

    class Step(nn.Module):
        @nn.compact
        def __call__(self, x):
            return slax.LIF()(nn.Dense(3)(slax.LIF()(nn.Dense(16)(x))))

    module = slax.RNN(Step())
    return module, {"params": module.init(jax.random.PRNGKey(0), jnp.asarray(XS))["params"]}


def brainpy_tutorial():
    """Linear, LIF, Linear and an exponential synapse to read from, as BrainState's tutorial on
    spiking networks has it."""
    bp = pytest.importorskip("brainpy.state", reason="installed by `make libraries` only")
    import brainstate
    import braintools
    import brainunit as u

    class Net(brainstate.nn.Module):
        def __init__(self):
            super().__init__()
            brainstate.random.seed(0)
            scaled = braintools.init.KaimingNormal(scale=40.0, unit=u.mA)
            zero = braintools.init.Constant(0.0)
            self.i2r = brainstate.nn.Linear(8, 16, w_init=scaled, b_init=None)
            self.r = bp.LIF(16, tau=20 * u.ms, V_reset=0 * u.mV, V_rest=0 * u.mV, V_th=1 * u.mV)
            self.drop = brainstate.nn.Dropout(0.9)
            self.head = brainstate.nn.Linear(16, 3)
            self.out = bp.Expon(3, tau=10 * u.ms, g_initializer=zero)

        def update(self, x):
            return self.out(self.head(self.drop(self.r(self.i2r(x)))))

    return Net()


@pytest.mark.parametrize("build", [spyx_quickstart, slax_over_time, brainpy_tutorial])
@pytest.mark.parametrize("target", ["torch", "jax"])
def test_a_model_of_a_tutorial_moves(build, target):
    if build is brainpy_tutorial:
        pytest.importorskip("brainpy", reason="brainpy is installed by `make libraries` only")
        import brainstate
        import brainunit as u

        with brainstate.environ.context(dt=1.0 * u.ms):
            moved = nirx.move(build(), target, xs=XS)
    else:
        moved = nirx.move(build(), target, xs=XS)
    assert moved.source == build.__name__.partition("_")[0]
    assert moved.silent == ()
    assert moved.fidelity != "different"
    assert not moved.changes


class Broken(eqx.Module):
    fc: eqx.nn.Linear

    def __call__(self, x):
        return self.fc(x) + jnp.zeros(4)


def test_a_call_that_fails_names_the_model():
    model = Broken(eqx.nn.Linear(8, 3, key=jax.random.PRNGKey(0)))
    with pytest.raises(
        nirx.InputError, match=r"Broken: its call with an input of shape \(8,\)"
    ) as e:
        nirx.move(model, "torch", input_shape=8)
    assert isinstance(e.value.__cause__, TypeError)
