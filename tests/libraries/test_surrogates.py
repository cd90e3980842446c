"""Surrogate gradients: the libraries' own as nirx's formulas, and nirx's formulas as theirs."""

# nir's own annotations are narrower than what it accepts.
# pyright: reportArgumentType=false, reportMissingImports=false

from __future__ import annotations

import importlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

from nirx import surrogates

U = np.linspace(-3.0, 3.0, 241, dtype=np.float32)  # with 0, and not on the edges of any window


def library(name):
    return pytest.importorskip(name, reason=f"{name} is installed by `make libraries` only")


def of_torch(function):
    u = torch.from_numpy(U.copy()).requires_grad_()
    (slope,) = torch.autograd.grad(function(u).sum(), u)
    return slope.numpy()


def of_jax(function):
    return np.asarray(jax.grad(lambda u: function(u).sum())(jnp.asarray(U)))


def assert_equal(own, slopes):
    """A formula has the library's numbers, in float32."""
    assert own is not None
    expected = own(U)
    assert expected.dtype == np.float32
    np.testing.assert_allclose(slopes, expected, rtol=1e-5, atol=1e-6 * np.abs(expected).max())


SNNTORCH = [
    ("fast_sigmoid", {"slope": 10}),
    ("atan", {"alpha": 3.0}),
    ("sigmoid", {"slope": 4}),
    ("straight_through_estimator", {}),
    ("triangular", {"threshold": 0.7}),
    ("heaviside", {}),
    ("spike_rate_escape", {"beta": 1.5, "slope": 2}),
]


@pytest.mark.parametrize(("name", "numbers"), SNNTORCH)
def test_snntorch(name, numbers):
    snntorch = library("snntorch")
    theirs = importlib.import_module("nirx_torch.bridges.snntorch_surrogates")
    function = getattr(importlib.import_module("snntorch.surrogate"), name)(**numbers)
    own, _ = theirs.surrogate_of(snntorch.Leaky(0.9, spike_grad=function))
    assert_equal(own, of_torch(function))
    assert_equal(own, of_torch(theirs._function(own)))


def test_snntorch_defaults_and_strangers():
    snntorch = library("snntorch")
    theirs = importlib.import_module("nirx_torch.bridges.snntorch_surrogates")
    assert theirs.surrogate_of(snntorch.Leaky(0.9))[0] == surrogates.arctan(2.0)
    off = snntorch.Leaky(0.9, surrogate_disable=True)
    assert theirs.surrogate_of(off)[0] == surrogates.straight_through(0.0)
    own = importlib.import_module("snntorch.surrogate")
    for stranger in (own.SFS(), own.SSO(), own.custom_surrogate(lambda u, g, s: g), torch.relu):
        assert theirs.surrogate_of(snntorch.Leaky(0.9, spike_grad=stranger))[0] is None


NORSE = [("super", 100.0), ("triangle", 0.3), ("tanh", 2.0), ("heavi_erfc", 1.5)]


@pytest.mark.parametrize(("method", "alpha"), NORSE)
def test_norse(method, alpha):
    norse = library("norse.torch")
    threshold = importlib.import_module("norse.torch.functional.threshold").threshold
    theirs = importlib.import_module("nirx_torch.bridges.norse_surrogates")
    parameters = norse.LIFBoxParameters(method=method, alpha=torch.tensor(alpha))
    own, _ = theirs.surrogate_of(norse.LIFBoxCell(parameters))
    assert_equal(own, of_torch(lambda u: threshold(u, method, alpha)))
    assert theirs._method(own) == (method, pytest.approx(alpha))


SPIKINGJELLY = [
    ("Sigmoid", {"alpha": 3.0}),
    ("ATan", {"alpha": 3.0}),
    ("PiecewiseQuadratic", {"alpha": 1.3}),
    ("PiecewiseExp", {"alpha": 1.5}),
    ("SoftSign", {"alpha": 3.0}),
    ("SuperSpike", {"alpha": 0.7}),
    ("Erf", {"alpha": 1.5}),
    ("Rect", {"alpha": 0.71}),
    ("PiecewiseLeakyReLU", {"w": 0.71, "c": 0.02}),
    ("LeakyKReLU", {"leak": 0.1, "k": 0.9}),
    ("DeterministicPass", {}),
]


@pytest.mark.parametrize(("name", "numbers"), SPIKINGJELLY)
def test_spikingjelly(name, numbers):
    library("spikingjelly")
    theirs = importlib.import_module("nirx_torch.bridges.spikingjelly_surrogates")
    sj = importlib.import_module("spikingjelly.activation_based.neuron")
    function = getattr(theirs.own, name)(**numbers)
    own, _ = theirs.surrogate_of(sj.IFNode(surrogate_function=function))
    assert_equal(own, of_torch(function))
    again = theirs._function(own)
    assert type(again) is type(function)
    assert_equal(own, of_torch(again))


def test_spikingjelly_strangers():
    library("spikingjelly")
    theirs = importlib.import_module("nirx_torch.bridges.spikingjelly_surrogates")
    sj = importlib.import_module("spikingjelly.activation_based.neuron")
    stranger = theirs.own.SquarewaveFourierSeries()
    assert theirs.surrogate_of(sj.IFNode(surrogate_function=stranger))[0] is None
    own = surrogates.gaussian(0.3, center=0.1)
    assert_equal(own, of_torch(theirs._function(own)))


SINABS = [
    ("SingleExponential", {"grad_width": 0.4, "grad_scale": 2.0}),
    ("Gaussian", {"mu": 0.1, "sigma": 0.4, "grad_scale": 2.0}),
    ("MultiGaussian", {"sigma": 0.4, "h": 0.2, "s": 5, "grad_scale": 2.0}),
    ("Heaviside", {"window": 0.71}),
]


@pytest.mark.parametrize(("name", "numbers"), SINABS)
def test_sinabs(name, numbers):
    sinabs = library("sinabs")
    theirs = importlib.import_module("nirx_torch.bridges.sinabs_surrogates")
    function = getattr(sinabs.activation, name)(**numbers)
    layer = importlib.import_module("sinabs.layers").IAF
    cell = layer(surrogate_grad_fn=function, spike_threshold=torch.tensor(0.8))
    own, _ = theirs.surrogate_of(cell)
    u, high = torch.from_numpy(U.copy()), torch.tensor(0.8)
    assert_equal(own, function(u + high, high).numpy())
    again = theirs._function(own, 0.8)
    assert type(again) is type(function)
    assert_equal(own, again(u + high, high).numpy())
    periodic = layer(surrogate_grad_fn=sinabs.activation.PeriodicExponential())
    assert theirs.surrogate_of(periodic)[0] is None


SPYX = [
    ("superspike", {"k": 10}),
    ("arctan", {"k": 1.5}),
    ("triangular", {"k": 1.3}),
    ("boxcar", {"width": 1.42, "height": 0.7}),
    ("tanh", {"k": 1.5}),
]


@pytest.mark.parametrize(("name", "numbers"), SPYX)
def test_spyx(name, numbers):
    spyx = library("spyx")
    theirs = importlib.import_module("nirx_jax.bridges.spyx_surrogates")
    function = getattr(spyx.axn, name)(**numbers)
    own, _ = theirs.surrogate_of(spyx.nn.IF((3,), activation=function))
    assert_equal(own, of_jax(function))
    assert theirs.surrogate_of(spyx.nn.IF((3,), activation=theirs._function(own)))[1] == name
    assert_equal(own, of_jax(theirs._function(own)))


def test_spyx_default_and_strangers():
    spyx = library("spyx")
    theirs = importlib.import_module("nirx_jax.bridges.spyx_surrogates")
    assert theirs.surrogate_of(spyx.nn.IF((3,)))[0] == surrogates.fast_sigmoid(25)
    stranger = spyx.axn.custom(lambda u: 1 / (1 + u**2))
    assert theirs.surrogate_of(spyx.nn.IF((3,), activation=stranger))[0] is None
    own = surrogates.gaussian(0.4)
    mine = theirs._function(own)
    assert theirs.surrogate_of(spyx.nn.IF((3,), activation=mine))[0] == own
    assert_equal(own, of_jax(mine))


@pytest.mark.parametrize(
    ("name", "numbers"),
    [("fast_sigmoid", {"slope": 10}), ("atan", {"alpha": 3.0}), ("multi_gauss", {"lens": 0.4})],
)
def test_slax(name, numbers):
    slax = library("slax")
    theirs = importlib.import_module("nirx_jax.bridges.slax_surrogates")
    function = getattr(slax, name)(**numbers)
    own, _ = theirs.surrogate_of(slax.LIF(spike_fn=function))
    assert_equal(own, of_jax(function))
    assert_equal(own, of_jax(theirs._function(own)))
    other = theirs._function(surrogates.gaussian(0.4))
    assert theirs.surrogate_of(slax.LIF(spike_fn=other))[0] == surrogates.gaussian(0.4)


BRAINTOOLS = [
    ("ReluGrad", {"alpha": 0.3, "width": 0.71}),
    ("Sigmoid", {"alpha": 3.0}),
    ("PiecewiseQuadratic", {"alpha": 1.3}),
    ("PiecewiseExp", {"alpha": 1.5}),
    ("SoftSign", {"alpha": 3.0}),
    ("Arctan", {"alpha": 3.0}),
    ("ERF", {"alpha": 1.5}),
    ("PiecewiseLeakyRelu", {"c": 0.02, "w": 0.71}),
    ("LeakyRelu", {"alpha": 0.1, "beta": 0.9}),
]


@pytest.mark.parametrize(("name", "numbers"), BRAINTOOLS)
def test_brainpy(name, numbers):
    brainpy = library("brainpy")
    theirs = importlib.import_module("nirx_jax.bridges.brainpy_surrogates")
    function = getattr(theirs.own, name)(**numbers)
    cell = brainpy.state.LIF(3, spk_fun=function)
    own, _ = theirs.surrogate_of(cell, np.full(3, 1.0))
    assert_equal(own, of_jax(function))
    assert_equal(own, of_jax(theirs._function(own)))
    half, _ = theirs.surrogate_of(cell, np.full(3, 2.0))
    np.testing.assert_allclose(half(U), 0.5 * own(U / 2), rtol=1e-5, atol=1e-7)
    assert theirs.surrogate_of(cell, np.array([1.0, 2.0]))[0] is None
