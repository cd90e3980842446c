"""The rows of the matrix, which every library has to run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import nir
import numpy as np

from nirx_conformance.libraries import trials
from nirx_conformance.libraries.trials import SIZE, Trial, weights

__all__ = ["ROWS", "Row"]

NEURONS = ("I", "IF", "LI", "LIF", "CubaLI", "CubaLIF")


@dataclass(frozen=True)
class Row:
    """A line of the matrix.

    Arguments:
        name: what the graph contains; the row's title on the page.
        build: (dt, unit gain) -> `Trial`. With unit gain, neurons around the feature have
            r = tau/dt and w_in = tau_syn/dt instead of r = w_in = 1; rows of neurons ignore it.
    """

    name: str
    build: Callable[[float, bool], Trial]


def _neuron_rows(kind: str) -> list[Row]:
    rows = [Row(f"{kind}, plain", lambda dt, _: trials.alone(kind, dt, False))]
    if "L" in kind:
        rows.append(Row(f"{kind}, unit gain", lambda dt, _: trials.alone(kind, dt, True)))
    return [*rows, Row(f"{kind}, any parameters", lambda dt, _: trials.any_alone(kind, dt))]


def _stateless(
    name: str, takes: tuple[int, ...], gives: tuple[int, ...], make: Any, *options: Any
) -> Row:
    return Row(name, lambda dt, unit: trials.stateless(make(*options), takes, gives))


def _convolutions(kind: Any, axes: int) -> list[Row]:
    takes, plain, hard = ((c, *[size] * axes) for c, size in ((2, 9), (4, 7), (4, 4)))
    name = kind.__name__
    return [
        _stateless(name, takes, plain, trials.convolution, kind),
        _stateless(
            f"{name}, stride, padding, dilation", takes, hard, trials.convolution, kind, 1, True
        ),
        _stateless(f"{name}, groups", takes, plain, trials.convolution, kind, 2),
    ]


VECTOR = (SIZE,)

THRESHOLDS = np.linspace(0.7, 1.2, SIZE)

ROWS: tuple[Row, ...] = (
    *(row for kind in NEURONS for row in _neuron_rows(kind)),
    Row("LIF, r = 2", trials.lif_with(lambda dt: 2.0, "r")),
    Row("LIF, v_leak = 0.2", trials.lif_with(lambda dt: 0.2, "v_leak")),
    Row("LIF, v_reset = -0.2", trials.lif_with(lambda dt: -0.2, "v_reset")),
    Row("LIF, v_leak = v_reset = 0.2", trials.lif_with(lambda dt: 0.2, "v_leak", "v_reset")),
    Row("LIF, tau of each neuron", trials.lif_with(lambda dt: np.arange(4, 4 + SIZE) * dt, "tau")),
    Row("LIF, v_threshold of each neuron", trials.lif_with(lambda dt: THRESHOLDS, "v_threshold")),
    Row("IF, v exactly at the threshold", trials.ties),
    _stateless("Linear", VECTOR, (4,), lambda: nir.Linear(weights(4, SIZE))),
    _stateless("Affine", VECTOR, (4,), lambda: nir.Affine(weights(4, SIZE), weights(4))),
    *_convolutions(nir.Conv1d, 1),
    *_convolutions(nir.Conv2d, 2),
    _stateless("SumPool2d", (2, 6, 6), (2, 3, 3), trials.pool, nir.SumPool2d, 0),
    _stateless("SumPool2d, padding", (2, 6, 6), (2, 4, 4), trials.pool, nir.SumPool2d, 1),
    _stateless("AvgPool2d", (2, 6, 6), (2, 3, 3), trials.pool, nir.AvgPool2d, 0),
    _stateless("AvgPool2d, padding", (2, 6, 6), (2, 4, 4), trials.pool, nir.AvgPool2d, 1),
    _stateless("Flatten", (2, 3, 3), (18,), trials.flatten, 0),
    _stateless("Flatten from the second dimension", (2, 3, 3), (2, 9), trials.flatten, 1),
    _stateless("Scale", VECTOR, VECTOR, lambda: nir.Scale(weights(SIZE))),
    _stateless("Threshold", VECTOR, VECTOR, lambda: nir.Threshold(weights(SIZE))),
    Row("Delay", trials.delay),
    Row("two layers of LIF, by Affine", partial(trials.layers, "LIF", trials.positive_affine)),
    Row(
        "two layers of CubaLIF, by Linear",
        partial(trials.layers, "CubaLIF", trials.positive_linear),
    ),
    Row("LIF, recurrent by Linear", partial(trials.recurrent, "LIF", False)),
    Row("LIF, recurrent by Affine", partial(trials.recurrent, "LIF", True)),
    Row("CubaLIF, recurrent by Linear", partial(trials.recurrent, "CubaLIF", False)),
    Row("CubaLIF, recurrent by Affine", partial(trials.recurrent, "CubaLIF", True)),
    Row("skip connection", trials.skip_connection),
    Row("subgraph", trials.subgraph),
    Row("name with a dot", partial(trials.named, "layer.lif")),
)
