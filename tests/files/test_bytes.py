"""Bytes in metadata are written and read back as bytes, at any depth; nowhere else."""

from __future__ import annotations

from typing import Any

import h5py
import nir
import numpy as np
import pytest

import nirx
from support.damaged import good_file
from support.graphs import chain, lif

VALUES = [b"", b"\0", b"\xff\0a\0\0", b"text", bytes(range(256)) * 99]


@pytest.mark.parametrize("value", VALUES, ids=len)
def test_bytes_survive(value, tmp_path):
    graph = chain([lif(1, metadata={"x": value, "deep": {"metadata": {"y": value}}})], 1)
    graph.metadata = {"top": value, "text": "text"}
    nirx.write(tmp_path / "g.nir", graph)
    again: Any = nirx.read(tmp_path / "g.nir")
    assert again.metadata == graph.metadata
    assert again.nodes["n0"].metadata == graph.nodes["n0"].metadata
    assert nirx.same_graph(again, graph)
    nir.read(tmp_path / "g.nir")


@pytest.mark.parametrize("value", VALUES, ids=len)
def test_bytes_survive_nirs_reader_in_between(value, tmp_path):
    graph = chain([lif(1)], 1)
    graph.metadata = {"top": value}
    nirx.write(tmp_path / "g.nir", graph)
    nirx.write(tmp_path / "h.nir", nir.read(tmp_path / "g.nir"))
    assert nirx.read(tmp_path / "h.nir").metadata == {"top": value}


def test_an_opaque_value_of_another_writer_is_bytes(tmp_path):
    path = good_file(tmp_path / "g.nir")
    with h5py.File(path, "r+") as file:
        file["node/metadata/x"] = np.void(b"a\0b")
    assert nirx.read(path).metadata["x"] == b"a\0b"


@pytest.mark.parametrize(
    "value", [np.zeros((2, 2), "V1"), np.zeros(2, "V3"), np.zeros(2, [("a", "f4")])]
)
def test_other_opaque_data_is_refused(value, tmp_path):
    path = good_file(tmp_path / "g.nir")
    with h5py.File(path, "r+") as file:
        file["node/metadata/x"] = value
    with pytest.raises(nirx.FileError, match="metadata/x"):
        nirx.read(path)


@pytest.mark.parametrize("value", [[b"a", b"bc"], {b"a"}])
def test_bytes_in_a_list_are_refused_by_name(value, tmp_path):
    with pytest.raises(nirx.FileError, match="n0 metadata 'x'"):
        nirx.write(tmp_path / "g.nir", chain([lif(1, metadata={"x": value})], 1))
