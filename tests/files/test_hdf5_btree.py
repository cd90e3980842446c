"""B-trees that HDF5 would walk forever, or until its stack overflows, are refused."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

import nirx
from nirx.files.hdf5_btree import refuse_endless_trees
from support.damaged import good_file
from support.memory import read_in_little_memory

KEYS = {0: 8, 1: 32}
"""Bytes of a key: of a group, and of a dataset with two axes."""


@pytest.fixture
def file(tmp_path):
    """A graph with a large group and a dataset in many chunks in its metadata."""
    path = good_file(tmp_path / "g.nir")
    with h5py.File(path, "r+") as file:
        for k in range(400):
            file[f"node/metadata/g/x{k:04d}"] = k
        file.create_dataset("node/metadata/w", data=np.zeros((2000, 4)), chunks=(10, 4))
    return path


def nodes(data: bytes | bytearray, kind: int, level: int) -> list[int]:
    """Places of the nodes of b-trees of groups (0) or chunks (1)."""
    signature = b"TREE" + bytes([kind, level])
    return [k for k in range(len(data)) if data.startswith(signature, k)]


def put(data: bytearray, place: int, value: int) -> None:
    data[place : place + 8] = value.to_bytes(8, "little")


def own_child(data: bytearray, kind: int) -> None:
    (root,) = nodes(data, kind, 1)
    put(data, root + 24 + KEYS[kind], root)


def own_grandchild(data: bytearray, kind: int) -> None:
    (root,) = nodes(data, kind, 1)
    leaf = nodes(data, kind, 0)[-1]
    put(data, root + 24 + KEYS[kind], leaf)
    data[leaf + 5] = 1
    put(data, leaf + 24 + KEYS[kind], root)


def own_neighbour(data: bytearray, kind: int) -> None:
    for place in nodes(data, kind, 0):
        put(data, place + 16, place)


def neighbours_in_a_circle(data: bytearray, kind: int) -> None:
    places = nodes(data, kind, 0)
    for one, next_one in zip(places, [*places[1:], places[0]], strict=True):
        put(data, one + 16, next_one)


def shared_children(data: bytearray, kind: int) -> None:
    (root,) = nodes(data, kind, 1)
    below = nodes(data, kind, 0)[-1]
    for level in range(1, 8):  # 30 ** 7 ways
        place = len(data)
        data += b"TREE" + bytes([kind, level]) + (30).to_bytes(2, "little") + b"\xff" * 16
        data += (bytes(KEYS[kind]) + below.to_bytes(8, "little")) * 30 + bytes(KEYS[kind])
        below = place
    put(data, data.index(root.to_bytes(8, "little")), below)
    put(data, 40, len(data))


DAMAGES = [own_child, own_grandchild, own_neighbour, neighbours_in_a_circle, shared_children]


@pytest.mark.parametrize("kind", [0, 1], ids=["group", "chunks"])
@pytest.mark.parametrize("damage", DAMAGES, ids=lambda d: d.__name__)
def test_an_endless_tree_is_refused(file, damage, kind):
    data = bytearray(file.read_bytes())
    refuse_endless_trees(bytes(data), "g.nir")
    damage(data, kind)
    with pytest.raises(nirx.FileError, match=r"leads to itself|share their children"):
        refuse_endless_trees(bytes(data), "g.nir")


@pytest.mark.slow
@pytest.mark.parametrize("damage", [own_child, own_neighbour], ids=lambda d: d.__name__)
def test_hdf5_never_sees_an_endless_tree(file, damage):
    data = bytearray(file.read_bytes())
    for kind in (0, 1):
        damage(data, kind)
    file.write_bytes(data)
    assert read_in_little_memory(file) == "refused"


def test_good_trees_of_any_depth_are_read(tmp_path):
    path = good_file(tmp_path / "g.nir")
    with h5py.File(path, "r+") as file:
        file.create_dataset("node/metadata/w", data=np.zeros(9000), chunks=(1,))
        file["node/metadata/text"] = "TREES"
    assert nodes(path.read_bytes(), 1, 2)
    assert nirx.read(path).metadata["w"].shape == (9000,)


def test_a_file_behind_other_data_is_checked(file):
    data = bytearray(file.read_bytes())
    refuse_endless_trees(bytes(512) + bytes(data), "g.nir")
    own_child(data, 0)
    with pytest.raises(nirx.FileError, match="leads to itself"):
        refuse_endless_trees(bytes(512) + bytes(data), "g.nir")


def test_nodes_that_overlap_take_bounded_work(file):
    data = file.read_bytes() + (b"TREE\x01\x01\xff\xff" * 20_000)
    with pytest.raises(nirx.FileError, match="overlap"):
        refuse_endless_trees(data, "g.nir")
