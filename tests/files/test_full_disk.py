"""A full disk: a clear error, the old file unchanged, and no crash."""

from __future__ import annotations

import errno
import gc
import io

import nir
import numpy as np
import pytest

import nirx
from nirx.files import hdf5_writing
from support.graphs import chain

D = nirx.Discretization(dt=1e-3)


class Full(io.FileIO):
    """A file on a disk with room for `room` more bytes."""

    room = 0

    def write(self, data):
        left = max(0, type(self).room)
        if not left:
            raise OSError(errno.ENOSPC, "No space left on device")
        part = bytes(data)[:left]  # only what fits
        type(self).room -= len(part)
        return super().write(part)


@pytest.fixture
def fill(monkeypatch):
    """`fill(room)` leaves that much room on the disk of HDF5 files."""

    def fill(room):
        Full.room = room
        opened = lambda path, mode, buffering: Full(path, mode)  # noqa: E731
        monkeypatch.setattr(hdf5_writing, "open", opened, raising=False)

    yield fill
    gc.collect()  # the process would abort here if HDF5 still had a file that it cannot close


def network(size=40):
    draw = np.random.default_rng(0).uniform
    ranges = ((2e-3, 2e-2), (4, 9), (0, 0.1), (0.5, 1), (0, 0.1))
    linear = nir.Linear(draw(0, 1, (size, size)))
    return chain({"fc": linear, "lif": nir.LIF(*(draw(*r, size) for r in ranges))}, size)


@pytest.mark.slow
@pytest.mark.parametrize("room", [0, 1, 700, 3000, 8000, 12000])
@pytest.mark.sampled(3)
def test_a_graph_that_does_not_fit_leaves_the_old_file(room, fill, tmp_path):
    path = tmp_path / "x.nir"
    nirx.write(path, network(2), D)
    before = path.read_bytes()
    fill(room)
    with pytest.raises(nirx.FileError, match=r"x\.nir: cannot be written: No space left on device"):
        nirx.write(path, network(), D)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["x.nir"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "room", [2000, *(pytest.param(n, marks=pytest.mark.exhaustive) for n in (0, 1, 20_000, 60_000))]
)
@pytest.mark.parametrize("spikes", ["dense", "events"])
def test_a_reference_that_does_not_fit_is_assembled_later(room, spikes, fill, tmp_path):
    options = {"discretization": D, "steps": 3000, "spikes": spikes}
    whole, path = tmp_path / "whole.h5", tmp_path / "r.h5"
    nirx.reference(network(), "poisson:rate=0.3", whole, **options)
    assert whole.stat().st_size > 60_000
    fill(room)
    kept = r"No space left on device; the computed parts are kept in .*r\.h5\.parts: call it again"
    with pytest.raises(nirx.FileError, match=kept):
        nirx.reference(network(), "poisson:rate=0.3", path, **options)
    assert not path.exists()
    fill(2**40)
    found = nirx.reference(network(), "poisson:rate=0.3", path, **options)
    assert found.resumed == 3000
    assert path.read_bytes() == whole.read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["r.h5", "whole.h5"]


def test_other_errors_propagate_unchanged(tmp_path):
    with pytest.raises(KeyError, match="mine") as caught, hdf5_writing.hdf5_file(tmp_path / "x"):
        raise KeyError("mine")
    assert caught.value.__cause__ is None


def test_a_file_that_just_fits_is_written(fill, tmp_path):
    nirx.write(tmp_path / "a.nir", network(), D)
    fill((tmp_path / "a.nir").stat().st_size * 2)
    nirx.write(tmp_path / "b.nir", network(), D)
    assert (tmp_path / "a.nir").read_bytes() == (tmp_path / "b.nir").read_bytes()
