"""nirx.write: what is written is read back, and the file is replaced whole or not at all."""

# nir's own annotations are narrower than what it accepts.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false

from __future__ import annotations

import os
from typing import Any, cast

import h5py
import nir
import numpy as np
import pytest

import nirx
from nirx.graphs.metadata import DISCRETIZATION_KEY
from support.graphs import chain, lif, neuron


def lone(node: Any = None, size: int = 1) -> nir.NIRGraph:
    """A node, by default a LIF, between an Input and an Output."""
    return chain([node or lif(size)], size)


def round_trip(graph: nir.NIRGraph, folder: Any) -> nir.NIRGraph:
    nirx.write(folder / "g.nir", graph)
    return nirx.read(folder / "g.nir")


def test_every_type_is_read_back_the_same(example, tmp_path):
    assert nirx.same_graph(round_trip(example.graph, tmp_path), example.graph)


def test_nir_reads_what_nirx_writes(example, tmp_path):
    nirx.write(tmp_path / "g.nir", example.graph)
    again = nir.read(tmp_path / "g.nir", type_check=False)
    assert set(again.nodes) == set(example.graph.nodes)
    assert {type(n).__name__ for n in again.nodes.values()} >= {example.name} - {"NIRGraph"}
    if example.name not in ("NIRGraph", "AvgPool2d", "Delay"):  # nir drops their metadata or more
        assert nirx.same_graph(again, example.graph)


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", ">f8", "i2", "u8", "?"])
def test_dtype_of_a_parameter_survives(dtype, tmp_path):
    graph = lone(nir.Scale(np.array([1, 0, 1], dtype)), 3)
    scale = round_trip(graph, tmp_path).nodes["n0"].scale
    assert scale.dtype == np.dtype(dtype)


def test_bits_of_a_parameter_survive(tmp_path):
    values = np.array([-0.0, 5e-324, np.finfo("f8").max, 0.1])
    again = round_trip(lone(nir.Scale(values), 4), tmp_path)
    assert again.nodes["n0"].scale.tobytes() == values.tobytes()


def test_scalar_parameters_survive(tmp_path):
    graph = lone(neuron(nir.LI, ()), 4)
    assert nirx.same_graph(round_trip(graph, tmp_path), graph)


def test_a_missing_bias_and_input_shape_survive(tmp_path):
    conv = nir.Conv2d(None, np.ones((2, 1, 3, 2)), 1, "same", 1, 1, None)
    graph = chain({"c": conv}, (1, 4, 5), (2, 4, 5))
    again = round_trip(graph, tmp_path)
    assert nirx.same_graph(again, graph)
    assert again.nodes["c"].bias is None


def test_a_flatten_without_input_type_survives(tmp_path):
    undeclared: Any = {"input": None}
    graph = chain([nir.Flatten(undeclared, 0, -1)], (2, 3), 6)
    assert nirx.same_graph(round_trip(graph, tmp_path), graph)


def test_an_output_of_undeclared_shape_can_be_read_back(tmp_path):
    graph, undeclared = lone(), cast("Any", {"output": None})
    graph.nodes["output"] = nir.Output(undeclared)
    again = round_trip(graph, tmp_path)
    assert tuple(again.nodes["output"].input_type["input"]) == (1,)


def test_duplicate_edges_survive(tmp_path):
    graph = lone()
    graph.edges.append(("input", "n0"))
    assert sorted(round_trip(graph, tmp_path).edges) == sorted(graph.edges)


def test_nested_metadata_survives(tmp_path):
    deep = {"text": "é\n", "number": 1.5, "count": 3, "array": np.arange(4), "more": {"a": {}}}
    graph = lone(lif(1, metadata={"note": "x", "deep": deep, "words": ["a", "bc"]}))
    graph.metadata = {"deep": deep, "odd/name": 1, "100%": 2, ".": 3}
    again = round_trip(graph, tmp_path)
    assert nirx.same_graph(again, graph)


@pytest.mark.parametrize("value", [b"\xff", object(), 1j, "a\0b", "\ud800", None, {"": 1}])
def test_metadata_is_refused_or_survives(value, tmp_path):
    graph = lone(lif(1, metadata={"x": value}))
    refused = ""
    try:
        nirx.write(tmp_path / "g.nir", graph)
    except nirx.FileError as error:
        refused = str(error)
    if refused:
        assert "n0" in refused
        assert os.listdir(tmp_path) == []
    else:
        assert nirx.same_graph(nirx.read(tmp_path / "g.nir"), graph)


def test_the_discretization_is_read_back(tmp_path):
    d = nirx.Discretization(dt=0.25, reset="subtract", overrides={"n0": {"threshold": "ge"}})
    graph = lone()
    nirx.write(tmp_path / "g.nir", graph, discretization=d)
    assert graph.metadata == {}
    again = nirx.read(tmp_path / "g.nir")
    assert again.metadata == {DISCRETIZATION_KEY: d.to_json()}
    assert nirx.schedule(again).discretization == d


def test_the_graph_is_not_changed(example, tmp_path):
    before = dict(vars(example.node))
    nirx.write(tmp_path / "g.nir", example.graph)
    assert {k: v is before[k] for k, v in vars(example.node).items()} == dict.fromkeys(before, True)


def test_a_failing_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "g.nir"
    nirx.write(path, lone())
    old = path.read_bytes()
    with pytest.raises(nirx.FileError, match="n0"):
        nirx.write(path, lone(lif(1, metadata={"bad": object()})))
    assert path.read_bytes() == old
    assert os.listdir(tmp_path) == ["g.nir"]


def test_a_crash_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "g.nir"
    nirx.write(path, lone())
    old = path.read_bytes()

    def crash(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", crash)
    with pytest.raises(KeyboardInterrupt):
        nirx.write(path, chain([lif(1), lif(1)], 1))
    assert path.read_bytes() == old
    assert os.listdir(tmp_path) == ["g.nir"]


def test_a_faulty_graph_is_not_written(tmp_path):
    with pytest.raises(nirx.GraphError, match="n0"):
        nirx.write(tmp_path / "g.nir", lone(nir.Scale(np.array([np.nan]))))
    assert os.listdir(tmp_path) == []


def test_a_missing_folder_is_a_file_error(tmp_path):
    with pytest.raises(nirx.FileError, match="cannot be written"):
        nirx.write(tmp_path / "no" / "g.nir", lone())


@pytest.mark.parametrize("length", [100, 240])
def test_a_long_file_name_works(length, tmp_path):
    path = tmp_path / ("x" * length + ".nir")
    nirx.write(path, lone())
    assert os.listdir(tmp_path) == [path.name]


def test_the_file_has_the_permissions_of_a_new_file(tmp_path):
    (tmp_path / "plain").touch()
    nirx.write(tmp_path / "g.nir", lone())
    assert (tmp_path / "g.nir").stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.slow
@pytest.mark.parametrize("depth", [100, pytest.param(200, marks=pytest.mark.exhaustive)])
def test_deep_nesting_survives_or_is_refused(depth, tmp_path):
    graph = lone()
    for _ in range(depth):
        graph = lone(graph)
    try:
        nirx.write(tmp_path / "g.nir", graph)
    except nirx.FileError:
        assert depth > 100
        return
    again = nirx.read(tmp_path / "g.nir")
    names = [n.path for n in nirx.schedule(again, nirx.Discretization()).nodes]
    assert ("n0",) * (depth + 1) in names


def test_a_plain_file_has_no_attribute(tmp_path):
    nirx.write(tmp_path / "g.nir", lone())
    file: Any
    with h5py.File(tmp_path / "g.nir") as file:
        assert dict(file.attrs) == {}
        assert file["version"][()].decode() == nir.version
