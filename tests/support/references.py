"""A small nested network, and its references."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import nir
import numpy as np

import nirx
from support.graphs import chain, line, make_graph, numbers, varied_lif

__all__ = ["STEP", "clip", "copy_with", "nested", "recorded", "write_reference"]

STEP = nirx.Discretization(dt=1e-3)


def nested(name: str = "lif") -> Any:
    """3 inputs -> Affine "fc" -> a graph "sub" of 4 LIF with feedback -> 4 LI; for dt=1e-3."""
    inner = {name: varied_lif(), "w": nir.Linear(numbers(4, 4, low=-0.5, high=0.4))}
    sub = make_graph([*line("input", name, "w", name), (name, "output")], 4, **inner)
    fc = nir.Affine(numbers(4, 3), numbers(4, low=0.3, high=-0.2))
    li = nir.LI(numbers(4, low=0.004, high=0.006), numbers(4), numbers(4))
    return chain({"fc": fc, "sub": sub, "li": li}, 3, 4)


def clip(steps: int = 50, batch: int = 2, dtype: Any = np.float32) -> np.ndarray:
    """Random spikes `[time, batch, 3]`."""
    return (np.random.default_rng(0).random((steps, batch, 3)) < 0.5).astype(dtype)


def write_reference(path: Path | str, data: Any = None, graph: Any = None, **options: Any) -> Any:
    """A reference of `nested` driven by `clip`, unless others are passed."""
    graph = nested() if graph is None else graph
    data = clip() if data is None else data
    return nirx.reference(graph, data, path, **{"discretization": STEP, **options})


def recorded(keys: Any, data: Any = None, rule: Any = STEP, dtype: str = "float32") -> Any:
    """Recordings of `nested` on NumPy."""
    net = nirx.from_nir(nested(), "numpy", rule, dtype, reproducible=True)
    return net.run(clip() if data is None else data, record=keys)[2]


def copy_with(change: Any, source: Path, target: Path) -> Path:
    """Copy an HDF5 file and call `change` with the open copy."""
    target.write_bytes(source.read_bytes())
    with h5py.File(target, "r+") as file:
        change(file)
    return target
