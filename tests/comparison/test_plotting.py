"""Plots of comparisons: they are drawn for every kind of graph and show what they should."""

from __future__ import annotations

import itertools
import sys

import nir
import numpy as np
import pytest

import nirx
from nirx.comparison import plotting
from nirx.comparison.plot_choice import choose
from nirx.graphs.recording import resolve_record

pytest.importorskip("matplotlib")

D = nirx.Discretization(dt=1e-3)


def chain(*middle: nir.NIRNode, shape: tuple[int, ...] = (6,), prefix: str = "n") -> nir.NIRGraph:
    nodes: dict[str, nir.NIRNode] = {"input": nir.Input({"input": np.array(shape)})}
    nodes |= {f"{prefix}{k}": node for k, node in enumerate(middle)}
    nodes["output"] = nir.Output({"output": np.array(shape)})
    names = list(nodes)
    return nir.NIRGraph(nodes, list(itertools.pairwise(names)), type_check=False)


def lif(shape: tuple[int, ...] = (6,)) -> nir.LIF:
    n = np.ones(shape, np.float32)
    return nir.LIF(n * 0.005, n, n * 0, n * 0.3, n * 0)


def compared(graph, shape, steps=60, batch=(2,), key=None, index=()):
    """numpy against itself, `key` changed at `index` (step first)."""
    xs = (np.random.default_rng(0).random((steps, *batch, *shape)) < 0.5).astype(np.float32)
    keys = [p.key for p in resolve_record(nirx.schedule(graph, D), "all")]

    def other(x):
        ys, state, rec = nirx.from_nir(graph, "numpy", D).run(x, record=keys)
        if key is not None:
            rec[key] = rec[key].copy()
            rec[key][index] = 1 - rec[key][index]
        return ys, state, rec

    result = nirx.compare(graph, xs, ["numpy", other], discretization=D)
    return result, nirx.schedule(graph, D)


def is_png(data: bytes) -> bool:
    return data.startswith(b"\x89PNG") and len(data) > 5000


def test_agreement_is_drawn():
    assert is_png(plotting.draw(*compared(chain(lif()), (6,))))


@pytest.mark.parametrize("key", ["n0", "n0.v"])
def test_divergence_is_drawn_and_shown_where_it_is(key):
    comparison, schedule = compared(chain(lif(), lif()), (6,), key=key, index=(40, 1, 4))
    assert comparison.first_divergence is not None
    choice = choose(comparison, schedule)
    assert choice.batch == (1,)
    assert choice.traces[0].key == "n0.v"
    assert choice.traces[0].neuron == 4
    assert choice.raster_height(comparison.first_divergence) == pytest.approx(4.5 / 6)
    assert choice.is_at(choice.traces[0], comparison.first_divergence) == (key == "n0.v")
    assert is_png(plotting.draw(comparison, schedule))


def test_long_runs_show_the_steps_around_the_divergence():
    comparison, schedule = compared(chain(lif()), (6,), steps=900, key="n0", index=(700, 0, 0))
    choice = choose(comparison, schedule)
    assert choice.start < 700 < choice.stop < 900
    assert choice.stop - choice.start <= 300
    assert is_png(plotting.draw(comparison, schedule))


def test_the_neuron_that_parts_is_among_those_of_a_large_node():
    shape = (4, 5, 5)
    comparison, schedule = compared(
        chain(lif(shape), shape=shape), shape, key="n0", index=(7, 0, 3, 4, 4)
    )
    choice = choose(comparison, schedule)
    assert choice.rasters[0].total == 100
    assert len(choice.rasters[0].neurons) == 40
    assert 99 in choice.rasters[0].neurons
    assert choice.traces[0].index == (3, 4, 4)
    assert is_png(plotting.draw(comparison, schedule))


@pytest.mark.parametrize("batch", [(), (1,), (2, 3)])
def test_any_batch(batch):
    assert is_png(plotting.draw(*compared(chain(lif()), (6,), batch=batch)))


def test_every_type(example):
    grid = nirx.Discretization(dt=1e-4)  # of the Delay
    xs = np.ones((5, 2, *example.takes), np.float32)
    comparison = nirx.compare(example.graph, xs, ["numpy", "numpy"], discretization=grid)
    assert is_png(plotting.draw(comparison, nirx.schedule(example.graph, grid)))


def test_many_nodes_and_the_last_parts():
    comparison, schedule = compared(chain(*[lif()] * 7), (6,), key="n6", index=(0, 0, 0))
    choice = choose(comparison, schedule)
    assert len(choice.rasters) == 4
    assert "n6" in [r.key for r in choice.rasters]
    assert is_png(plotting.draw(comparison, schedule))


@pytest.mark.parametrize("name", ["$", "$x^$", "_n", "\x1b[31m", "\ud800", "神经", "x" * 300, "\\"])
def test_any_name(name):
    graph = chain(lif(), prefix=name)
    assert is_png(plotting.draw(*compared(graph, (6,), key=f"{name}0", index=(9, 0, 0))))


@pytest.mark.parametrize(
    ("suffix", "start"), [(".png", b"\x89PNG"), (".PDF", b"%PDF"), (".svg", b"<?xml")]
)
def test_formats(suffix, start):
    assert plotting.draw(*compared(chain(lif()), (6,)), suffix=suffix).startswith(start)


def test_another_format_is_refused():
    with pytest.raises(nirx.InputError, match=r"\.gif"):
        plotting.check_format(".gif")


def test_without_matplotlib_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(nirx.UnsupportedError, match=r"nirx\[plot\]"):
        plotting.check_format(".png")
