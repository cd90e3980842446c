"""A file inside a file: its heaps count from its own beginning, and are no damage of the outer."""

from __future__ import annotations

import h5py
import nir
import numpy as np
import pytest

import nirx
from nirx.files.hdf5_heap import refuse_endless
from support.graphs import line, make_graph


def names(count: int) -> list[str]:
    return [f"node{k}" for k in range(count)]


@pytest.mark.parametrize("count", [3, 9, 17, 33])
@pytest.mark.parametrize("before", [0, 1000, 5000])
def test_a_graph_in_a_dataset_is_not_damage(count, before, tmp_path):
    nodes = {name: nir.Scale(np.ones(2)) for name in names(count)}
    graph = make_graph(line("input", *nodes, "output"), np.array([2]), **nodes)
    nirx.write(tmp_path / "g.nir", graph, nirx.Discretization(dt=1.0))
    with h5py.File(tmp_path / "outer.h5", "w") as file:
        file["data"] = np.arange(before)
        file["graph"] = np.frombuffer((tmp_path / "g.nir").read_bytes(), np.uint8)
    refuse_endless(str(tmp_path / "outer.h5"))
