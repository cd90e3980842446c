"""nirx.read: files of nir, legacy files, and faulty files."""

# nir's own annotations are narrower than what it accepts.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import nir
import numpy as np
import pytest

import nirx
from nirx.files.reading import read_bytes
from nirx.graphs.metadata import DISCRETIZATION_KEY
from support.graphs import chain, lif


def write_file(path: Path, node: dict[str, Any]) -> Path:
    """A file with the group 'node', from nested dicts."""

    def put(group: Any, tree: dict[str, Any]) -> None:
        for name, value in tree.items():
            if isinstance(value, dict):
                put(group.create_group(name), value)
            else:
                group.create_dataset(name, data=value)

    with h5py.File(path, "w") as file:
        put(file.create_group("node"), node)
    return path


def graph_tree(node: dict[str, Any], takes: Any = (1,), gives: Any = (1,)) -> dict[str, Any]:
    return {
        "type": "NIRGraph",
        "edges": [["i", "n"], ["n", "o"]],
        "nodes": {
            "i": {"type": "Input", "shape": np.array(takes)},
            "n": node,
            "o": {"type": "Output", "shape": np.array(gives)},
        },
    }


ONE = np.ones(1)
LIF = {"type": "LIF", "tau": ONE, "r": ONE, "v_leak": ONE, "v_threshold": ONE}
FLAT = {"type": "Flatten", "start_dim": 0, "end_dim": -1}


def test_files_of_nir_are_read(example, tmp_path):
    nir.write(tmp_path / "g.nir", example.graph)
    again = nirx.read(tmp_path / "g.nir")
    assert nirx.same_graph(again, example.graph)
    assert tuple(again.output_type["output"]) == example.gives


def test_every_node_has_its_inferred_shape(example, tmp_path):
    nir.write(tmp_path / "g.nir", example.graph)
    node = nirx.read(tmp_path / "g.nir").nodes.get("node")
    if node is not None:
        assert [tuple(v) for v in node.input_type.values()] == [example.takes]
        assert [tuple(v) for v in node.output_type.values()] == [example.gives]


@pytest.mark.parametrize("kind", [nir.SumPool2d, nir.AvgPool2d])
def test_pools_with_ints_are_read(kind, tmp_path):
    graph = chain([kind(2, 2, 0)], (1, 4, 4), (1, 2, 2))
    nir.write(tmp_path / "g.nir", graph)
    assert nirx.same_graph(nirx.read(tmp_path / "g.nir"), graph)


@pytest.mark.parametrize("name", ["IF", "LIF", "CubaLIF"])
def test_legacy_files_without_v_reset_reset_to_zero(name, tmp_path):
    fields = {
        "IF": ("r", "v_threshold"),
        "LIF": ("tau", "r", "v_leak", "v_threshold"),
        "CubaLIF": ("tau_syn", "tau_mem", "r", "v_leak", "v_threshold"),
    }[name]
    node = {"type": name, **{f: np.full(2, 2.0, np.float32) for f in fields}}
    graph = nirx.read(write_file(tmp_path / "g.nir", graph_tree(node, (2,), (2,))))
    assert graph.nodes["n"].v_reset.tolist() == [0.0, 0.0]
    assert graph.nodes["n"].v_reset.dtype == np.float32


def test_a_missing_w_in_is_one(tmp_path):
    node = {"type": "CubaLI", "tau_syn": ONE, "tau_mem": ONE, "r": ONE, "v_leak": 0 * ONE}
    assert nirx.read(write_file(tmp_path / "g", graph_tree(node))).nodes["n"].w_in.tolist() == [1.0]


def test_a_file_of_one_node_gets_ports(tmp_path):
    nir.write(tmp_path / "g.nir", nir.LIF(ONE, ONE, ONE, ONE))
    graph = nirx.read(tmp_path / "g.nir")
    assert sorted(type(n).__name__ for n in graph.nodes.values()) == ["Input", "LIF", "Output"]


@pytest.mark.parametrize(
    "node",
    [
        {"type": "Linear", "weight": np.ones(3)},
        {"type": "Linear", "weight": 1.0},
        {"type": "Scale", "scale": "text"},
        {**LIF, "tau": np.ones(2), "r": np.ones(3)},
        {"type": "LIF"},
        {"type": "Nonsense"},
        {"type": "Conv1d", "weight": 1.0, "stride": 1, "padding": 0, "dilation": 1, "groups": 1},
        {**LIF, "tau": -ONE},
        FLAT,
        {"type": "Input", "shape": np.array([2])},
        {"type": "Output", "shape": np.array([2])},
        {"type": "Input", "shape": np.array([-2])},
        {"no": 1},
    ],
    ids=lambda n: str(n.get("type")) + str(len(n)),
)
def test_a_faulty_file_of_one_node_is_refused(node, tmp_path):
    with pytest.raises((nirx.GraphError, nirx.FileError)):
        nirx.read(write_file(tmp_path / "g", node))


@pytest.mark.parametrize(
    ("node", "words"),
    [
        ({**LIF, "tua": ONE}, "did you mean 'tau'"),
        ({k: v for k, v in LIF.items() if k != "tau"}, "lacks the parameter 'tau'"),
        ({k: v for k, v in LIF.items() if k != "v_threshold"}, "v_threshold"),
        ({**LIF, "tau": {"a": 1}}, "tau is a group"),
        ({**LIF, "tau": "text"}, "tau"),
        ({**LIF, "type": "Affin"}, "did you mean 'Affine'"),
        ({**LIF, "type": np.array([1, 2])}, "without a type"),
        ({**LIF, "type": np.array([b"LIF", b"LIF"])}, "without a type"),
        ({**LIF, "type": 3}, "without a type"),
        ({**LIF, "type": {}}, "without a type"),
        ({k: v for k, v in LIF.items() if k != "type"}, "without a type"),
        ({**LIF, "metadata": np.ones(2)}, "metadata"),
        (np.ones(2), "without a type"),
    ],
    ids=range(13),
)
def test_a_faulty_node_is_one_fault_with_its_path(node, words, tmp_path):
    with pytest.raises(nirx.GraphError) as caught:
        nirx.read(write_file(tmp_path / "g", graph_tree(node)))
    fault, *more = caught.value.faults
    assert fault.where.startswith("n")
    assert words in str(fault)
    assert more == []


def test_nodes_that_are_not_a_group_are_a_graph_error(tmp_path):
    node = {"type": "NIRGraph", "nodes": 3, "edges": [["a", "b"]]}
    with pytest.raises(nirx.GraphError, match="n: nodes is not a group"):
        nirx.read(write_file(tmp_path / "g", graph_tree(node)))


@pytest.mark.parametrize(
    "edges",
    [
        np.zeros((2, 2)),
        [["i", "n", "o"]],
        ["i", "n"],
        "i",
        [[["i", "n"]]],
        {"a": 1},
        np.zeros((1, 2), "S3"),
    ],
    ids=range(7),
)
def test_malformed_edges_are_a_graph_error(edges, tmp_path):
    tree = {**graph_tree(LIF), "edges": edges}
    with pytest.raises(nirx.GraphError, match="edge"):
        nirx.read(write_file(tmp_path / "g", tree))


@pytest.mark.parametrize(
    ("takes", "node", "gives"),
    [
        (np.array([2**64 - 1], np.uint64), {"type": "Scale", "scale": 1.0}, (1,)),
        ((2**40, 2**40), FLAT, (2.0**80,)),
        ((1e300,), {"type": "Scale", "scale": 1.0}, (1e300,)),
        ((np.nan,), {"type": "Scale", "scale": 1.0}, (1,)),
        ((1.5,), {"type": "Scale", "scale": 1.0}, (1,)),
        ([[1]], {"type": "Scale", "scale": 1.0}, (1,)),
        ((b"a",), {"type": "Scale", "scale": 1.0}, (1,)),
    ],
    ids=range(7),
)
def test_a_meaningless_shape_is_a_graph_error(takes, node, gives, tmp_path):
    with pytest.raises(nirx.GraphError):
        nirx.read(write_file(tmp_path / "g", graph_tree(node, takes, gives)))


@pytest.mark.parametrize(
    "text",
    [
        *("", "3", "[]", "{}", '{"semantics": 2}', '{"semantics": 1, "dt": 1e999}', "[" * 100_000),
        *('{"semantics": 1, "dt": 1' + "0" * 400 + "}", '{"semantics": 1, "reset": ["value"]}'),
        *('{"semantics": 1, "overrides": {"a": []}}', '{"semantics": 1, "overrides": {"x": {}}}'),
    ],
    ids=lambda text: text[:40],
)
def test_a_meaningless_stored_discretization_is_a_graph_error(text, tmp_path):
    tree = {**graph_tree(LIF), "metadata": {DISCRETIZATION_KEY: text}}
    with pytest.raises(nirx.GraphError, match="discretization"):
        nirx.read(write_file(tmp_path / "g", tree))


def test_all_faults_of_a_file_are_listed_together(tmp_path):
    tree = graph_tree({**LIF, "tau": -ONE})
    tree["nodes"]["m"] = {"type": "Nonsense"}
    tree["nodes"]["k"] = {"type": "Scale"}
    tree["edges"] += [["i", "m"], ["m", "o"], ["i", "k"], ["k", "o"], ["i", "x"]]
    with pytest.raises(nirx.GraphError) as caught:
        nirx.read(write_file(tmp_path / "g", tree))
    assert [f.where for f in caught.value.faults if "'x'" not in str(f)] == ["k", "m", "n"]
    assert len(caught.value.faults) == 4


def test_the_broken_file_of_the_nir_paper_is_refused_with_a_suggested_fix(paper):
    files = sorted(paper.glob("*.nir"))
    refused = []
    for file in files:
        try:
            nirx.read(file)
        except nirx.GraphError as error:
            refused.append(str(error))
    assert len(files) - len(refused) == 4
    (message,) = refused
    assert "no node 'lif'" in message
    assert "did you mean 'lif1'?" in message


@pytest.mark.parametrize("before", [0, 1024])
def test_a_file_behind_other_data_is_read_from_disk_and_from_memory(tmp_path, before):
    graph = chain([lif(2, metadata={"text": "a" * 500})])
    nirx.write(tmp_path / "old.nir", graph)
    path = tmp_path / "g.nir"
    with h5py.File(tmp_path / "old.nir") as old, h5py.File(path, "w", userblock_size=before) as new:
        old.copy("node", new)
    assert nirx.same_graph(nirx.read(path), graph)
    assert nirx.same_graph(read_bytes(path.read_bytes(), "g.nir"), graph)
