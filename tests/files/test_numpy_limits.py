"""NumPy files that claim too much are refused, and nobody loads an array that was not asked for."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from nirx.errors import FileError
from nirx.files.archive_reading import Members, load_arrays
from support.inputs import read


def header(shape: str, dtype: str = "<f4") -> bytes:
    text = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}}}".encode()
    text += b" " * (-(len(text) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text


def archive(path: Path, kind: int = zipfile.ZIP_DEFLATED, /, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w", kind) as file:
        for name, content in members.items():
            file.writestr(f"{name}.npy", content)
    return path


def array_bytes(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def members(path: Path) -> Members:
    found = load_arrays(path)
    assert isinstance(found, Members)
    return found


ODD = ["(True, 1, 3)", "(-1, 3)", "(3, False)", "(2**70, 3)", "(10**12, 3)", "(2**40,)", "3"]


@pytest.mark.parametrize("shape", ODD)
def test_an_odd_shape_is_refused(shape, tmp_path):
    (tmp_path / "x.npy").write_bytes(header(shape) + bytes(12))
    archive(tmp_path / "x.npz", zipfile.ZIP_STORED, a=header(shape) + bytes(12))
    archive(tmp_path / "y.npz", a=header(shape) + bytes(12))
    for name in ("x.npy", "x.npz", "y.npz"):
        with pytest.raises(FileError):
            dict(load_arrays(tmp_path / name))
        with pytest.raises(FileError):
            read(tmp_path / name)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_compressions_than_numpys_are_refused(tmp_path, method):
    """They hold bombs, or ask for gigabytes; deflate unpacks to 1032 times its size at most."""
    path = archive(tmp_path / "x.npz", method, **{"in": array_bytes(np.ones((2, 3), "f4"))})
    for use in (load_arrays, read):
        with pytest.raises(FileError, match=f"method {method} of zip"):
            use(path)


def test_an_array_is_loaded_when_it_is_asked_for(tmp_path):
    good = array_bytes(np.arange(3))
    path = archive(tmp_path / "x.npz", good=good, other=header("(2,)", "<f8") + bytes(3))
    found = members(path)
    assert list(found) == ["good", "other"]
    assert found["good"].tolist() == [0, 1, 2]
    with pytest.raises(FileError, match="its header claims 16 bytes, but 3 are there"):
        found["other"]


def test_a_wrong_checksum_is_refused(tmp_path):
    path = archive(tmp_path / "x.npz", zipfile.ZIP_STORED, a=array_bytes(np.arange(9)))
    data = bytearray(path.read_bytes())
    data[data.index(b"\x05\0\0\0\0\0\0\0\x06")] = 7
    path.write_bytes(data)
    with pytest.raises(FileError, match="CRC"):
        members(path)["a"]


def test_two_arrays_of_one_name_are_refused(tmp_path):
    path = tmp_path / "x.npz"
    with zipfile.ZipFile(path, "w") as file:
        for name in ("a", "a.npy"):
            file.writestr(name, array_bytes(np.arange(3)))
    with pytest.raises(FileError, match="two arrays in it have the same name"):
        load_arrays(path)


def test_what_is_not_an_array_is_refused(tmp_path):
    with pytest.raises(FileError, match="'a' in it is not a NumPy array"):
        load_arrays(archive(tmp_path / "x.npz", a=b"hello world"))
