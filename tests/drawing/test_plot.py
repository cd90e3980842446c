"""`nirx.plot`: what is drawn is what was recorded, on any backend and on the axes given."""

from __future__ import annotations

import nir
import numpy as np
import pytest

import nirx
import nirx_jax
import nirx_torch
from nirx.basics.foreign_arrays import to_numpy
from support.graphs import chain, lif

plt = pytest.importorskip("matplotlib.pyplot")

D = nirx.Discretization(dt=1.0)
XS = (np.random.default_rng(0).random((30, 2, 3)) < 0.5).astype(np.float32)


@pytest.fixture
def ax():
    import matplotlib

    matplotlib.use("agg")
    figure, own = plt.subplots()
    yield own
    plt.close(figure)


def graph() -> nir.NIRGraph:
    return chain({"lif": lif(3, tau=5.0, v_threshold=0.3)}, 3)


def recordings(backend: str) -> dict:
    if backend == "torch":
        import torch

        return nirx_torch.from_nir(graph(), discretization=D).run(torch.tensor(XS), record="all")[2]
    if backend == "jax":
        return nirx_jax.from_nir(graph(), discretization=D).run(XS, record="all")[2]
    return nirx.from_nir(graph(), "numpy", D).run(XS, record="all")[2]


def compared(key: str = "lif") -> nirx.Comparison:
    def other(xs):
        ys, state, recorded = nirx.from_nir(graph(), "numpy", D).run(xs, record="all")
        array = recorded[key].copy()
        array[20, 1, 2] = 1 - array[20, 1, 2]
        return ys, state, {**recorded, key: array}

    return nirx.compare(graph(), XS, ["numpy", other], discretization=D)


@pytest.mark.parametrize("backend", ["numpy", "torch", "jax"])
def test_a_raster_has_a_stroke_for_each_spike(ax, backend):
    spikes = recordings(backend)["lif"]
    assert nirx.plot.raster(spikes, ax=ax, sample=1) is ax
    (strokes,) = ax.collections
    expected = np.argwhere(to_numpy(spikes)[:, 1] > 0)
    places = {(s[0, 0], round(s[:, 1].mean(), 6)) for s in strokes.get_segments()}
    assert places == {(float(t), float(n)) for t, n in expected}
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("step", "neuron")


@pytest.mark.parametrize("backend", ["numpy", "torch", "jax"])
def test_a_membrane_is_the_recorded_line(ax, backend):
    values = recordings(backend)["lif.v"]
    nirx.plot.membrane(values, ax=ax, neurons=[0, 2], sample=1, dt=0.5, unit="ms", threshold=0.3)
    first, second, threshold = ax.lines
    assert np.array_equal(first.get_ydata(), to_numpy(values)[:, 1, 0])
    assert np.array_equal(second.get_ydata(), to_numpy(values)[:, 1, 2])
    assert np.array_equal(second.get_xdata(), np.arange(30) * 0.5)
    assert first.get_color() != second.get_color()
    assert threshold.get_ydata()[0] == 0.3
    assert ax.get_xlabel() == "time (ms)"


def test_a_divergence_shows_both_sides_and_the_step(ax):
    found = compared()
    nirx.plot.divergence(found, ax=ax)
    reference, other, mark = ax.lines
    assert mark.get_xdata()[0] == 20
    differing = np.flatnonzero(reference.get_ydata() != other.get_ydata())
    assert [reference.get_xdata()[i] for i in differing] == [20]
    assert ax.get_ylabel() == "lif[1, 2]"


def test_another_recording_of_the_diverging_neuron(ax):
    nirx.plot.divergence(compared(), ax=ax, key="lif.v")
    assert ax.get_ylabel() == "lif.v[1, 2]"
    with pytest.raises(nirx.InputError, match=r"did you mean 'lif\.v'"):
        nirx.plot.divergence(compared(), ax=ax, key="lif.w")


def test_agreement_says_so(ax):
    nirx.plot.divergence(nirx.compare(graph(), XS, ["numpy", "numpy"], discretization=D), ax=ax)
    assert ax.texts[0].get_text() == "all agree"


def test_weights_are_centred_on_zero(ax):
    node = nir.Linear(np.array([[1.0, -3.0, 2.0], [0.0, 0.5, 1.0]]))
    nirx.plot.weights(node, ax=ax)
    (image,) = ax.images
    assert image.get_clim() == (-3.0, 3.0)
    assert np.array_equal(image.get_array(), node.weight)


def test_kernels_are_laid_side_by_side(ax):
    nirx.plot.weights(np.ones((4, 2, 3, 3)), ax=ax)
    assert ax.images[0].get_array().shape == (4, 18)


def test_rates_of_layers_and_of_backends(ax):
    spikes = recordings("numpy")["lif"]
    nirx.plot.rates({"lif": spikes}, ax=ax, dt=1e-3)
    assert ax.patches[0].get_width() == pytest.approx(spikes.mean() * 1000)
    assert ax.get_xlabel() == "rate (Hz)"
    nirx.plot.rates(compared(), ax=ax)
    assert len(ax.patches) > 2


@pytest.mark.parametrize(
    ("draw", "words"),
    [
        (lambda ax: nirx.plot.raster("spikes", ax=ax), "expected an array"),
        (lambda ax: nirx.plot.raster(np.float32(1), ax=ax), "single number"),
        (lambda ax: nirx.plot.raster(XS, ax=ax, sample=7), r"shape \(30, 2, 3\)"),
        (lambda ax: nirx.plot.membrane(XS, ax=ax, sample=0, neurons=[3]), "expected 0 to 2"),
        (lambda ax: nirx.plot.weights(np.ones(3), ax=ax), "outputs, inputs"),
        (lambda ax: nirx.plot.rates({}, ax=ax), "there is none"),
        (lambda ax: nirx.plot.rates([1], ax=ax), "expected a dict"),
    ],
)
def test_what_cannot_be_drawn_is_refused(ax, draw, words):
    with pytest.raises(nirx.InputError, match=words):
        draw(ax)


def test_without_axes_there_are_new_ones():
    import matplotlib

    matplotlib.use("agg")
    own = nirx.plot.raster(XS, sample=0)
    plt.close(own.figure)
    assert own.collections
