"""The input that `nirx.move` draws drives every layer, the last one too."""

from __future__ import annotations

from itertools import pairwise

import nir
import numpy as np
import pytest

import nirx
from nirx.inputs.random_spikes import amplified, random_spikes
from nirx.moving import searching
from nirx.moving.inputs import RandomSpikes, inputs_for
from nirx.moving.searching import count_silent
from support.graphs import chain, lif

SOFT = nirx.Discretization(dt=1.0, reset="subtract")


def deep(seed, sizes=(20, 50, 50, 50, 5), tau=20.0, threshold=1.0):
    """Untrained layers, with the weights that torch draws; each neuron adds up its input."""
    generator = np.random.default_rng(seed)
    nodes = {}
    for k, (a, b) in enumerate(pairwise(sizes)):
        most = 1 / np.sqrt(a)
        weight, bias = generator.uniform(-most, most, (b, a)), generator.uniform(-most, most, b)
        nodes[f"fc{k}"] = nir.Affine(weight, bias)
        nodes[f"lif{k}"] = lif(b, tau=tau, r=tau, v_threshold=threshold)
    return chain(nodes, sizes[0], sizes[-1])


def noise(schedule):
    return random_spikes(schedule, 100, (4,), 0.3, 0, "float64")


def silent_seeds(count=5):
    """Seeds of networks in which noise of any height leaves a layer silent."""
    found = []
    for seed in range(count):
        graph = deep(seed)
        schedule = nirx.schedule(graph, SOFT)
        if count_silent(graph, schedule, amplified(graph, schedule, noise(schedule))):
            found.append(seed)
    return found


@pytest.mark.slow
def test_layers_that_noise_leaves_silent_are_driven():
    seeds = silent_seeds()
    assert seeds  # or this test would say nothing
    for seed in seeds:
        moved = nirx.move(deep(seed), "torch", discretization=SOFT)
        assert moved.silent == ()
        assert np.abs(moved.inputs["input"]).max() <= searching.HIGHEST


def test_the_search_is_repeatable_and_keeps_shape_and_dtype():
    graph = deep(silent_seeds()[0])
    schedule = nirx.schedule(graph, SOFT)
    drawn = [inputs_for(graph, schedule, RandomSpikes(), "float32")["input"] for _ in range(2)]
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert (drawn[0].shape, drawn[0].dtype) == ((100, 4, 20), np.float32)


def test_what_nothing_drives_ends_after_some_generations(monkeypatch):
    graph = deep(0, sizes=(4, 8, 2), threshold=1e6)
    schedule = nirx.schedule(graph, SOFT)
    runs = []
    run = searching._Trial.run
    monkeypatch.setattr(searching._Trial, "run", lambda s, xs: (runs.append(1), run(s, xs))[1])
    given = inputs_for(graph, schedule, RandomSpikes(), "float64")
    assert len(runs) == searching.GENERATIONS
    expected = amplified(graph, schedule, noise(schedule))
    np.testing.assert_array_equal(given["input"], expected["input"])


def test_a_threshold_without_a_membrane_is_searched_too():
    graph = chain({"th": nir.Threshold(np.full(3, 300.0)), "lif": lif(3, r=9.0)}, 3)
    schedule = nirx.schedule(graph, SOFT)
    given = inputs_for(graph, schedule, RandomSpikes(batch=2), "float64")
    assert given["input"].shape == (100, 2, 3)


def test_an_empty_input_is_not_searched():
    drawn = RandomSpikes(steps=0)
    graph = deep(0, sizes=(4, 8, 2))
    given = inputs_for(graph, nirx.schedule(graph, SOFT), drawn, "float64")
    assert given["input"].shape == (drawn.steps, drawn.batch, 4)
