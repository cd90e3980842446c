"""`.npy` and `.npz` files as inputs: damage, hostile claims, names, memory."""

from __future__ import annotations

import contextlib
import io
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nirx.errors import FileError, InputError
from nirx.inputs import source_for
from support.inputs import THREE, read


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def npy(array: np.ndarray, **options: Any) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array(stream, array, **options)
    return stream.getvalue()


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\3\4 broken", b"\x93NUMPY\1\0v\0{'des"])
@pytest.mark.parametrize("suffix", ["npy", "npz"])
def test_files_of_other_formats_are_refused(tmp_path, content, suffix):
    with pytest.raises(FileError, match="NumPy file"):
        read(written(tmp_path / f"x.{suffix}", content))


def test_pickles_are_never_loaded(tmp_path):
    pickled = np.array([[{}] * 3], object)
    np.save(tmp_path / "x.npy", pickled)
    np.savez(tmp_path / "x.npz", pickled)
    for name in ("x.npy", "x.npz"):
        with pytest.raises(FileError, match="pickle"):
            read(tmp_path / name)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_truncated_array_is_refused(tmp_path, method):
    with zipfile.ZipFile(tmp_path / "x.npz", "w", method) as archive:
        archive.writestr("in.npy", npy(np.ones((100, 3)))[:-9])
    with pytest.raises(FileError, match="claims 2400 bytes, but 2391 are there"):
        read(tmp_path / "x.npz")
    written(tmp_path / "x.npy", npy(np.ones((100, 3)))[:-9])
    with pytest.raises(FileError, match="damaged"):
        read(tmp_path / "x.npy")


def test_a_huge_claim_is_refused_before_memory_is_allocated(tmp_path):
    claim = npy(np.ones((1, 3))).replace(b"(1, 3), }" + b" " * 14, b"(1" + b"0" * 14 + b", 3), }")
    assert len(claim) == len(npy(np.ones((1, 3))))
    written(tmp_path / "x.npy", claim)
    with zipfile.ZipFile(tmp_path / "x.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("in.npy", claim)
    for name in ("x.npy", "x.npz"):
        with pytest.raises(FileError, match=r"claims|damaged"):
            read(tmp_path / name)


def test_damaged_compressed_data_is_refused(tmp_path):
    np.savez_compressed(tmp_path / "x.npz", np.random.default_rng(0).random((5000, 3)))
    data = bytearray((tmp_path / "x.npz").read_bytes())
    data[40_000:40_064] = bytes(64)
    with pytest.raises(FileError, match="damaged"):
        read(written(tmp_path / "y.npz", bytes(data)))


@pytest.mark.parametrize("save", [np.save, np.savez, np.savez_compressed])
def test_flipped_bytes_raise_only_errors_of_nirx(tmp_path, save):
    good = tmp_path / ("x.npy" if save is np.save else "x.npz")
    save(good, np.random.default_rng(0).random((40, 3)).astype(np.float32))
    data = good.read_bytes()
    generator = np.random.default_rng(1)
    for _ in range(200):
        bad = bytearray(data)
        for place in generator.integers(0, len(bad), 3):
            bad[place] = generator.integers(256)
        good.write_bytes(bad)
        with contextlib.suppress(FileError, InputError):
            read(good)


def test_a_wrong_name_in_an_npz_gets_a_suggestion(tmp_path):
    np.savez(tmp_path / "x.npz", inn=np.zeros((2, 3)), other=np.zeros((2, 3)))
    with pytest.raises(InputError, match=r"no array for Input 'in'.*did you mean 'inn'"):
        read(tmp_path / "x.npz")


@pytest.mark.parametrize("dtype", [bool, "u1", "i8", "f2", ">f4"])
def test_numbers_are_cast(tmp_path, dtype):
    xs = np.arange(6).reshape(2, 3) % 2
    np.save(tmp_path / "x.npy", xs.astype(dtype))
    np.savez_compressed(tmp_path / "x.npz", xs.astype(dtype))
    for name in ("x.npy", "x.npz"):
        assert np.array_equal(read(tmp_path / name)[:, 0], xs)


def test_files_are_closed(tmp_path):
    np.savez_compressed(tmp_path / "x.npz", np.zeros((9, 3)))
    source = source_for(THREE, tmp_path / "x.npz", "float32")
    source.read(4, 5)
    source.read(1, 2)
    del source  # an open file would be a ResourceWarning, and so an error


@pytest.mark.slow
@pytest.mark.parametrize("save", [np.save, np.savez, np.savez_compressed])
def test_memory_of_a_long_run_is_bounded(tmp_path, save):
    steps = 50 * 2**20 // 12
    path = tmp_path / ("x.npy" if save is np.save else "x.npz")
    save(path, np.zeros((steps, 3), np.float32))
    tracemalloc.start()
    source = source_for(THREE, path, "float32")
    for start in range(0, steps, 2**16):
        source.read(start, min(start + 2**16, steps))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 12 * 2**20
