"""Version 2 b-trees that hold more than they say, over which HDF5 writes beyond its memory."""

from __future__ import annotations

import struct

import h5py
import numpy as np
import pytest

import nirx
from nirx.files.hdf5_heap import refuse_endless_in
from support.damaged import good_file

LINKS, ATTRIBUTES, CHUNKS = 5, 8, 10
"""Types of trees."""


def newest(folder, links: int = 400) -> bytes:
    """A graph with many names, attributes and chunks, in the newest format of HDF5."""
    with (
        h5py.File(good_file(folder / "old.nir")) as old,
        h5py.File(folder / "new.nir", "w", libver="latest") as new,
    ):
        old.copy("node", new)
        group = new.create_group("node/metadata/g")
        for k in range(links):
            group[f"x{k:04d}"] = k
        for k in range(20):
            group.attrs[f"a{k}"] = k
        group.create_dataset("w", data=np.ones((90, 90)), chunks=(9, 9), maxshape=(None, None))
    return (folder / "new.nir").read_bytes()


@pytest.fixture
def data(tmp_path):
    return bytearray(newest(tmp_path))


def header(data: bytes | bytearray, kind: int) -> int:
    return data.index(b"BTHD" + bytes([0, kind]))


def root(data: bytes | bytearray, kind: int) -> int:
    return struct.unpack_from("<Q", data, header(data, kind) + 16)[0]


@pytest.mark.parametrize("before", [b"", bytes(512)], ids=["alone", "behind other data"])
def test_good_trees_are_read(data, before):
    assert data[root(data, LINKS) : root(data, LINKS) + 4] == b"BTIN"
    refuse_endless_in(before + bytes(data), "g.nir")


def test_a_deep_good_tree_is_read(tmp_path):
    data = newest(tmp_path, links=2000)
    assert data[header(data, LINKS) + 12] == 2  # its depth
    assert len(nirx.read(tmp_path / "new.nir").metadata["g"]) == 2001


def test_what_is_left_of_removed_groups_is_no_damage(tmp_path):
    newest(tmp_path)
    with h5py.File(tmp_path / "new.nir", "r+", libver="latest") as file:
        for k in range(0, 400, 3):
            del file[f"node/metadata/g/x{k:04d}"]
        file.move("node/metadata/g/w", "node/metadata/w")
        for k in range(300):
            file.create_group(f"node/metadata/h/y{k}")
        del file["node/metadata/g"]
    assert len(nirx.read(tmp_path / "new.nir").metadata["h"]) == 300


@pytest.mark.parametrize("kind", [LINKS, ATTRIBUTES, CHUNKS])
@pytest.mark.parametrize("change", [-1, 1])
def test_a_tree_that_holds_more_or_less_than_it_states_is_refused(data, kind, change):
    total = header(data, kind) + 26
    found = struct.unpack_from("<Q", data, total)[0]
    struct.pack_into("<Q", data, total, found + change)
    with pytest.raises(nirx.FileError, match=f"{found + change} entries"):
        refuse_endless_in(bytes(data), "g.nir")


DAMAGES = {
    "too deep": (12, "<H", 60_000, "too deep"),
    "records of a byte": (10, "<H", 1, "impossible size"),
    "no records": (10, "<H", 0, "impossible size"),
    "nodes without room": (6, "<I", 3, "entries"),
    "more than a node holds": (24, "<H", 2000, "entries"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_header_that_does_not_fit_is_refused(data, name):
    offset, form, value, words = DAMAGES[name]
    struct.pack_into(form, data, header(data, LINKS) + offset, value)
    with pytest.raises(nirx.FileError, match=words):
        refuse_endless_in(bytes(data), "g.nir")


def test_a_node_that_is_its_own_child_is_refused(data):
    place = root(data, LINKS)
    count = struct.unpack_from("<H", data, header(data, LINKS) + 24)[0]
    struct.pack_into("<Q", data, place + 6 + 11 * count, place)
    with pytest.raises(nirx.FileError, match="share their children"):
        refuse_endless_in(bytes(data), "g.nir")


def test_many_headers_of_one_tree_take_bounded_work(data):
    place = header(data, LINKS)
    with pytest.raises(nirx.FileError, match="overlap"):
        refuse_endless_in(bytes(data) + bytes(data[place : place + 38]) * 10_000, "g.nir")


@pytest.mark.parametrize("text", ["BTHD", "BTHD\0\5", "BTHD" + "\0\5" * 40])
def test_a_text_that_looks_like_a_tree_is_no_damage(tmp_path, text):
    path = good_file(tmp_path / "g.nir")
    with h5py.File(path, "r+") as file:
        file["node/metadata/bytes"] = np.frombuffer(text.encode(), np.uint8)
    assert bytes(nirx.read(path).metadata["bytes"]) == text.encode()
