"""Metadata that HDF5 cannot hold are refused; keys are text in files; byte orders stay."""

from __future__ import annotations

from typing import Any

import nir
import numpy as np
import pytest

import nirx
from support.graphs import chain, lif


@pytest.mark.parametrize(
    "metadata",
    [
        {"": {"a": 1}},
        {"": 1},
        {"": b"a"},
        {"a": [[1, 2], [3]]},
        {"a": {"": {}}},
        {1: 2, "1": 3},
        {1: {}, "1": {}},
    ],
    ids=str,
)
def test_what_cannot_be_stored_is_refused(metadata, tmp_path):
    with pytest.raises(nirx.FileError, match="n0"):
        nirx.write(tmp_path / "g.nir", chain([lif(metadata=metadata)]))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("key", [1, 1.5, None, ("a",)])
def test_keys_count_as_the_text_that_a_file_holds(key, tmp_path):
    graph = chain([lif(metadata={key: "x", "deep": {key: "y"}})])
    nirx.write(tmp_path / "g.nir", graph)
    again: Any = nirx.read(tmp_path / "g.nir")
    assert again.nodes["n0"].metadata == {str(key): "x", "deep": {str(key): "y"}}
    assert nirx.same_graph(graph, again)
    assert not nirx.same_graph(graph, chain([lif(metadata={key: "x", "deep": {key: "z"}})]))
    assert not nirx.same_graph(graph, chain([lif(metadata={"other": "x", "deep": {key: "y"}})]))


@pytest.mark.parametrize("dtype", [">f4", ">f8", "<f4"])
def test_a_convolution_with_groups_keeps_its_byte_order(dtype, tmp_path):
    weight = np.ones((4, 1, 2, 2), dtype)
    conv = nir.Conv2d((4, 4), weight, 1, 0, 1, 2, np.ones(4, dtype))
    graph = chain({"conv": conv}, (2, 4, 4), (4, 3, 3))
    nirx.write(tmp_path / "g.nir", graph)
    again: Any = nirx.read(tmp_path / "g.nir")
    assert again.nodes["conv"].weight.dtype == np.dtype(dtype)
    assert nirx.same_graph(graph, again)
