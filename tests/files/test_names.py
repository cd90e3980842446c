"""Names in files: every non-empty string can be the name of a node."""

# nir takes arrays and None where its annotations say dicts and ints.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false

from __future__ import annotations

import h5py
import nir
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nirx
from nirx.files.names import MARK, MARK_VALUE, decode_name, encode_name, needs_encoding

ODD = [
    "'", '"', "a\nb", " ", "\t", "a.b", "a_b", "a/b", "/", "//", "../x", "\0", "a\0", ".",
    "..", "...", "./", "%", "%2F", "%2E", "%2e", "%00", "100%", "~", "~1", "~0", "\ud800",
    "\udcff\udc80", "é", "e\u0301", "神经", "\U0001f9e0", "\u202e", "self", "forward",
    "__class__", "nodes", "metadata", "type", "feedback", "[red]x[/red]", "x" * 5000,
    "/" * 3000,
]  # fmt: skip


def graph_of(names: list[str], ends: tuple[str, str] = ("i/n", "o\0ut")) -> nir.NIRGraph:
    """All nodes between one Input and one Output, side by side."""
    source, target = ends
    nodes: dict[str, nir.NIRNode] = {source: nir.Input(np.array([1]))}
    nodes |= {name: nir.Scale(np.array([float(k)])) for k, name in enumerate(names)}
    nodes[target] = nir.Output(np.array([1]))
    edges = [e for name in names for e in ((source, name), (name, target))]
    return nir.NIRGraph(nodes, edges, metadata={}, type_check=False)


def check_round_trip(graph: nir.NIRGraph, folder) -> nir.NIRGraph:
    nirx.write(folder / "g.nir", graph)
    again = nirx.read(folder / "g.nir")
    assert nirx.same_graph(again, graph)
    return again


@pytest.mark.parametrize("name", ODD, ids=lambda name: ascii(name)[:20])
def test_an_odd_name_survives(name, tmp_path):
    check_round_trip(graph_of([name], ("i", "o")), tmp_path)


@pytest.mark.parametrize("name", ODD, ids=lambda name: ascii(name)[:20])
def test_a_node_with_an_odd_name_runs(name):
    net = nirx.from_nir(graph_of([name], ("i", "o")), "numpy", nirx.Discretization())
    _, _, rec = net.run(np.ones((2, 1), np.float32), record=[(name,)])
    assert rec[(name,)].tolist() == [[0.0], [0.0]]


def test_all_odd_names_in_one_graph(tmp_path):
    again = check_round_trip(graph_of(ODD), tmp_path)
    assert {n for n in again.nodes if isinstance(again.nodes[n], nir.Scale)} == set(ODD)
    assert [again.nodes[n].scale[0] for n in ODD] == list(range(len(ODD)))


def test_odd_names_of_subgraphs_and_ports(tmp_path):
    nodes: dict[str, nir.NIRNode] = {"i": nir.Input(np.array([1])), "o": nir.Output(np.array([1]))}
    edges = []
    for k, name in enumerate(ODD):
        if "." in name:
            continue
        nodes[name] = graph_of([f"{name}{k}"], (f"{name}a", f"{name}b"))
        edges += [("i", name), ("i", f"{name}.{name}a"), (f"{name}.{name}b", "o")]
    check_round_trip(nir.NIRGraph(nodes, edges, metadata={}, type_check=False), tmp_path)


def test_odd_names_of_metadata(tmp_path):
    graph = graph_of(["n"])
    graph.metadata = {name: {name: k} for k, name in enumerate(ODD)}
    check_round_trip(graph, tmp_path)


def test_plain_names_are_not_encoded(tmp_path):
    names = ["a.b", "..", "%2F", "é", "100%", "a\nb"]
    nirx.write(tmp_path / "g.nir", graph_of(names, ("i", "o")))
    with h5py.File(tmp_path / "g.nir") as file:
        assert set(file["node/nodes"]) == {*names, "i", "o"}
        assert MARK not in file.attrs
    assert set(nir.read(tmp_path / "g.nir", type_check=False).nodes) == {*names, "i", "o"}


def test_names_with_a_dot_and_an_underscore_are_different(tmp_path):
    again = check_round_trip(graph_of(["a.b", "a_b"]), tmp_path)
    net = nirx.from_nir(again, "numpy", nirx.Discretization())
    _, _, rec = net.run(np.ones((1, 1), np.float32), record=["a.b", "a_b"])
    assert (rec["a.b"].item(), rec["a_b"].item()) == (0.0, 1.0)


@pytest.mark.parametrize("names", [("%41", "A"), ("a", "%61"), ("%2F", "%2f")])
def test_two_encodings_of_one_name_are_refused(names, tmp_path):
    path = tmp_path / "g.nir"
    nirx.write(path, graph_of(["x", "y"], ("i", "o")))
    with h5py.File(path, "r+") as file:
        nodes = file["node/nodes"]
        for old, new in zip(("x", "y"), names, strict=True):
            nodes.move(old, new)
        edges = [*(("i", n) for n in names), *((n, "o") for n in names)]
        del file["node/edges"]
        file.create_dataset("node/edges", data=edges, dtype=h5py.string_dtype())
        file.attrs[MARK] = MARK_VALUE
    with pytest.raises(nirx.NirxError):
        nirx.read(path)


@given(st.text(st.characters(exclude_categories=()), min_size=1))
@settings(max_examples=500, deadline=None)
def test_any_text_is_encoded_and_decoded(name):
    encoded = encode_name(name)
    assert decode_name(encoded) == name
    assert not needs_encoding(encoded)
    encoded.encode("utf-8")


@given(st.text("./%~2EF\0", min_size=1, max_size=6), st.text("./%~2EF\0", min_size=1, max_size=6))
@settings(max_examples=500, deadline=None)
def test_different_names_are_encoded_differently(a, b):
    assert (encode_name(a) == encode_name(b)) == (a == b)
