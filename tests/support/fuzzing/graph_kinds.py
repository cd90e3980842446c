"""Graphs: in memory, and in `.nir` files."""

from __future__ import annotations

import io
import warnings
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import h5py
import nir
import numpy as np

import nirx
from nirx.files.writing import file_bytes
from support.examples import EXAMPLES, make_example
from support.fuzzing.byte_changes import change_bytes
from support.fuzzing.graph_changes import change_graph
from support.fuzzing.hdf5_changes import change_hdf5
from support.fuzzing.kind import Kind, maker
from support.fuzzing.settle import settle
from support.graphs import chain, lif, line, make_graph, recurrent
from support.references import nested

__all__ = ["GRAPH_KINDS", "graph_files"]

STEP = nirx.Discretization(dt=1e-3)


def _odd_names() -> nir.NIRGraph:
    graph = chain({"a/b": lif(2), "~": lif(2), "é": lif(2)}, 2)
    graph.metadata = {"text": "é", "bytes": b"\0a", "deep": {"a": {"b": np.arange(3)}}, "n": 1.5}
    graph.nodes["~"].metadata = {"list": ["a", "b"], "flag": np.True_}
    return graph


def _forms() -> nir.NIRGraph:
    """What is written in another form for nir: groups, broadcasts, parallel edges."""
    nodes = {
        "conv": nir.Conv2d((4, 4), np.ones((4, 1, 2, 2), "f4"), 1, 0, 1, 2, np.ones(4, "f4")),
        "scale": nir.Scale(np.ones((4, 1, 1), "f4")),
    }
    edges = [*line("input", "conv", "scale", "output"), ("conv", "scale")]
    return make_graph(edges, (2, 4, 4), (4, 3, 3), **nodes)


BUILDERS: dict[str, Any] = {
    **{name: lambda name=name: make_example(name).graph for name in sorted(EXAMPLES)},
    "nested": nested,
    "recurrent": recurrent,
    "odd names": _odd_names,
    "forms": _forms,
}
"""A graph of every node type, and of everything else that a file can hold."""


@cache
def graph_files() -> tuple[bytes, ...]:
    """The content of a small file for each graph, some also as newer writers make them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", nirx.NirxWarning)
        files = [file_bytes(build(), STEP) for build in BUILDERS.values()]
    return (*files, *map(_latest, files[::5]))


def _latest(data: bytes) -> bytes:
    """The same file in the newest format of HDF5, with checksums."""
    old, new = io.BytesIO(data), io.BytesIO()
    with h5py.File(old, "r") as source, h5py.File(new, "w", libver="latest") as target:
        for name in source:
            source.copy(name, target)
    return new.getvalue()


def _use_file(path: Path) -> None:
    repaired = len(path.read_bytes()) % 4 == 0
    settle(nirx.read(path, declared="repair" if repaired else "check"), path.parent)


def _make_graph(rng: Random, folder: Path) -> tuple[nir.NIRGraph, Path]:
    graph = BUILDERS[rng.choice(list(BUILDERS))]()
    if rng.random() < 0.5:
        graph.metadata = {"nirx_discretization": STEP.to_json()}
    return change_graph(graph, rng), folder


def _use_graph(given: tuple[nir.NIRGraph, Path]) -> None:
    graph, folder = given
    try:
        nirx.check(graph)
    except nirx.NirxError:
        nirx.repair(graph)
        raise
    settle(graph, folder)


def _changed_bytes(rng: Random) -> bytes:
    files = graph_files()
    return change_bytes(rng.choice(files), rng, files)


def _changed_structure(rng: Random) -> bytes:
    data = change_hdf5(rng.choice(graph_files()), rng)
    return change_bytes(data, rng) if rng.random() < 0.1 else data


GRAPH_KINDS = [
    Kind("nir-bytes", maker(_changed_bytes, "x.nir"), _use_file),
    Kind("nir-hdf5", maker(_changed_structure, "x.nir"), _use_file),
    Kind("graph", _make_graph, _use_graph),
]
