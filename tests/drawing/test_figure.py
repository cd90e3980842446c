"""Plots of comparisons: they are drawn for every kind of graph and show what they should."""

from __future__ import annotations

import sys

import nir
import numpy as np
import pytest

import nirx
from nirx.drawing import figure
from nirx.drawing.choice import choose
from nirx.graphs.recording import resolve_record
from support.graphs import chain, lif, neuron

pytest.importorskip("matplotlib")

pytestmark = pytest.mark.filterwarnings(
    "ignore:(nothing was compared|never spiked):nirx.NirxWarning"
)

D = nirx.Discretization(dt=1.0)


def compared(layers=1, shape=(6,), steps=60, batch=(2,), key=None, index=(), name="n", node=None):
    """Layers of LIF, or of `node`; numpy against itself, `key` changed at `index` (step first)."""
    node = lif(shape, tau=5.0, v_threshold=0.3) if node is None else node
    graph = chain({f"{name}{k}": node for k in range(layers)}, shape)
    xs = (np.random.default_rng(0).random((steps, *batch, *shape)) < 0.5).astype(np.float32)
    keys = [p.key for p in resolve_record(nirx.schedule(graph, D), "all")]

    def other(x):
        ys, state, rec = nirx.from_nir(graph, "numpy", D).run(x, record=keys)
        if key is not None:
            rec[key] = rec[key].copy()
            rec[key][index] = 1 - rec[key][index]
        return ys, state, rec

    comparison = nirx.compare(graph, xs, ["numpy", other], discretization=D)
    assert all(comparison.recordings["numpy"][node].any() for node in comparison.spiking[:2])
    return comparison, nirx.schedule(graph, D)


def drawn(comparison, schedule) -> bool:
    data = figure.draw(comparison, schedule)
    return data.startswith(b"\x89PNG") and len(data) > 5000


def test_agreement_is_drawn():
    assert drawn(*compared())


@pytest.mark.slow
@pytest.mark.parametrize("key", ["n0", "n0.v"])
def test_divergence_is_drawn_and_shown_where_it_is(key):
    comparison, schedule = compared(2, key=key, index=(40, 1, 4))
    assert comparison.first_divergence is not None
    choice = choose(comparison, schedule)
    assert choice.batch == (1,)
    assert choice.traces[0].key == "n0.v"
    assert choice.traces[0].neuron == 4
    assert choice.raster_height() == pytest.approx(4.5 / 6)
    assert choice.is_at(choice.traces[0]) == (key == "n0.v")
    assert drawn(comparison, schedule)


def test_divergence_without_spiking_nodes_is_drawn():
    comparison, schedule = compared(node=neuron(nir.LI, 6), key="n0.v", index=(9, 0, 2))
    choice = choose(comparison, schedule)
    assert choice.rasters == ()
    assert choice.is_at(choice.traces[0])
    assert drawn(comparison, schedule)


def test_long_runs_show_the_steps_around_the_divergence():
    comparison, schedule = compared(steps=900, key="n0", index=(700, 0, 0))
    choice = choose(comparison, schedule)
    assert choice.start < 700 < choice.stop < 900
    assert choice.stop - choice.start <= 300
    assert drawn(comparison, schedule)


def test_the_neuron_that_diverges_is_among_those_of_a_large_node():
    comparison, schedule = compared(shape=(4, 5, 5), key="n0", index=(7, 0, 3, 4, 4))
    choice = choose(comparison, schedule)
    assert choice.rasters[0].total == 100
    assert len(choice.rasters[0].neurons) == 40
    assert 99 in choice.rasters[0].neurons
    assert choice.traces[0].index == (3, 4, 4)
    assert drawn(comparison, schedule)


@pytest.mark.slow
def test_of_many_nodes_the_last_is_shown_if_it_diverges():
    comparison, schedule = compared(7, key="n6", index=(0, 0, 0))
    choice = choose(comparison, schedule)
    assert len(choice.rasters) == 4
    assert "n6" in [r.key for r in choice.rasters]
    assert drawn(comparison, schedule)


@pytest.mark.slow
@pytest.mark.parametrize("batch", [(), (1,), (2, 3)])
def test_any_batch(batch):
    assert drawn(*compared(batch=batch))


@pytest.mark.slow
@pytest.mark.sampled(3)
def test_every_type(example):
    grid = nirx.Discretization(dt=1e-4)  # of the Delay
    xs = np.ones((5, 2, *example.takes), np.float32)
    comparison = nirx.compare(example.graph, xs, ["numpy", "numpy"], discretization=grid)
    assert drawn(comparison, nirx.schedule(example.graph, grid))


ODD = ("$", "_n", "\ud800", "神经", "x" * 300, "\\")


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["$x^$", "\x1b[31m", *(pytest.param(n, marks=pytest.mark.exhaustive) for n in ODD)]
)
def test_any_name(name):
    assert drawn(*compared(name=name, key=f"{name}0", index=(9, 0, 0)))


@pytest.mark.parametrize(
    ("suffix", "start"), [(".png", b"\x89PNG"), (".PDF", b"%PDF"), (".svg", b"<?xml")]
)
def test_formats(suffix, start):
    assert figure.draw(*compared(), suffix=suffix).startswith(start)


def test_drawing_leaves_the_settings_of_matplotlib_alone():
    import matplotlib

    before = dict(matplotlib.rcParams)
    assert drawn(*compared())
    assert dict(matplotlib.rcParams) == before


def test_another_format_is_refused():
    with pytest.raises(nirx.InputError, match=r"\.gif"):
        figure.check_format(".gif")


def test_without_matplotlib_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(nirx.UnsupportedError, match=r"nirx\[plot\]"):
        figure.check_format(".png")
