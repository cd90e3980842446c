"""`nirx run` in pieces of time: any kind of input, any length, one piece in memory."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc
import zipfile
from pathlib import Path

import h5py
import nir
import numpy as np
import pytest

import nirx
from nirx.cli import main
from nirx.errors import InputError
from nirx.files.archive import save_arrays
from nirx.files.growing_file import growing_file
from nirx.inputs.protocol import wanted_of
from nirx.inputs.random_spikes import RandomSource
from support.graphs import lif, line, make_graph

D = nirx.Discretization(dt=1.0)
STEPS, WIDE = 20_000, 500


def graph(size: int = 2) -> nir.NIRGraph:
    return make_graph(line("input", "lif", "output"), size, lif=lif(size, v_threshold=0.3))


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    nirx.write("g.nir", graph(), D)
    return "g.nir"


def stored(path: str) -> dict[str, np.ndarray]:
    if path.endswith(".npz"):
        with np.load(path) as found:
            return dict(found)
    with h5py.File(path) as found:
        return {str(name): np.asarray(found[name]) for name in found}


@pytest.mark.parametrize("suffix", ["npz", "h5"])
@pytest.mark.parametrize("chunk", [3, 100])
def test_the_file_holds_the_run(file, suffix, chunk):
    xs = np.random.default_rng(0).random((20, 3, 2)).astype(np.float32)
    np.save("x.npy", xs)
    args = ["run", file, "--input", "x.npy", "--chunk", str(chunk), "--record", "lif.v"]
    assert main([*args, "--out", f"y.{suffix}"]) == 0
    ys, _, recorded = nirx.from_nir(file, "numpy").run(xs, record=["lif.v"])
    found = stored(f"y.{suffix}")
    assert set(found) == {"output", "lif.v"}
    assert np.array_equal(found["output"], ys)
    assert np.array_equal(found["lif.v"], recorded["lif.v"])


def test_a_growing_archive_is_the_one_that_is_saved_at_once(tmp_path):
    arrays = {
        "a": np.arange(30, dtype="f4").reshape(10, 3),
        "b/\0": np.arange(10, dtype=">f8"),
        "none": np.zeros((10, 0, 2)),
        "flag": np.arange(10).reshape(10, 1, 1) > 4,
    }
    save_arrays(tmp_path / "whole.npz", arrays)
    with growing_file(tmp_path / "grown.npz", 10) as append:
        for start in (0, 4, 8):
            append({name: array[start : start + 4] for name, array in arrays.items()})
    one, other = (zipfile.ZipFile(tmp_path / f"{name}.npz") for name in ("whole", "grown"))
    assert one.namelist() == other.namelist()
    assert [one.read(name) for name in one.namelist()] == [
        other.read(name) for name in one.namelist()
    ]
    assert all(i.compress_type == zipfile.ZIP_STORED for i in other.infolist())


@pytest.mark.parametrize("suffix", ["npz", "h5"])
def test_a_run_that_fails_leaves_the_old_file(tmp_path, suffix):
    target = tmp_path / f"y.{suffix}"
    target.write_text("old")

    def run() -> None:
        with growing_file(target, 2) as append:
            append({"a": np.ones((1, 2))})
            raise InputError("in the middle")

    with pytest.raises(InputError, match="in the middle"):
        run()
    assert target.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == [target.name]


@pytest.mark.parametrize("name", ["a\0", "", ".", "/a", "a//b", "\ud800"])
def test_a_name_that_hdf5_cannot_store_is_refused(tmp_path, name):
    with (
        pytest.raises(InputError, match="call the file"),
        growing_file(tmp_path / "y.h5", 1) as append,
    ):
        append({name: np.ones((1, 2))})
    assert not list(tmp_path.iterdir())


def write_events() -> str:
    Path("e.csv").write_text("step,index\n0,0\n3,1\n7,0\n")
    return "e.csv"


def write_hdf5() -> str:
    with h5py.File("e.h5", "w") as stream:
        stream["t"], stream["x"] = [0.0, 3.0, 7.0], [0, 1, 0]
    return "events:e.h5,unit=1"


def write_nirdata() -> str:
    data = nir.TimeGriddedData(np.ones((1, 8, 2), bool), dt=1.0)
    node = nir.NIRNodeData({"input": data})
    nir.serialization.write_data("d.h5", nir.NIRGraphData({"input": node}))
    return "d.h5"


def write_without_suffix() -> str:
    with open("bare", "wb") as stream:
        np.save(stream, np.ones((8, 1, 2)))
    return "bare"


@pytest.mark.parametrize(
    "write", [write_events, write_hdf5, write_nirdata, write_without_suffix, lambda: "regular"]
)
def test_every_kind_of_input_drives_a_run(file, write):
    data = write()
    assert main(["run", file, "--input", data, "--steps", "8", "--out", "y.npz"]) == 0
    assert main(["reference", file, "--input", data, "--steps", "8", "--out", "ref.h5"]) == 0
    assert main(["verify", "ref.h5", "y.npz"]) == 0
    assert stored("y.npz")["output"].shape == (8, 1, 2)


@pytest.mark.parametrize("shape", [(6, 2), (6, 0, 2), (6, 2, 3, 2), (0, 1, 2)])
def test_arrays_keep_their_batch(file, shape):
    np.save("x.npy", np.ones(shape, np.float32))
    assert main(["run", file, "--input", "x.npy", "--out", "y.npz"]) == 0
    assert stored("y.npz")["output"].shape == shape


def test_steps_cut_the_data_and_more_than_it_has_are_refused(file, capsys):
    np.save("x.npy", np.ones((6, 1, 2)))
    assert main(["run", file, "--input", "x.npy", "--steps", "4", "--out", "y.npz"]) == 0
    assert stored("y.npz")["output"].shape == (4, 1, 2)
    assert main(["run", file, "--input", "x.npy", "--steps", "7"]) == 2
    assert "has 6 steps, but steps=7" in capsys.readouterr().err


@pytest.mark.parametrize("cut", [1, 4, 11])
def test_random_spikes_are_those_of_one_draw(cut):
    ins = {name: nir.Input({"input": np.array([2])}) for name in "ba"}
    edges = [("a", "lif"), ("b", "lif"), ("lif", "output")]
    schedule = nirx.schedule(make_graph(edges, input=None, lif=lif(), **ins), D)
    source = RandomSource(wanted_of(schedule, "float32", 11, (3,)), 0.4, 7)
    draws = np.random.default_rng(7)
    for name in "ab":
        expected = draws.random((11, 3, 2)) < 0.4
        pieces = [source.read(a, min(a + cut, 11))[name] for a in range(0, 11, cut)]
        assert np.array_equal(np.concatenate(pieces), expected)


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["npz", "h5"])
def test_a_long_run_is_not_held_in_memory(tmp_path, monkeypatch, suffix):
    monkeypatch.chdir(tmp_path)
    nirx.write("g.nir", graph(WIDE), D)
    peaks = []
    for steps in (1_000, STEPS):
        tracemalloc.start()
        args = ["--random", "0", "--steps", str(steps), "--out", f"y.{suffix}"]
        assert main(["run", "g.nir", *args]) == 0
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + STEPS * WIDE * 4 / 10  # a tenth of the outputs


@pytest.mark.exhaustive
@pytest.mark.skipif(sys.platform != "linux", reason="other systems count mapped files differently")
def test_a_mapped_input_does_not_stay_in_memory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    nirx.write("g.nir", make_graph(line("input", "scale", "output"), WIDE,
        scale=nir.Scale(np.ones(WIDE))), D)  # fmt: skip
    code = (
        "import sys; from nirx.cli import main; assert main(sys.argv[1:]) == 0; "
        "print(*[line.split()[1] for line in open('/proc/self/status') if 'VmHWM' in line])"
    )
    peaks = []
    for steps in (1_000, 3 * STEPS):
        xs = np.lib.format.open_memmap("x.npy", "w+", np.float32, (steps, 1, WIDE))
        xs[:] = 1
        xs.flush()
        args = [sys.executable, "-c", code, "run", "g.nir", "--input", "x.npy"]
        done = subprocess.run(args, capture_output=True, text=True, check=True, timeout=120)
        peaks.append(int(done.stdout.split()[-1]) * 1024)
    assert peaks[1] < peaks[0] + 3 * STEPS * WIDE * 4 / 4  # a quarter of the input
