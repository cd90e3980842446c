"""References of small chips, and their spikes as lists of events."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import nir
import numpy as np

from support.bench import Bench, nested, signal
from support.graphs import make_graph

__all__ = ["LAYERS", "PIXELS", "camera_chip", "chip_of_layers", "spikes", "timed", "write"]

LAYERS = ("lif", "sub/lif")
PIXELS = (2, 3, 4)


def chip_of_layers(folder: Path) -> Bench:
    """Two layers of four neurons, one sample of 60 steps of 1 ms."""
    return Bench(nested(), folder / "r.h5", signal(4, 60, (1,)))


def camera_chip(folder: Path) -> Bench:
    """One layer of the shape [p, y, x] = [2, 3, 4]; 40 steps of 1 ms."""
    values = {"tau": 8e-3, "r": 6.0, "v_leak": 0.0, "v_reset": 0.0}
    full: dict[str, Any] = {
        name: np.full(PIXELS, value, np.float32) for name, value in values.items()
    }
    theta = np.linspace(0.5, 2, 24).reshape(PIXELS).astype(np.float32)
    neurons = nir.LIF(v_threshold=theta, **full)
    graph = make_graph([("input", "lif"), ("lif", "output")], PIXELS, lif=neurons)
    xs = np.random.default_rng(5).random((40, 1, *PIXELS)) < 0.5
    return Bench(graph, folder / "r.h5", xs)


def spikes(bench: Bench, key: str) -> list[tuple[int, ...]]:
    """(step, *index) of every spike of the only sample."""
    return [(step, *index) for step, _, *index in np.argwhere(bench.recorded[key] > 0).tolist()]


def timed(
    bench: Bench, ticks: float, after: float = 0, keys: Iterable[str] = LAYERS
) -> list[list[Any]]:
    """[time, layer, neuron] in the order of time: `ticks` per step, and `after` ticks later."""
    found = [[s * ticks + after, key, *index] for key in keys for s, *index in spikes(bench, key)]
    return sorted(found, key=lambda row: row[0])


def write(path: Path, header: str, rows: Iterable[Sequence[Any]]) -> Path:
    """A CSV file."""
    path.write_text("\n".join([header, *(",".join(map(str, row)) for row in rows)]) + "\n")
    return path
