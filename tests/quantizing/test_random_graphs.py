"""Random graphs: each is quantized or refused; in other units it computes the same."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pytest

import nirx
from nirx.comparison.integers import IntegerComparison
from nirx_conformance.strategies import random_case

QUICK = range(24)


def attempt(seed: int) -> bool:
    """Whether the graph of a seed could be quantized."""
    case = random_case(seed)
    draw = np.random.default_rng(seed)
    floats = case.discretization
    schedule = nirx.schedule(case.graph, floats)
    shapes = {name: schedule.nodes[p].output_shape for name, p in schedule.inputs}
    xs = {name: (draw.random((12, *own)) < 0.5).astype(np.int64) for name, own in shapes.items()}
    arithmetic = nirx.Arithmetic(
        weight_bits=8 + seed % 9, membrane_bits=16 + seed % 17, decay_bits=10 + seed % 10
    )
    same = replace(floats, dt=floats.dt * 3, arithmetic=arithmetic)  # the same steps, longer ones
    target = ("loihi", "xylo", arithmetic, same)[seed % 4]
    scale = ("layer", "channel", "power-of-two")[seed % 3]
    inputs = xs if seed % 2 else None
    try:
        found = nirx.quantize(case.graph, target, scale=scale, inputs=inputs, discretization=floats)
        compared = nirx.compare(case.graph, xs, arithmetic=target, discretization=floats)
    except (nirx.GraphError, nirx.InputError):
        return False
    assert str(found)
    assert str(compared)
    assert isinstance(compared, IntegerComparison)
    if target is same:
        assert compared.causes.get("choices", 0) == 0
    net = nirx.from_nir(found.graph, "numpy")
    outputs = net.run(xs, record="all")[2]
    assert all(own.dtype == np.int64 for own in outputs.values())
    return True


def several(seeds: range) -> int:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", nirx.NirxWarning)
        return sum(map(attempt, seeds))


@pytest.mark.slow
def test_some():
    assert several(QUICK) > len(QUICK) / 4


@pytest.mark.exhaustive
def test_many():
    assert several(range(1000, 1400)) > 100
