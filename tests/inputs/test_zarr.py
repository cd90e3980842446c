"""Zarr arrays of both versions, on a disk and behind a URL."""

from __future__ import annotations

import json
import pickle
from importlib import import_module
from typing import Any

import numpy as np
import pytest

from nirx.errors import FileError, InputError, UnsupportedError
from nirx.inputs import source_for, zarr_arrays
from nirx.inputs.folder import Folder
from nirx.inputs.protocol import read_samples
from nirx.inputs.reopening import sent
from nirx.inputs.zarr_arrays import ZarrSource
from nirx.inputs.zarr_metadata import require_unpacked, zarr_array
from nirx.references.reading import ReferenceFile
from support.inputs import input_schedule
from support.references import clip, write_reference

ONE = input_schedule(3, name="x")
VALUES = np.random.default_rng(5).random((7, 5, 3)).astype("f4")


def described(version: int = 3, **changes: Any) -> bytes:
    """The metadata of VALUES, in chunks of 4 steps and 2 samples."""
    if version == 2:
        own = {
            "shape": [7, 5, 3], "chunks": [4, 2, 3], "dtype": "<f4", "fill_value": 0.0,
            "order": "C", "filters": None, "compressor": {"id": "zlib", "level": 1},
            "zarr_format": 2,
        }  # fmt: skip
    else:
        grid = {"name": "regular", "configuration": {"chunk_shape": [4, 2, 3]}}
        keys = {"name": "default", "configuration": {"separator": "/"}}
        codecs = [{"name": "bytes", "configuration": {"endian": "little"}}]
        own = {
            "shape": [7, 5, 3], "data_type": "float32", "chunk_grid": grid, "codecs": codecs,
            "chunk_key_encoding": keys, "fill_value": 0.0, "attributes": {}, "zarr_format": 3,
            "node_type": "array",
        }  # fmt: skip
    return json.dumps({**own, **changes}).encode()


BAD: dict[str, tuple[int, bytes, str]] = {
    "no JSON": (3, b"{", "not JSON"),
    "long": (3, b" " * 2**23, "bytes; expected at most"),
    "a list": (3, b"[]", "a list; expected the metadata"),
    "nothing": (3, b"{}", "expected a Zarr array"),
    "nested": (3, b"[" * 10**5, "not JSON"),
    "negative": (3, described(shape=[-7, 5, 3]), "the shape"),
    "axes": (3, described(shape=[7, 5]), "the shape"),
    "true": (2, described(2, shape=[True, 5, 3]), "the shape"),
    "a text": (3, described(shape="753"), "the shape"),
    "no chunk": (2, described(2, chunks=[0, 2, 3]), "the shape"),
    "chunk": (2, described(2, shape=[2**30, 5, 3], chunks=[2**30, 5, 3]), "bytes in a chunk"),
    "chunks": (2, described(2, shape=[2**29, 5, 3], chunks=[1, 1, 1]), "chunks; the limit"),
    "steps": (2, described(2, shape=[2**40, 1, 1], chunks=[2**26, 1, 1]), "time steps"),
    "objects": (2, described(2, dtype="|O"), "numbers of type"),
    "records": (2, described(2, dtype=[["t", "<f4"]]), "records"),
    "type": (3, described(data_type="complex64"), "numbers of type"),
    "filters": (2, described(2, filters=[{"id": "pickle"}]), "filters"),
    "pickle": (2, described(2, compressor={"id": "pickle"}), "the compressor 'pickle'"),
    "shards": (3, described(codecs=[{"name": "sharding_indexed"}]), "the codecs"),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_metadata_is_refused_before_anything_is_read(kind):
    version, content, message = BAD[kind]
    with pytest.raises(FileError, match=message) as refused:
        zarr_array(version, content, "s3://a/zarr.json")
    assert "s3://a/zarr.json" in str(refused.value)


@pytest.mark.parametrize("compressor", ["", "zlib", "gzip", "blosc", "zstd"])
def test_a_chunk_that_unpacks_to_another_size_is_refused(compressor):
    numcodecs = pytest.importorskip("numcodecs")
    own = None if not compressor else {"id": compressor}
    layout = zarr_array(2, described(2, compressor=own), "here")
    pack = numcodecs.get_codec(own).encode if own else bytes
    for size in (layout.chunk_bytes, 300, 70_000):
        layout_of = zarr_array(2, described(2, chunks=[size // 4, 1, 1], compressor=own), "here")
        require_unpacked(layout_of, bytes(pack(b"\1" * size)), "here")
    for size in (layout.chunk_bytes - 4, layout.chunk_bytes + 4, 2**22):
        with pytest.raises(FileError, match="here: a chunk that unpacks to"):
            require_unpacked(layout, bytes(pack(b"\1" * size)), "here")
    if own:
        with pytest.raises(FileError, match="here: a "):
            require_unpacked(layout, b"\1\2\3", "here")


def test_without_zarr(monkeypatch, tmp_path):
    monkeypatch.setattr(zarr_arrays, "import_module", lambda name: __import__("no_such_package"))
    (tmp_path / "x.zarr").mkdir()
    with pytest.raises(UnsupportedError, match=r'pip install "nirx\[cloud\]"'):
        source_for(ONE, tmp_path / "x.zarr", "float32")


@pytest.fixture(params=["memory", "local"])
def place(request, tmp_path):
    pytest.importorskip("zarr")
    fsspec = pytest.importorskip("fsspec")
    if request.param == "local":
        yield str(tmp_path / "x.zarr")
        return
    yield f"memory://{tmp_path.name}.zarr"
    files, root = fsspec.core.url_to_fs(f"memory://{tmp_path.name}.zarr")
    if files.exists(root):
        files.rm(root, recursive=True)


def write(place: str, values: np.ndarray = VALUES, name: str | None = None, **options: Any):
    more = {"chunks": (4, *[2] * (values.ndim - 2), 3), "overwrite": True, **options}
    return import_module("zarr").create_array(place, name=name, data=values, **more)


def opened(place: str, **options: Any) -> ZarrSource:
    source = source_for(ONE, place, "float32", **options)
    assert isinstance(source, ZarrSource)
    return source


@pytest.mark.parametrize("options", [{}, {"zarr_format": 2}, {"compressors": None}])
@pytest.mark.parametrize("name", [None, "x"])
def test_an_array_or_a_group_of_arrays(place, options, name):
    if name:
        import_module("zarr").open_group(place, mode="w", zarr_format=options.get("zarr_format", 3))
    write(place, name=name, **options)
    source = opened(place)
    assert (source.steps, source.batch) == (7, (5,))
    assert np.array_equal(source.read(0, 7)["x"], VALUES)
    assert np.array_equal(source.read(2, 5, (1, 3))["x"], VALUES[2:5, 1:3])
    assert json.loads(json.dumps(source.identity)) == source.identity
    assert opened(place, steps=6, batch=5).identity["sha256"] == source.identity["sha256"]
    write(place, VALUES + 1, name=name, **options)
    assert opened(place).identity != source.identity


@pytest.mark.parametrize("shape", [(7, 3), (7, 5, 2, 3)])
def test_other_batches(place, shape):
    values = np.random.default_rng(1).random(shape).astype("f4")
    write(place, values)
    source = opened(place)
    assert np.array_equal(source.read(1, 6)["x"], values.reshape(7, *shape[1:-1] or (1,), 3)[1:6])
    flat = values.reshape(7, -1, 3)
    assert np.array_equal(read_samples(source, (0, 3), (0, 1))["x"], flat[:3, :1])


def test_another_process_reads_its_own_chunks_only(place, monkeypatch):
    write(place)
    again, seen, real = pickle.loads(pickle.dumps(sent(opened(place)))), [], Folder.read
    monkeypatch.setattr(Folder, "read", lambda self, name: seen.append(name) or real(self, name))
    assert np.array_equal(read_samples(again, (0, 4), (2, 4))["x"], VALUES[:4, 2:4])
    assert seen == ["c/0/1/0"]
    write(place, VALUES + 1)
    with pytest.raises(FileError, match="c/0/0/0: is another file than when the run was started"):
        read_samples(again, (0, 4), (0, 1))


def test_a_reference_is_the_same_in_shards(tmp_path):
    pytest.importorskip("zarr")
    write(str(tmp_path / "x.zarr"), clip(9, 5))
    for file, data, shards in (("0", clip(9, 5), None), ("1", tmp_path / "x.zarr", 3)):
        write_reference(tmp_path / file, data, shards=shards)
    array, cut = (ReferenceFile(tmp_path / file).header["recordings"] for file in "01")
    assert array == cut


def test_bad_arrays_are_refused(place):
    write(place, np.full((7, 5, 3), np.nan, "f4"))
    with pytest.raises(InputError, match="step 0, sample 0, index 0: nan"):
        opened(place)
    write(place)
    Folder(place)._files.pipe_file(f"{Folder(place)._root}/c/1/0/0", b"damaged")
    with pytest.raises(FileError, match=r"c/1/0/0: a damaged chunk"):
        opened(place)
    Folder(place)._files.pipe_file(
        f"{Folder(place)._root}/zarr.json",
        described(shape=[2**26, 5, 3], chunk_grid={
            "name": "regular", "configuration": {"chunk_shape": [2**20, 5, 3]}
        }),
    )  # fmt: skip
    with pytest.raises(FileError, match="claims more data than a file of this size can hold"):
        opened(place)
    with pytest.raises(FileError, match="no Zarr array or group"):
        opened(f"zarr:{place}/c")
