"""Files as inputs: what is refused, in which words; times and their steps."""

from __future__ import annotations

import contextlib
import io
import zipfile
from pathlib import Path
from typing import Any

import nir
import numpy as np
import pytest

import nirx
from nirx.errors import FileError, InputError, NirxWarning
from nirx.graphs.schedule import Schedule, schedule
from nirx.inputs import source_for
from nirx.inputs.binning import Clock


def plan(*shape: int, dt: float = 1e-3) -> Schedule:
    nodes = {
        "in": nir.Input({"input": np.array(shape)}),
        "out": nir.Output({"output": np.array(shape)}),
    }
    graph = nir.NIRGraph(nodes, [("in", "out")], type_check=False)
    return schedule(graph, nirx.Discretization(dt=dt))


THREE = plan(3)


def read(data: Any, on: Schedule = THREE, **options: Any) -> np.ndarray:
    source = source_for(on, data, "float64", **options)
    return source.read(0, source.steps)["in"]


def text(tmp_path: Path, content: str | bytes, name: str = "x.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


# -- what is no data ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        ("no.npz", FileError, "no.npz: no such file"),
        (Path("no.npy"), FileError, "no such file"),
        (Path("."), FileError, "unknown format"),
        (Path("x.nir"), FileError, "a NIR graph is no data"),
        ("x.mat", InputError, "neither a file nor a generator"),
        ("npz:", InputError, "expected npz:FILE"),
        ("npz:x.npz,unit=1", InputError, "no option 'unit'; it takes none"),
        (3.5, InputError, "the input is a float; expected arrays, a path"),
        (None, InputError, "NoneType"),
        ({"inn": np.zeros((2, 3))}, InputError, "did you mean 'in'"),
        ({}, InputError, "nothing given for Input 'in'"),
        (np.zeros((2, 4)), InputError, r"shape \(2, 4\); expected"),
        (np.zeros(3), InputError, "time first"),
        (np.zeros((2, 3), complex), InputError, "expected real numbers"),
        ([["a", "b", "c"]], InputError, "expected real numbers"),
        (np.zeros((2, 3), object), InputError, "expected real numbers"),
    ],
)
def test_refused(data, error, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=message):
        read(data)


def test_steps_and_batch_of_an_array():
    with pytest.raises(InputError, match="has 4 steps, but steps=5"):
        read(np.zeros((4, 3)), steps=5)
    with pytest.raises(InputError, match=r"has a batch of 2, but batch=\(3,\)"):
        read(np.zeros((4, 2, 3)), batch=3)
    assert read(np.zeros((4, 6, 3)), batch=(2, 3)).shape == (4, 2, 3, 3)
    assert read(np.zeros((0, 3))).shape == (0, 1, 3)


def test_the_array_is_copied():
    xs = np.zeros((4, 3))
    source = source_for(THREE, xs, "float64")
    xs[:] = 1
    assert not source.read(0, 4)["in"].any()


# -- npy and npz --------------------------------------------------------------------------


def npy(array: np.ndarray, **options: Any) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array(stream, array, **options)
    return stream.getvalue()


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\3\4 broken", b"\x93NUMPY\1\0v\0{'des"])
@pytest.mark.parametrize("suffix", ["npy", "npz"])
def test_no_numpy_file(tmp_path, content, suffix):
    with pytest.raises(FileError, match="NumPy file"):
        read(text(tmp_path, content, f"x.{suffix}"))


def test_pickles_are_never_loaded(tmp_path):
    pickled = np.array([[{}] * 3], object)
    np.save(tmp_path / "x.npy", pickled)
    np.savez(tmp_path / "x.npz", pickled)
    for name in ("x.npy", "x.npz"):
        with pytest.raises(FileError, match="pickle"):
            read(tmp_path / name)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA])
def test_an_array_that_is_cut_short(tmp_path, method):
    with zipfile.ZipFile(tmp_path / "x.npz", "w", method) as archive:
        archive.writestr("in.npy", npy(np.ones((100, 3)))[:-9])
    with pytest.raises(FileError, match="claims 2400 bytes, but 2391 are there"):
        read(tmp_path / "x.npz")
    text(tmp_path, npy(np.ones((100, 3)))[:-9], "x.npy")
    with pytest.raises(FileError, match="damaged"):
        read(tmp_path / "x.npy")


def test_a_huge_claim_is_refused_before_memory_is_asked_for(tmp_path):
    claim = npy(np.ones((1, 3))).replace(b"(1, 3), }" + b" " * 14, b"(1" + b"0" * 14 + b", 3), }")
    assert len(claim) == len(npy(np.ones((1, 3))))
    text(tmp_path, claim, "x.npy")
    with zipfile.ZipFile(tmp_path / "x.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("in.npy", claim)
    for name in ("x.npy", "x.npz"):
        with pytest.raises(FileError, match=r"claims|damaged"):
            read(tmp_path / name)


def test_damaged_compressed_data(tmp_path):
    np.savez_compressed(tmp_path / "x.npz", np.random.default_rng(0).random((5000, 3)))
    data = bytearray((tmp_path / "x.npz").read_bytes())
    data[40_000:40_064] = bytes(64)
    with pytest.raises(FileError, match="damaged"):
        read(text(tmp_path, bytes(data), "y.npz"))


@pytest.mark.parametrize("form", ["npy", "stored", "compressed"])
def test_flipped_bytes_never_break_out(tmp_path, form):
    xs = np.random.default_rng(0).random((40, 3)).astype(np.float32)
    good = tmp_path / ("x.npy" if form == "npy" else "x.npz")
    if form == "npy":
        np.save(good, xs)
    else:
        (np.savez if form == "stored" else np.savez_compressed)(good, xs)
    data = good.read_bytes()
    generator = np.random.default_rng(1)
    for _ in range(200):
        bad = bytearray(data)
        for place in generator.integers(0, len(bad), 3):
            bad[place] = generator.integers(256)
        good.write_bytes(bad)
        with contextlib.suppress(FileError, InputError):
            read(good)


def test_names_in_an_npz(tmp_path):
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


# -- csv ----------------------------------------------------------------------------------


def test_a_table_without_header(tmp_path):
    found = read(text(tmp_path, "\ufeff1, 2,3\r\n\r\n4,5e1,-6\r\n"))
    assert found.tolist() == [[[1, 2, 3]], [[4, 50, -6]]]


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        ("", FileError, "no rows"),
        ("1,2\n", InputError, "line 1: 2 columns; expected 3"),
        ("1,2,3\n1,2\n", InputError, "line 2: 2 columns; expected 3, one per feature"),
        ("1,2,3\n1,x,3\n", InputError, "line 2: value is 'x'; expected a finite number"),
        ("O.5,1,1\n1,0,0\n", InputError, "line 1: column 1 is 'O.5', which is no number, but c"),
        ("0x1,2,3\n", InputError, "column 2 is '2'; expected numbers alone, or a header in which"),
        ("1,,3\n1,0,0\n", InputError, "line 1: column 2 is '', which is no number"),
        ("1_0,2,3\n", InputError, "line 1: value is '1_0'; expected a number in the digits 0 to"),
        ("1,2,3\n1,2,\u0663\n", InputError, "line 2: value is '\u0663'; expected a number in the"),
        ("step,index\n1_0,0\n", InputError, "line 2: step is '1_0'; expected a number in the dig"),
        ("step,index\n1,\u0661\n", InputError, "line 2: index is '\u0661'; expected a number"),
        ("step,index,value\n1,1,1_0\n", InputError, "line 2: value is '1_0'"),
        ("t,x,sample\n1,1,0_0\n", InputError, "line 2: sample is '0_0'"),
        ("a,b,c\n1,nan,3\n", InputError, "line 2: value is 'nan'"),
        ("step,a,b,c\n1,2,3,4\n", InputError, "line 1: a header of 4 columns; expected 3"),
        (b"\xff\xfe", FileError, "not a text in UTF-8"),
        ('1,2,"3\n', FileError, "not a CSV file"),
        ("step,index,valeu\n", FileError, "line 1: unknown column 'valeu'; did you mean 'value'"),
        ("step,step,index\n", FileError, "line 1: two columns 'step'"),
        ("step,t,index\n", FileError, "'step' and 't'; expected one"),
        ("step,index,y\n", FileError, "y and p go with x"),
        ("step,index\n1\n", FileError, "line 2: expected 2 fields"),
        ("step,index\n1,3\n", InputError, "line 2: index is '3'; expected 0..2"),
        ("step,index\n1,0\n-1,2\n", InputError, "line 3: time -1 is before the start"),
        ("step,index\n1,0\n1.5,2\n", InputError, "line 3: expected a whole number of steps"),
        ("step,index\nx,0\n", InputError, "line 2: step is 'x'"),
        ("step,index,value\n0,0,inf\n", InputError, "line 2: value is 'inf'"),
        ("step,index,sample\n0,0,-2\n", InputError, "line 2: sample is '-2'"),
        ("t,index\n0,0\n1e300,1\n", InputError, "line 3: time 1e.300 is in step"),
        ("t,x\n0,0\n0,5\n", InputError, "line 3: x goes from 5 to 5, but the Input has 3"),
        ("t,x\n0,0.5\n", InputError, "line 2: x is 0.5; expected whole numbers"),
    ],
)
def test_csv_refused(tmp_path, content, error, message):
    with pytest.raises(error, match=message):
        read(text(tmp_path, content))


def test_csv_events(tmp_path):
    path = text(tmp_path, "Step,Index,Value,Sample\n3,2,,1\n0,1,0.5,0\n0,1,0.25,0\n")
    found = read(path)
    assert found.shape == (4, 2, 3)
    assert {tuple(p): found[tuple(p)] for p in np.argwhere(found)} == {
        (3, 1, 2): 1,
        (0, 0, 1): 0.75,
    }
    assert read(f"csv:{path},merge=any").max() == 1
    assert read(path, steps=9).shape == (9, 2, 3)
    with pytest.warns(NirxWarning, match="events after step 1 are left out"):
        assert read(path, steps=2).sum() == 0.75
    with pytest.raises(InputError, match="unit= goes with times"):
        read(f"csv:{path},unit=us")
    with pytest.raises(InputError, match="unit= goes with events"):
        read(f"csv:{text(tmp_path, '1,2,3', 'y.csv')},unit=us")


def test_csv_events_in_time_of_pixels(tmp_path):
    path = text(tmp_path, "t,x,y,p\n1999,2,1,1\n2000,0,0,-1\n2001,0,0,0\n")
    found = read(path, plan(2, 2, 3))
    assert found.shape == (3, 1, 2, 2, 3)
    assert found[1, 0, 1, 1, 2] == 1
    assert found[2, 0, 0, 0, 0] == 2
    assert found.sum() == 3
    assert read(f"csv:{path},unit=ms,start=1999", plan(2, 2, 3)).shape[0] == 3


# -- times --------------------------------------------------------------------------------


@pytest.mark.parametrize("dt", [1e-3, 1e-4, 3e-4, 0.1, 1 / 3])
def test_whole_ticks_are_binned_exactly(dt):
    from fractions import Fraction

    ticks = np.arange(0, 200_000, 7)
    found = Clock(1e-6, dt).steps(ticks, "x")
    ratio = Fraction("1e-6") / Fraction(repr(dt))
    wanted = [int(int(t) * ratio) for t in ticks]
    assert found.tolist() == wanted


def test_times_k_dt_belong_to_step_k():
    for dt in (1e-4, 1e-3, 0.1, 0.3):
        steps = np.arange(20_000)
        clock = Clock(1.0, dt)
        assert np.array_equal(clock.steps(steps * dt, "x"), steps)
        assert np.array_equal(clock.steps((steps + 0.5) * dt, "x"), steps)
        late = np.count_nonzero(np.floor(steps * dt / dt) != steps)
        assert clock.moved == late


def test_a_moved_time_is_told():
    clock = Clock(1.0, 1e-3)
    assert clock.steps(np.array([0.002 - 1e-10]), "x").tolist() == [2]
    with pytest.warns(NirxWarning, match="1 events lie within 1e-06 steps before the beginning"):
        clock.warn("x")


def test_all_events_in_the_first_step_are_told(tmp_path):
    with pytest.warns(NirxWarning, match="all events fall into step 0; is the unit"):
        read(text(tmp_path, "t,index\n0.1,0\n0.9,1\n"))
