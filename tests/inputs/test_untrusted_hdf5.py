"""HDF5 files from anywhere: damage, links, foreign filters and huge claims are refused."""

from __future__ import annotations

import contextlib

import h5py
import numpy as np
import pytest

import nirx
from nirx.errors import FileError, InputError
from support.inputs import CAMERA, STEP, camera, gridded, nirdata, read, two_inputs


def test_files_of_other_formats_are_refused(tmp_path):
    (tmp_path / "x.h5").write_bytes(b"hello")
    (tmp_path / "y.h5").write_bytes(b"")
    for name in ("x.h5", "y.h5"):
        with pytest.raises(FileError, match="not a readable HDF5 file"):
            read(tmp_path / name)


def test_a_nir_graph_is_refused(tmp_path):
    nirx.write(tmp_path / "x.h5", two_inputs(), STEP)
    with pytest.raises(FileError, match="a NIR graph, not data"):
        read(tmp_path / "x.h5")


@pytest.mark.parametrize("link", [h5py.SoftLink("/y"), h5py.ExternalLink("other.h5", "/x")])
def test_links_are_not_followed(tmp_path, link):
    camera(tmp_path / "other.h5")
    path = camera(tmp_path / "x.h5", x=None)
    with h5py.File(path, "a") as file:
        file["x"] = link
    with pytest.raises(FileError, match="soft or external link"):
        read(path, CAMERA)
    own = nirdata(tmp_path / "z.h5", {"input": gridded()})
    with h5py.File(own, "a") as file:
        del file["nodes/in"]
        file["nodes/in"] = h5py.ExternalLink("other.h5", "/")
    with pytest.raises(FileError, match="soft or external link"):
        read(own)


def test_data_in_another_file_is_refused(tmp_path):
    camera(tmp_path / "other.h5")
    for kind in ("virtual", "external"):
        path = camera(tmp_path / f"{kind}.h5", x=None)
        with h5py.File(path, "a") as file:
            if kind == "virtual":
                layout = h5py.VirtualLayout((3,), "i8")
                layout[:] = h5py.VirtualSource(str(tmp_path / "other.h5"), "x", (3,))
                file.create_virtual_dataset("x", layout)
            else:
                place = [(str(tmp_path / "raw.bin"), 0, 24)]
                file.create_dataset("x", (3,), "i8", external=place)
        with pytest.raises(FileError, match="keeps its data in another file"):
            read(path, CAMERA)


def test_foreign_filters_are_not_loaded(tmp_path):
    path = camera(tmp_path / "x.h5", x=None)
    with h5py.File(path, "a") as file:
        properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        properties.set_chunk((3,))
        properties.set_filter(32008, h5py.h5z.FLAG_OPTIONAL, ())
        space = h5py.h5s.create_simple((3,))
        h5py.h5d.create(file.id, b"x", h5py.h5t.NATIVE_INT64, space, dcpl=properties)
    with pytest.raises(FileError, match="filter that nirx does not load"):
        read(path, CAMERA)


def test_claims_larger_than_the_file_are_refused(tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        for name in "xypt":
            file.create_dataset(name, (2**33,), "i8", chunks=(1024,))
    with pytest.raises(FileError, match="claims more data than a file of this size can hold"):
        read(tmp_path / "x.h5", CAMERA)


def test_huge_chunks_are_refused(tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        for name in "xypt":
            file.create_dataset(name, (3,), "i8", chunks=(2**27,), maxshape=(None,))
    with pytest.raises(FileError, match="which is read whole"):
        read(tmp_path / "x.h5", CAMERA)


def test_damaged_bytes_raise_only_errors_of_nirx(tmp_path):
    path = nirdata(tmp_path / "x.h5", {"input": gridded()})
    data = path.read_bytes()
    generator = np.random.default_rng(0)
    for number in range(150):
        bad = bytearray(data)
        for place in generator.integers(0, len(bad), 4):
            bad[place] = generator.integers(256)
        (tmp_path / f"{number}.h5").write_bytes(bad)
        with contextlib.suppress(FileError, InputError):
            read(tmp_path / f"{number}.h5")
