"""Inputs whose columns, units and addresses are stated; rounding to the nearest step; AEDAT4."""

from __future__ import annotations

from fractions import Fraction
from importlib.util import find_spec

import h5py
import numpy as np
import pytest

from nirx import EventFormat
from nirx.errors import FileError, InputError
from nirx.inputs import source_for
from nirx.inputs.binning import Clock
from support.aedat import write_aedat
from support.inputs import CAMERA, THREE, camera, read


@pytest.mark.parametrize("dt", [1e-3, 3e-4, 0.1, 1 / 3])
@pytest.mark.parametrize("kind", [np.int64, np.float64])
def test_times_are_rounded_to_the_nearest_step(dt, kind):
    ticks = np.arange(3, 300_000, 97).astype(kind)
    clock = Clock(1e-6, dt, 3, "nearest")
    steps = clock.steps(ticks, "x")
    exact = [Fraction(int(t) - 3) * Fraction("1e-6") / Fraction(repr(dt)) for t in ticks]
    assert steps.tolist() == [int(e + Fraction(1, 2)) for e in exact]
    wanted = [float(e - s) for e, s in zip(exact, steps.tolist(), strict=True)]
    assert np.allclose(clock.distances(ticks, steps), wanted, rtol=0, atol=1e-9)


def test_half_a_step_early_belongs_to_step_0():
    assert Clock(1e-6, 1e-3, 0, "nearest").steps(np.array([-500, 499, 500]), "x").tolist() == [
        *(0, 0, 1)
    ]
    with pytest.raises(InputError, match="time -501 is before the start"):
        Clock(1e-6, 1e-3, 0, "nearest").steps(np.array([-501]), "x")


def test_columns_of_csv_are_stated(tmp_path):
    (tmp_path / "x.csv").write_text("stamp,word,flags\n400,2,9\n1700,0,9\n")
    options = "time=stamp,neuron=word,unit=us"
    assert np.argwhere(read(f"csv:{tmp_path / 'x.csv'},{options}")).tolist() == [
        *([0, 0, 2], [1, 0, 0])
    ]
    near = read(f"csv:{tmp_path / 'x.csv'},{options},rounding=nearest")
    assert np.argwhere(near).tolist() == [[0, 0, 2], [2, 0, 0]]
    form = EventFormat(columns={"time": "stamp", "neuron": "word"}, offset=400)
    found = source_for(THREE, tmp_path / "x.csv", "float64", events=form)
    assert (found.steps, found.identity["options"]["format"]["offset"]) == (2, 400)
    with pytest.raises(FileError, match="no column 'when' for time"):
        read(f"csv:{tmp_path / 'x.csv'},time=when,neuron=word")


def test_the_content_of_a_map_is_part_of_the_identity(tmp_path):
    (tmp_path / "x.csv").write_text("t,index\n400,17\n")
    identities = []
    for name, neuron in (("a.csv", 1), ("b.csv", 1), ("c.csv", 2)):
        (tmp_path / name).write_text(f"address,neuron\n17,{neuron}\n")
        source = source_for(THREE, f"csv:{tmp_path / 'x.csv'},map={tmp_path / name}", "float64")
        assert np.argwhere(*source.read(0, 1).values()).tolist() == [[0, 0, neuron]]
        identities.append(source.identity)
    assert identities[0] == identities[1] != identities[2]
    (tmp_path / "x.csv").write_text("t,index\n400,17\n400,18\n")
    with pytest.raises(InputError, match=r"line 3: address 18 is not in .*has 1 address, 17"):
        read(f"csv:{tmp_path / 'x.csv'},map={tmp_path / 'a.csv'}")


def test_names_of_hdf5_datasets_are_stated(tmp_path):
    path = camera(tmp_path / "x.h5")
    with h5py.File(path, "a") as file:
        for old, new in (("t", "when"), ("x", "column"), ("y", "row")):
            file.move(old, new)
    found = read(f"events:{path},time=when,x=column,y=row", CAMERA)
    assert np.array_equal(found, read(camera(tmp_path / "y.h5"), CAMERA))
    with pytest.raises(FileError, match="no event list; expected datasets 'wen'"):
        read(f"events:{path},time=wen", CAMERA)


def test_a_format_goes_with_files_of_events(tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((4, 1, 3)))
    (tmp_path / "x.csv").write_text("1,2,3\n")
    for data in (tmp_path / "x.npy", tmp_path / "x.csv", "poisson:rate=0.1", np.zeros((4, 1, 3))):
        with pytest.raises(InputError, match="events"):
            source_for(THREE, data, "float64", events=EventFormat(time_unit="us"))


@pytest.mark.skipif(find_spec("aedat") is None, reason="aedat is not installed")
def test_aedat4_is_an_input(tmp_path):
    events = {"t": [0, 2500, 2600], "x": [0, 4, 4], "y": [0, 3, 3], "on": [0, 1, 1]}
    path = write_aedat(tmp_path / "x.aedat4", (4, 5), events)
    dense = read(camera(tmp_path / "x.h5"), CAMERA)
    assert np.array_equal(read(path, CAMERA), dense)
    assert read(f"aedat:{path},merge=any,unit=ms", CAMERA).shape[0] == 2601
