"""Folders of npz files, on a disk and behind a URL."""

from __future__ import annotations

import io
import json
import pickle
import sys
import zipfile
from typing import Any

import numpy as np
import pytest

from nirx.errors import FileError, InputError, UnsupportedError
from nirx.inputs import source_for
from nirx.inputs.folder import Folder
from nirx.inputs.folder_of_npz import FolderSource
from nirx.inputs.protocol import read_samples
from nirx.inputs.reopening import sent
from nirx.references.reading import ReferenceFile
from support.inputs import input_schedule
from support.references import clip, write_reference

fsspec = pytest.importorskip("fsspec")

ONE = input_schedule(3, name="x")
VALUES = np.random.default_rng(5).random((6, 12, 3)).astype("f4")
"""Twelve samples: 10 comes after 9, not after 1."""


def opened(data: Any, **options: Any) -> FolderSource:
    source = source_for(ONE, data, "float32", **options)
    assert isinstance(source, FolderSource)
    return source


def saved(**arrays: Any) -> bytes:
    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays)
    return stream.getvalue()


def claiming(*shape: int) -> bytes:
    """An archive with a header and no numbers."""
    header, stream = io.BytesIO(), io.BytesIO()
    described = {"descr": "<f4", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(header, described)
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("x.npy", header.getvalue())
    return stream.getvalue()


@pytest.fixture(params=["memory", "local"])
def place(request, tmp_path):
    """A folder of twelve samples, and what is no sample."""
    url = f"memory://{tmp_path.name}" if request.param == "memory" else str(tmp_path / "clips")
    files, root = fsspec.core.url_to_fs(url)
    files.makedirs(f"{root}/more.npz")
    files.pipe_file(f"{root}/more.npz/0.npz", b"in a folder below")
    files.pipe_file(f"{root}/notes.txt", b"no array")
    for sample in range(12):
        files.pipe_file(f"{root}/{sample}.npz", saved(x=VALUES[:, sample], label=sample))
    yield url
    files.rm(root, recursive=True)


def put(place, name, content):
    files, root = fsspec.core.url_to_fs(place)
    files.pipe_file(f"{root}/{name}", content)


@pytest.mark.filterwarnings("ignore:.*'label' belongs to no Input")
def test_samples_are_in_numerical_order(place):
    for data in (place, f"folder:{place}"):
        source = opened(data)
        assert (source.steps, source.batch) == (6, (12,))
        assert np.array_equal(source.read(0, 6)["x"], VALUES)
    assert json.loads(json.dumps(source.identity)) == source.identity
    assert opened(place, steps=4, batch=(3, 4)).read(1, 4)["x"].shape == (3, 3, 4, 3)
    put(place, "a.npz", saved(x=VALUES[:, 0]))
    assert np.array_equal(opened(place).read(0, 6)["x"][:, -1], VALUES[:, 0])
    assert opened(place).identity != source.identity


def test_what_belongs_to_no_input_is_warned_about_once(place):
    with pytest.warns(match=r"0\.npz: 'label' belongs to no Input") as said:
        opened(place)
    assert len(said) == 1


@pytest.mark.filterwarnings("ignore:.*'label' belongs to no Input")
def test_another_process_reads_its_own_samples_only(place, monkeypatch):
    source = opened(place)
    own = sent(source)
    assert own is source
    text = pickle.dumps(own)
    assert len(text) < VALUES.nbytes + 4000  # names and hashes, no samples
    again, seen, real = pickle.loads(text), [], Folder.read
    monkeypatch.setattr(Folder, "read", lambda self, name: seen.append(name) or real(self, name))
    found = read_samples(again, (2, 5), (3, 5))["x"]
    assert np.array_equal(found, VALUES[2:5, 3:5])
    assert seen == ["3.npz", "4.npz"]
    put(place, "7.npz", saved(x=VALUES[:, 8]))
    with pytest.raises(FileError, match=r"7\.npz: is another file than when the run was started"):
        read_samples(again, (0, 6), (6, 8))


BAD = {
    "not a file of NumPy": (b"no zip", FileError, "not a zip"),
    "damaged": (saved(x=VALUES[:, 0])[:-40], FileError, "damaged|not a"),
    "pickle": (saved(x=np.array([{}])), FileError, "Python objects"),
    "name": (saved(y=VALUES[:, 0], z=1), InputError, "no array for Input 'x'"),
    "features": (saved(x=VALUES[:, 0, :2]), InputError, "expected"),
    "steps": (saved(x=VALUES[:5, 0]), InputError, "5 steps, but 0.npz has 6"),
    "batch": (saved(x=VALUES), InputError, r"a batch of \[12\]; expected one sample"),
    "NaN": (saved(x=np.full((6, 3), np.nan)), InputError, "step 0, sample 0, index 0: nan"),
    "text": (saved(x=np.full((6, 3), "a")), InputError, "expected real numbers"),
    "claim": (claiming(10**9, 3), FileError, "its header claims 12000000000 bytes"),
}


@pytest.mark.filterwarnings("ignore:.*belongs to no Input")
@pytest.mark.parametrize("kind", BAD)
def test_a_bad_file_is_named(place, kind):
    content, error, message = BAD[kind]
    put(place, "5.npz", content)
    with pytest.raises(error, match=message) as refused:
        opened(place)
    assert f"{place}/5.npz" in str(refused.value)


def test_folders_that_are_none(tmp_path, monkeypatch):
    np.savez(tmp_path / "file.npz", x=VALUES)
    (tmp_path / "empty").mkdir()
    for data, error, message in (
        (f"{tmp_path}/empty", FileError, r"no \.npz file in it"),
        (f"folder:{tmp_path}/none", FileError, "no such file or folder"),
        (f"folder:{tmp_path}/file.npz", FileError, r"a file; expected a folder of \.npz"),
        ("memory://none-at-all", FileError, "no such file or folder"),
        ("nonsense://x", InputError, "nonsense"),
        ("folder", InputError, "expected folder:PATH"),
        (f"folder:{tmp_path}/empty,count=3", InputError, "no option 'count'"),
    ):
        with pytest.raises(error, match=message):
            opened(data)
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(UnsupportedError, match=r'pip install "nirx\[cloud\]"'):
        opened(tmp_path / "empty")


def test_a_reference_is_the_same_in_shards_and_from_one_array(tmp_path):
    values = clip(4, 5)
    (tmp_path / "clips").mkdir()
    for sample in range(5):
        np.savez(tmp_path / "clips" / f"{sample}.npz", values[:, sample])
    files = [tmp_path / f"{n}.h5" for n in range(3)]
    data = [values, tmp_path / "clips", tmp_path / "clips"]
    for file, own, shards in zip(files, data, (None, None, 3), strict=True):
        write_reference(file, own, shards=shards)
    array, whole = (ReferenceFile(file).header["recordings"] for file in files[:2])
    assert array == whole
    assert files[1].read_bytes() == files[2].read_bytes()
