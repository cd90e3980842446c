"""A disk that fills up: an error that says so, the old file as it was, and a process that lives."""

# nir's own annotations are narrower than what it accepts.
# pyright: reportArgumentType=false

from __future__ import annotations

import errno
import gc
import io

import nir
import numpy as np
import pytest

import nirx
from nirx.files import hdf5_writing

D = nirx.Discretization(dt=1e-3)


class Full(io.FileIO):
    """A file on a disk with room for `room` bytes in all."""

    room = 0

    def write(self, data):
        left = max(0, type(self).room)
        if not left:
            raise OSError(errno.ENOSPC, "No space left on device")
        part = bytes(data)[:left]  # what fits is taken
        type(self).room -= len(part)
        return super().write(part)


@pytest.fixture
def fill(monkeypatch):
    """`fill(room)`: from now on HDF5 files find that much room."""

    def fill(room):
        Full.room = room
        opened = lambda path, mode, buffering: Full(path, mode)  # noqa: E731
        monkeypatch.setattr(hdf5_writing, "open", opened, raising=False)

    yield fill
    gc.collect()  # where HDF5 was left with a file that it could not close, the process dies here


def network(size=40):
    draw = np.random.default_rng(0).uniform
    ranges = ((2e-3, 2e-2), (4, 9), (0, 0.1), (0.5, 1), (0, 0.1))
    return nir.NIRGraph(
        {
            "input": nir.Input(np.array([size])),
            "fc": nir.Linear(draw(0, 1, (size, size))),
            "lif": nir.LIF(*(draw(*r, size) for r in ranges)),
            "output": nir.Output(np.array([size])),
        },
        [("input", "fc"), ("fc", "lif"), ("lif", "output")],
    )


@pytest.mark.parametrize("room", [0, 1, 700, 3000, 8000, 12000])
def test_a_graph_does_not_fit(room, fill, tmp_path):
    path = tmp_path / "x.nir"
    nirx.write(path, network(2), D)
    before = path.read_bytes()
    fill(room)
    with pytest.raises(nirx.FileError, match=r"x\.nir: cannot be written: No space left on device"):
        nirx.write(path, network(), D)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["x.nir"]


@pytest.mark.parametrize("room", [0, 1, 2000, 20_000, 60_000])
@pytest.mark.parametrize("spikes", ["dense", "events"])
def test_a_reference_does_not_fit_and_is_assembled_later(room, spikes, fill, tmp_path):
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


def test_another_error_stays_what_it_is(tmp_path):
    with pytest.raises(KeyError, match="mine") as caught, hdf5_writing.hdf5_file(tmp_path / "x"):
        raise KeyError("mine")
    assert caught.value.__cause__ is None


def test_a_file_that_just_fits(fill, tmp_path):
    nirx.write(tmp_path / "a.nir", network(), D)
    fill((tmp_path / "a.nir").stat().st_size * 2)
    nirx.write(tmp_path / "b.nir", network(), D)
    assert (tmp_path / "a.nir").read_bytes() == (tmp_path / "b.nir").read_bytes()
