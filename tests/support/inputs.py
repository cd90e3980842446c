"""Schedules to open inputs for, and the arrays that come out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import nir
import numpy as np

import nirx
from nirx.graphs.schedule import Schedule, schedule
from nirx.inputs import source_for
from support.graphs import make_graph, neuron

__all__ = [
    "CAMERA",
    "STEP",
    "THREE",
    "camera",
    "gridded",
    "input_schedule",
    "nirdata",
    "read",
    "spiking_graph",
    "two_inputs",
]

STEP = nirx.Discretization(dt=1e-3)


def input_schedule(*shape: int, dt: float = 1e-3, name: str = "in") -> Schedule:
    """One Input of a shape, and nothing else."""
    nodes = {"input": None, name: nir.Input({"input": np.array(shape)})}
    graph = make_graph([(name, "output")], shape, **nodes)
    return schedule(graph, nirx.Discretization(dt=dt))


def two_inputs(a: Any = (4,), b: Any = (4,)) -> nir.NIRGraph:
    """Inputs "a" and "b" of two shapes that drive 2 IF neurons."""
    nodes: dict[str, Any] = {"input": None, "if": neuron(nir.IF, 2, r=100.0, v_threshold=0.1)}
    edges = [("if", "output")]
    for name, shape in (("a", a), ("b", b)):
        nodes[name] = nir.Input({"input": np.array(shape)})
        nodes[f"flat_{name}"] = nir.Flatten({"input": np.array(shape)}, start_dim=0, end_dim=-1)
        nodes[f"w_{name}"] = nir.Linear(np.ones((2, int(np.prod(shape)))))
        edges += [(name, f"flat_{name}"), (f"flat_{name}", f"w_{name}"), (f"w_{name}", "if")]
    return make_graph(edges, 2, **nodes)


def spiking_graph(shape: tuple[int, ...], threshold: float = 1.0, weight: float = 1.0) -> Any:
    """Input "input" -> flat -> one LIF neuron per element."""
    size = int(np.prod(shape))
    flat = nir.Flatten({"input": np.array(shape)}, start_dim=0, end_dim=-1)
    nodes = {"flat": flat, "w": nir.Linear(weight * np.eye(size, dtype=np.float32))}
    nodes["lif"] = neuron(nir.LIF, size, np.float32, tau=0.01, v_threshold=threshold)
    edges = [("input", "flat"), ("flat", "w"), ("w", "lif"), ("lif", "output")]
    return make_graph(edges, shape, size, **nodes)


THREE, CAMERA = input_schedule(3), input_schedule(2, 4, 5)


def read(data: Any, on: Schedule = THREE, **options: Any) -> np.ndarray:
    """All steps of the only Input, or of the first one, in float64."""
    source = source_for(on, data, "float64", **options)
    return next(iter(source.read(0, source.steps).values()))


def camera(path: Path, **columns: Any) -> Path:
    """Three events of a camera of 4 x 5 pixels in HDF5; None drops a column."""
    own = {"x": [0, 4, 4], "y": [0, 3, 3], "p": [0, 1, 1], "t": [0, 2500, 2600], **columns}
    with h5py.File(path, "w") as file:
        for name, values in own.items():
            if values is not None:
                file[name] = values
    return path


def nirdata(path: Path, observables: dict[str, Any], name: str = "in") -> Path:
    """A file of nir with the data of one node."""
    nodes: Any = {name: nir.NIRNodeData(observables)}
    nir.serialization.write_data(path, nir.NIRGraphData(nodes))
    return path


def gridded(dt: float = 1e-3, neurons: int = 3) -> Any:
    """2 samples of 4 steps of ones."""
    return nir.TimeGriddedData(np.ones((2, 4, neurons)), dt)
