"""Many small arrays in a file: they take little room and come back as they were."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import nir
import numpy as np
import pytest

import nirx
from nirx.files.hdf5_small import MOST_BYTES
from support.graphs import chain, lif


def lifs(count: int) -> nir.NIRGraph:
    return chain([lif() for _ in range(count)])


def test_a_small_node_takes_little_room(tmp_path: Path):
    nirx.write(tmp_path / "a.nir", lifs(200))
    assert (tmp_path / "a.nir").stat().st_size < 200 * 5000


@pytest.mark.parametrize("dtype", ["float16", "float32", ">f8", "int8", "uint64", "bool"])
@pytest.mark.parametrize("shape", [(), (1,), (2, 3), (1000, 3), (0,)])
def test_small_and_large_arrays_come_back_as_they_were(tmp_path, dtype, shape):
    value = (np.arange(np.prod(shape)) % 2).reshape(shape).astype(dtype)
    graph = lifs(1)
    graph.nodes["n0"].metadata = {"own": value, "é": value, "text": "é", "turned": value.T}
    nirx.write(tmp_path / "a.nir", graph)
    again = nirx.read(tmp_path / "a.nir").nodes["n0"].metadata
    for name, own in (("own", value), ("é", value), ("turned", value.T)):
        assert again[name].dtype.newbyteorder("=") == own.dtype.newbyteorder("=")
        assert again[name].shape == own.shape
        assert again[name].tolist() == own.tolist()
    assert again["text"] == "é"


def test_large_arrays_are_compressed(tmp_path):
    graph = lifs(1)
    graph.nodes["n0"].metadata = {
        "small": np.zeros(MOST_BYTES, np.int8),
        "large": np.zeros(MOST_BYTES + 1, np.int8),
    }
    nirx.write(tmp_path / "a.nir", graph)
    with h5py.File(tmp_path / "a.nir") as file:
        group: Any = file["node/nodes/n0/metadata"]
        assert (group["small"].compression, group["large"].compression) == (None, "gzip")
