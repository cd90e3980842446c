"""Damaged files, and files that would fill the memory, are a graph or a NirxError."""

from __future__ import annotations

from typing import Any

import h5py
import nir
import numpy as np
import pytest

import nirx
from support.damaged import good_file, replace_dataset
from support.graphs import chain
from support.memory import read_in_little_memory


@pytest.mark.slow
def test_a_huge_table_of_texts_is_refused(tmp_path):
    path = good_file(tmp_path / "g.nir")
    with h5py.File(path, "r+") as file:
        kind = h5py.string_dtype()
        replace_dataset(file, "node/edges", shape=(10**11, 2), dtype=kind, chunks=(1024, 2))
    assert read_in_little_memory(path) == "refused"


@pytest.mark.slow
@pytest.mark.parametrize("reserved", [0, 33])
@pytest.mark.parametrize("kept", [0, 64])
def test_an_endless_heap_of_texts_is_refused(kept, reserved, tmp_path):
    # HDF5 2.0 loops forever on a global heap with an object of index 0 and size 0: the free space,
    # or what it reads as an object after free space that ends early.
    path = good_file(tmp_path / "g.nir")
    data = bytearray(path.read_bytes())
    place = data.index(b"GCOL") + 16
    while index := int.from_bytes(data[place : place + 2], "little"):
        assert index < 100
        place += 16 + -(-int.from_bytes(data[place + 8 : place + 16], "little") // 8) * 8
    assert data[place + 64 : place + 80] == bytes(16)
    data[place + 8 : place + 16] = kept.to_bytes(8, "little")
    data[data.index(b"GCOL") + 7] = reserved  # which HDF5 does not look at
    path.write_bytes(data)
    assert read_in_little_memory(path) == "refused"


@pytest.mark.slow
@pytest.mark.parametrize("reserved", [0, 255])
@pytest.mark.parametrize("size", [2**64 - 1, 2**64 - 16, 2**64 - 24, 2**64 - 568, 2**63])
@pytest.mark.sampled(3)
def test_a_heap_whose_sizes_are_beyond_64_bits_is_refused(size, reserved, tmp_path):
    # HDF5 adds a header to the size, so that it steps a little forward, not at all, or back.
    path = good_file(tmp_path / "g.nir")
    data = bytearray(path.read_bytes())
    start = data.index(b"GCOL")
    second = start + 16 + 24
    assert data[second : second + 2] == b"\2\0"
    data[second + 8 : second + 16] = size.to_bytes(8, "little")
    data[second + 16 : second + 32] = bytes(16)  # free space of size 0, where a small step ends
    data[start + 7] = reserved  # which HDF5 does not look at
    path.write_bytes(data)
    assert read_in_little_memory(path) == "refused"


@pytest.mark.parametrize("way", ["itself", "back"])
def test_an_endless_list_of_gaps_among_names_is_refused(way, tmp_path):
    # HDF5 2.0 takes memory for every step, until there is none.
    path = good_file(tmp_path / "g.nir")
    with h5py.File(path, "r+") as file:
        for k in range(6):
            file[f"node/metadata/name{k}"] = k
    data = bytearray(path.read_bytes())
    heap = max(k for k in range(len(data)) if data.startswith(b"HEAP\0", k))
    head, start = (int.from_bytes(data[heap + k : heap + k + 8], "little") for k in (16, 24))
    second = head + 16
    data[heap + 8 : heap + 16] = (head + 32).to_bytes(8, "little")
    for place, leads in ((head, second), (second, head if way == "back" else second)):
        data[start + place : start + place + 8] = leads.to_bytes(8, "little")
    path.write_bytes(data)
    with pytest.raises(nirx.FileError, match="endless"):
        nirx.read(path)


def test_heaps_that_overlap_take_bounded_work(tmp_path):
    heap = b"GCOL\1\0\0\0" + (2**40).to_bytes(8, "little")  # in an object of the one before it
    text = (1).to_bytes(8, "little") + len(heap).to_bytes(8, "little")
    data = good_file(tmp_path / "g.nir").read_bytes() + (heap + text) * 100_000
    (tmp_path / "g.nir").write_bytes(data)
    with pytest.raises(nirx.FileError, match="overlap"):
        nirx.read(tmp_path / "g.nir")


def test_data_that_only_looks_like_a_heap_is_read(tmp_path):
    values = np.frombuffer(b"GCOL\x01" + bytes(range(1, 68)), np.float32)
    nirx.write(tmp_path / "g.nir", chain({"w": nir.Linear(values[None])}, values.size, 1))
    with h5py.File(tmp_path / "g.nir", "r+") as file:
        replace_dataset(file, "node/nodes/w/weight", data=values[None])  # uncompressed
    assert b"GCOL\x01\x01" in (tmp_path / "g.nir").read_bytes()
    found: Any = nirx.read(tmp_path / "g.nir").nodes["w"]
    assert np.array_equal(found.weight, values[None], equal_nan=True)


@pytest.mark.slow
def test_a_scalar_delay_on_a_huge_input_takes_little_memory(tmp_path):
    nirx.write(tmp_path / "g.nir", chain([], 2 * 10**9), nirx.Discretization())
    with h5py.File(tmp_path / "g.nir", "r+") as file:
        file["node/nodes/d/type"] = "Delay"
        file["node/nodes/d/delay"] = 1e-3
        edges = [["input", "d"], ["d", "output"]]
        replace_dataset(file, "node/edges", data=edges, dtype=h5py.string_dtype())
    assert read_in_little_memory(tmp_path / "g.nir") == ""


@pytest.mark.parametrize("content", [b"", b"no", b"\x89HDF\r\n\x1a\n", bytes(5000)])
def test_anything_but_hdf5_is_a_file_error(content, tmp_path):
    (tmp_path / "g.nir").write_bytes(content)
    with pytest.raises(nirx.FileError):
        nirx.read(tmp_path / "g.nir")


@pytest.mark.parametrize("name", ["missing.nir", ".", "a\0b", "x" * 5000])
def test_a_path_without_a_file_is_a_file_error(name, tmp_path):
    with pytest.raises(nirx.FileError):
        nirx.read(f"{tmp_path}/{name}")


@pytest.mark.parametrize("part", range(1, 20))
def test_a_truncated_file_is_refused(part, tmp_path):
    path = good_file(tmp_path / "g.nir")
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * part // 20])
    with pytest.raises((nirx.FileError, nirx.GraphError)):
        nirx.read(path)


@pytest.mark.parametrize(
    "start", [0, 20, *(pytest.param(n, marks=pytest.mark.slow) for n in range(40, 200, 20))]
)
@pytest.mark.filterwarnings("ignore::nirx.NirxWarning")
def test_flipped_bytes_give_a_graph_or_a_nirx_error(start, tmp_path):
    path = good_file(tmp_path / "g.nir")
    data = np.frombuffer(path.read_bytes(), np.uint8)
    for seed in range(start, start + 20):
        rng = np.random.default_rng(seed)
        count = int(rng.integers(1, 20))
        broken = data.copy()
        broken[rng.integers(0, data.size, count)] = rng.integers(0, 256, count)
        path.write_bytes(broken.tobytes())
        try:
            assert isinstance(nirx.read(path), nir.NIRGraph)
        except nirx.NirxError:
            pass
        except Exception as error:
            raise AssertionError(f"seed {seed}: {type(error).__name__}: {error}") from error
