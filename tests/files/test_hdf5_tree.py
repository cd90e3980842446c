"""Hostile files are refused, quickly."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import nirx
from nirx.files import hdf5_tree
from support.damaged import good_file, replace_dataset

Damage = Callable[[Any, Path], None]


def external_link(file: Any, folder: Path) -> None:
    good_file(folder / "other.nir")
    file["node/nodes/x"] = h5py.ExternalLink("other.nir", "/node/nodes/n")


def external_node(file: Any, folder: Path) -> None:
    good_file(folder / "other.nir")
    del file["node"]
    file["node"] = h5py.ExternalLink("other.nir", "/node")


def soft_link(file: Any, folder: Path) -> None:
    file["node/nodes/x"] = h5py.SoftLink("/node/nodes/n")


def soft_node(file: Any, folder: Path) -> None:
    file.move("node", "other")
    file["node"] = h5py.SoftLink("/other")


def dangling_soft_link(file: Any, folder: Path) -> None:
    file["node/nodes/n/tau2"] = h5py.SoftLink("/nowhere")


def hard_link_cycle(file: Any, folder: Path) -> None:
    file["node/nodes/loop"] = file["node"]


def root_cycle(file: Any, folder: Path) -> None:
    file["node/nodes/loop"] = file["/"]


def node_is_root(file: Any, folder: Path) -> None:
    del file["node"]
    file["node"] = file["/"]


def group_linked_twice(file: Any, folder: Path) -> None:
    file["node/nodes/again"] = file["node/nodes/n"]


def virtual_dataset(file: Any, folder: Path) -> None:
    layout = h5py.VirtualLayout((3,), "f4")
    layout[:] = h5py.VirtualSource(good_file(folder / "other.nir"), "node/nodes/n/r", (3,))
    del file["node/nodes/n/tau"]
    file.create_virtual_dataset("node/nodes/n/tau", layout)


def external_storage(file: Any, folder: Path) -> None:
    (folder / "raw").write_bytes(bytes(100))
    replace_dataset(
        file, "node/nodes/n/tau", shape=(3,), dtype="f4", external=[(folder / "raw", 0, 12)]
    )


def references(file: Any, folder: Path) -> None:
    replace_dataset(file, "node/nodes/n/tau", data=file["node"].ref, dtype=h5py.ref_dtype)


def named_type(file: Any, folder: Path) -> None:
    file["node/nodes/n/kind"] = np.dtype("f4")


def huge_fixed_text(file: Any, folder: Path) -> None:
    replace_dataset(file, "node/edges", shape=(10**6, 2), dtype="S100000", chunks=(1, 2))


def many_large(file: Any, folder: Path) -> None:
    for k in range(40):
        file.create_dataset(f"node/nodes/n/x{k}", shape=(2**22,), dtype="f4", chunks=(1024,))


def bad_text(file: Any, folder: Path) -> None:
    replace_dataset(file, "node/nodes/n/type", data=np.bytes_(b"\xff\xfe"))


def no_node(file: Any, folder: Path) -> None:
    del file["node"]


def node_is_a_dataset(file: Any, folder: Path) -> None:
    replace_dataset(file, "node", data=3)


def odd_mark(file: Any, folder: Path) -> None:
    file.attrs["nirx_names"] = ["percent-encoded", "percent-encoded"]
    del file["node"]


def not_utf8_name(file: Any, folder: Path) -> None:
    file["node/nodes"].create_group(b"\xff\xfe")


def deep_nesting(file: Any, folder: Path) -> None:
    group = file["node/nodes/n"]
    for _ in range(300):
        group = group.create_group("nodes").create_group("n")
        group.create_dataset("type", data="NIRGraph")


DAMAGE: list[Damage] = [
    external_link, external_node, soft_link, soft_node, dangling_soft_link, hard_link_cycle,
    root_cycle, node_is_root, group_linked_twice, virtual_dataset, external_storage,
    references, named_type, huge_fixed_text, many_large, bad_text, no_node, node_is_a_dataset,
    odd_mark, not_utf8_name, deep_nesting,
]  # fmt: skip


def test_the_undamaged_file_is_read(tmp_path):
    node: Any = nirx.read(good_file(tmp_path / "g.nir")).nodes["n"]
    assert node.tau.tolist() == [4.0] * 3


@pytest.mark.parametrize("damage", DAMAGE, ids=lambda d: d.__name__)
def test_hostile_files_are_refused(damage, tmp_path):
    path = good_file(tmp_path / "g.nir")
    with h5py.File(path, "r+") as file:
        damage(file, tmp_path)
    with pytest.raises((nirx.FileError, nirx.GraphError)):
        nirx.read(path)


PARAMETERS: dict[str, dict[str, Any]] = {
    "arrays of any length": {"shape": (3,), "dtype": h5py.vlen_dtype(np.float32)},
    "a compound type": {"data": np.zeros(3, [("a", "f4"), ("b", "f4")])},
    "complex numbers": {"data": np.ones(3, complex)},
    "an opaque type": {"data": np.void(b"abc")},
    "an array type": {"shape": (3,), "dtype": np.dtype(("f4", (2,)))},
    "an empty dataset": {"data": h5py.Empty("f4")},
    "huge": {"shape": (10**12,), "dtype": "f4", "chunks": (1024,)},
    "huge beyond int64": {"shape": (2**32, 2**32, 4), "dtype": "f4", "chunks": (1, 1, 4)},
}


@pytest.mark.parametrize("name", PARAMETERS)
def test_a_hostile_parameter_is_refused(name, tmp_path):
    path = good_file(tmp_path / "g.nir")
    with h5py.File(path, "r+") as file:
        replace_dataset(file, "node/nodes/n/tau", **PARAMETERS[name])
    with pytest.raises((nirx.FileError, nirx.GraphError)):
        nirx.read(path)


def test_a_dataset_with_many_links_is_read_once(tmp_path, monkeypatch):
    path, reads = good_file(tmp_path / "g.nir"), []
    real = hdf5_tree.read_value
    monkeypatch.setattr(hdf5_tree, "read_value", lambda *a: reads.append(a) or real(*a))
    with h5py.File(path, "r+") as file:
        table = file.create_dataset("node/metadata/a", data=np.arange(6.0))
        words = file.create_dataset("node/metadata/b", data=[["x", "y"]], dtype=h5py.string_dtype())
        for k in range(100):
            file[f"node/metadata/a{k}"], file[f"node/metadata/b{k}"] = table, words
    before = len(reads)
    metadata = nirx.read(path).metadata
    assert len(reads) - before < 20
    assert np.array_equal(metadata["a7"], np.arange(6.0))
    assert metadata["b7"] == [["x", "y"]]
    metadata["a7"][0], metadata["b7"][0][0] = 9, "z"  # each link has a value of its own
    assert metadata["a"][0] == metadata["a8"][0] == 0
    assert metadata["b"] == metadata["b8"] == [["x", "y"]]


@pytest.mark.parametrize("limit", ["unpacked_bytes", "edges"])
def test_what_many_links_unpack_to_is_limited(tmp_path, limit):
    path = good_file(tmp_path / "g.nir")
    with h5py.File(path, "r+") as file:
        table = file.create_dataset("node/metadata/a", data=np.zeros(2**17), compression="gzip")
        for k in range(20):
            file[f"node/metadata/a{k}"] = table
            file[f"node/nodes/n{k}/nodes/n/type"] = "Threshold"
            file[f"node/nodes/n{k}/edges"] = file["node/edges"]
        edges: Any = file["node/edges"]
        most = {"unpacked_bytes": 10 * 2**20, "edges": 10 * len(edges)}[limit]
    with pytest.raises(nirx.FileError, match=rf"the limit is {most}; .*ReadLimits\({limit}="):
        nirx.read(path, limits=nirx.ReadLimits(**{limit: most}))
