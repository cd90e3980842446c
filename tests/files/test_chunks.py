"""Data that is not in a file in full is refused: HDF5 hands over whatever the memory held."""

from __future__ import annotations

import zlib
from typing import Any

import h5py
import numpy as np
import pytest

import nirx
from nirx.errors import FileError
from nirx.files.hdf5_checked import CheckedDataset
from nirx.files.hdf5_dataset import OpenHdf5, Storage
from nirx.files.hdf5_filters import Filters, WrongLength
from nirx.files.limits import ReadLimits
from support.damaged import good_file, replace_dataset
from support.inputs import gridded, nirdata, read
from support.references import write_reference

PLACE = "node/nodes/n/tau"
VALUES = np.array([4, 5, 6], np.float32)
FILTERS: dict[str, dict[str, Any]] = {
    "plain": {},
    "gzip": {"compression": "gzip"},
    "lzf": {"compression": "lzf"},
    "shuffle": {"shuffle": True},
    "fletcher32": {"fletcher32": True},
    "gzip, shuffle, fletcher32": {"compression": "gzip", "shuffle": True, "fletcher32": True},
    "lzf, shuffle": {"compression": "lzf", "shuffle": True},
}


def edit(path: Any) -> Any:
    return h5py.File(path, "r+")


def packed(values: np.ndarray, **options: Any) -> tuple[bytes, int]:
    """The bytes of a chunk and its mask, as HDF5 itself stores them."""
    with h5py.File.in_memory() as file:
        item = file.create_dataset("x", data=values, chunks=values.shape, **options)
        mask, stored = item.id.read_direct_chunk((0,) * values.ndim)
        return stored, mask


def with_chunk(path: Any, stored: bytes, mask: int = 0, **options: Any) -> Any:
    """A file whose `tau` is one chunk of three numbers, of these bytes."""
    good_file(path)
    with edit(path) as file:
        replace_dataset(file, PLACE, shape=(3,), chunks=(3,), dtype="f4", **options)
        file[PLACE].id.write_direct_chunk((0,), stored, mask)
    return path


@pytest.mark.parametrize("name", FILTERS)
def test_a_whole_chunk_is_read(name, tmp_path):
    path = with_chunk(tmp_path / "g.nir", *packed(VALUES, **FILTERS[name]), **FILTERS[name])
    node: Any = nirx.read(path).nodes["n"]
    assert np.array_equal(node.tau, VALUES)


@pytest.mark.parametrize("count", [1, 2, 4, 300])
@pytest.mark.parametrize("name", FILTERS)
def test_a_chunk_of_another_length_is_refused(name, count, tmp_path):
    stored, mask = packed(np.ones(count, np.float32), **FILTERS[name])
    path = with_chunk(tmp_path / "g.nir", stored, mask, **FILTERS[name])
    with pytest.raises(FileError, match=r"n/tau: the chunk at \(0,\) is damaged"):
        nirx.read(path)


@pytest.mark.parametrize("mask", range(1, 8))
def test_filters_that_a_chunk_skipped_are_left_out(mask, tmp_path):
    options = FILTERS["gzip, shuffle, fletcher32"]  # in the order shuffle, gzip, fletcher32
    used = {
        "shuffle": not mask & 1,
        "compression": None if mask & 2 else "gzip",
        "fletcher32": not mask & 4,
    }
    for count in (2, 3, 4):
        stored, _ = packed(np.arange(4, 4 + count).astype(np.float32), **used)
        path = with_chunk(tmp_path / f"{count}.nir", stored, mask, **options)
        if count == 3:
            node: Any = nirx.read(path).nodes["n"]
            assert np.array_equal(node.tau, VALUES)
        else:
            with pytest.raises(FileError, match="damaged"):
                nirx.read(path)


@pytest.mark.parametrize("stored", [zlib.compress(bytes(12))[:-5], b"x" * 12, zlib.compress(b"")])
def test_damaged_gzip_is_refused(stored, tmp_path):
    path = with_chunk(tmp_path / "g.nir", stored, compression="gzip")
    with pytest.raises(FileError, match="damaged"):
        nirx.read(path)


@pytest.mark.parametrize("options", [{}, {"fillvalue": 7.0}])
@pytest.mark.parametrize("chunks", [None, (3,), (2,)])
def test_data_that_was_never_written_is_refused(chunks, options, tmp_path):
    path = good_file(tmp_path / "g.nir")
    with edit(path) as file:
        replace_dataset(file, PLACE, shape=(3,), dtype="f4", chunks=chunks, **options)
        if chunks == (2,):
            file[PLACE][:2] = 1
    with pytest.raises(FileError, match="never written"):
        nirx.read(path)


def make_dataset(file: Any, layout: int, codes: Any = ()) -> Any:
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_layout(layout)
    if layout == h5py.h5d.CHUNKED:
        properties.set_chunk((3,))
    for code in codes:
        properties.set_filter(code, h5py.h5z.FLAG_OPTIONAL, (4,))
    space, kind = h5py.h5s.create_simple((3,)), h5py.h5t.IEEE_F32LE
    return h5py.h5d.create(file.id, PLACE.encode(), kind, space, dcpl=properties)


def test_a_compact_dataset_is_read(tmp_path):
    path = good_file(tmp_path / "g.nir")
    with edit(path) as file:
        del file[PLACE]
        make_dataset(file, h5py.h5d.COMPACT)
        file[PLACE][:] = VALUES
    node: Any = nirx.read(path).nodes["n"]
    assert np.array_equal(node.tau, VALUES)


@pytest.mark.parametrize(
    ("codes", "reason"),
    [
        ([h5py.h5z.FILTER_DEFLATE] * 3, "compressed more than once"),
        ([h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_LZF], "compressed more than once"),
        ([h5py.h5z.FILTER_SHUFFLE] * 2, "a filter twice"),
        ([h5py.h5z.FILTER_DEFLATE] * 4, "4 filters; the limit is 3"),
        ([h5py.h5z.FILTER_SCALEOFFSET], "does not load; expected gzip, shuffle, fletcher32, lzf"),
        ([h5py.h5z.FILTER_NBIT], "does not load"),
    ],
)
def test_filters_whose_lengths_are_not_certain_are_refused(codes, reason, tmp_path):
    path = good_file(tmp_path / "g.nir")
    with edit(path) as file:
        del file[PLACE]
        make_dataset(file, h5py.h5d.CHUNKED, codes)
    with pytest.raises(FileError, match=reason):
        nirx.read(path)


@pytest.mark.parametrize("options", [{}, {"compression": "gzip", "shuffle": True}])
def test_texts_in_chunks_are_read(options, tmp_path):
    path = good_file(tmp_path / "g.nir")
    with edit(path) as file:
        edges = np.array([["input", "n"], ["n", "output"]], object)
        kind = h5py.string_dtype()
        replace_dataset(file, "node/edges", data=edges, dtype=kind, chunks=(1, 2), **options)
    assert nirx.read(path).edges == [("input", "n"), ("n", "output")]


def test_lzf_is_unpacked_as_by_h5py():
    generator = np.random.default_rng(0)
    for number in range(200):
        size = int(generator.integers(40, 3000))
        values = generator.integers(0, 1 + number % 5, size).astype(np.uint8)
        values[: size // 3] = generator.integers(0, 256, size // 3)
        with h5py.File.in_memory() as file:
            item = file.create_dataset("x", data=values, chunks=(size,), compression="lzf")
            mask, stored = item.id.read_direct_chunk((0,))
        filters = Filters([h5py.h5z.FILTER_LZF], 1)
        assert bytes(filters.undo(stored, mask, size)) == values.tobytes()
        for wrong in (size - 1, size + 1):
            with pytest.raises(WrongLength):
                filters.undo(stored, mask, wrong)


def test_a_short_chunk_of_nirdata_is_refused(tmp_path):
    path = nirdata(tmp_path / "x.h5", {"input": gridded()})
    with edit(path) as file:
        name = "nodes/in/observables/input/data"
        data = file[name][()]
        replace_dataset(file, name, shape=data.shape, dtype=data.dtype, chunks=data.shape)
        file[name].id.write_direct_chunk((0, 0, 0), data.tobytes())
    assert read(path).shape[0] == data.shape[1]
    with edit(path) as file:
        replace_dataset(file, name, shape=data.shape, dtype=data.dtype, chunks=data.shape)
        file[name].id.write_direct_chunk((0, 0, 0), data.tobytes()[:-1])
    with pytest.raises(FileError, match=r"input/data: the chunk .* is damaged"):
        read(path)


def test_a_short_chunk_of_a_reference_is_refused(tmp_path):
    write_reference(tmp_path / "r.h5")
    with edit(tmp_path / "r.h5") as file:
        found: list[Any] = []
        file.visititems(lambda name, item: found.append(item) if name.endswith("/data") else None)
        item = found[-1]
        item.id.write_direct_chunk((0, 0, 0), zlib.compress(b"\0"))
        name = item.name
    with pytest.raises(FileError, match=f"{name[1:]}: the chunk .* is damaged"):
        nirx.verify(tmp_path / "r.h5", "numpy")


def test_only_a_fill_value_that_the_writer_chose_stands_for_data_of_a_recording(tmp_path):
    path = nirdata(tmp_path / "x.h5", {"input": gridded()})
    name = "nodes/in/observables/input/data"
    with edit(path) as file:
        shape = file[name].shape
        replace_dataset(file, name, shape=shape, dtype="f4", chunks=(1, 1, 1), fillvalue=3.0)
    assert np.all(read(path) == 3)
    with edit(path) as file:
        replace_dataset(file, name, shape=shape, dtype="f4", chunks=(1, 1, 1))
    with pytest.raises(FileError, match="never written"):
        read(path)


@pytest.mark.parametrize("whole", [True, False])
def test_many_chunks_are_read_in_portions(whole, tmp_path, monkeypatch):
    monkeypatch.setattr("nirx.files.hdf5_dataset.CHUNKS_AT_ONCE", 4)
    values = np.arange(60.0).reshape(20, 3)
    with h5py.File(tmp_path / "x.h5", "w") as file:
        item = file.create_dataset("x", (20, 3), "f8", chunks=(2, 2), fillvalue=-1.0)
        item[3:11] = values[3:11]
        expected = item[()]
    with h5py.File(tmp_path / "x.h5") as file:
        opened = OpenHdf5(file.id, ReadLimits(), (tmp_path / "x.h5").stat().st_size)
        if whole:
            storage = Storage(opened, file["x"].id, "x", fills=True)
            assert len(storage.portions(slice(None))) == 5
            found = storage.load()
        else:
            checked = CheckedDataset(opened, file["x"], "x")
            np.testing.assert_array_equal(checked[3:19, 1], expected[3:19, 1])
            np.testing.assert_array_equal(checked[1:18:2], expected[1:18:2])
            np.testing.assert_array_equal(checked[...], expected)
            assert len(checked._storage.portions(())) == 5
            found = checked[()]
    np.testing.assert_array_equal(found, expected)
