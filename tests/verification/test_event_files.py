"""Events in HDF5, a group per layer, and in AEDAT4, as recordings."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import h5py
import numpy as np
import pytest

import nirx
from nirx import EventFormat
from support.aedat import write_aedat
from support.bench import Bench
from support.chips import LAYERS, spikes

needs_aedat = pytest.mark.skipif(find_spec("aedat") is None, reason="aedat is not installed")


def write_groups(path: Path, chip: Bench, names: tuple[str, str] = ("t", "x")) -> Path:
    """One group per layer with times in us, half a step late, and neurons."""
    with h5py.File(path, "w") as file:
        for key in LAYERS:
            steps, neurons = np.array(spikes(chip, key)).T
            group = file.create_group(key)
            group.create_dataset(names[0], data=steps * 1000 + 500, compression="gzip")
            group[names[1]] = neurons.astype(np.uint16)
    return path


# -- HDF5 ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "names", [("t", "x"), ("times", "indices"), ("timestamps", "addr"), ("t_us", "neuron")]
)
def test_a_group_per_layer(chip, tmp_path, names):
    path = write_groups(tmp_path / "x.h5", chip, names)
    found = chip.verify(path)
    assert (found.verdict, [n.key for n in found.nodes]) == ("exact", list(LAYERS))
    assert found.events is not None
    assert (found.events.rounded, found.events.largest) == (found.events.events, 0.5)
    assert "event 0" in found.events.farthest
    with h5py.File(path, "a") as file:
        del file[f"lif/{names[0]}"]
        steps = np.array(spikes(chip, "lif")).T[0]
        steps[3] += 20
        file[f"lif/{names[0]}"] = steps * 1000
    found = chip.verify(path)
    assert (found["lif"].missing, found["lif"].extra) == (1, 1)


def test_other_names_are_stated(chip, tmp_path):
    path = write_groups(tmp_path / "x.h5", chip, ("when", "who"))
    with pytest.raises(nirx.InputError, match="nothing to compare"):
        chip.verify(path)
    form = EventFormat(columns={"time": "when", "neuron": "who"}, time_unit="us")
    assert chip.verify(path, events=form).verdict == "exact"
    form = EventFormat(columns={"time": "wenn", "neuron": "who"})
    with pytest.raises(nirx.InputError, match="no lists of events"):
        chip.verify(path, events=form)


@pytest.mark.slow
def test_records_and_groups_beside_arrays(chip, tmp_path):
    """Dense states beside events, a compound dataset for a layer, and one at the root."""
    kind = np.dtype([("t", "<u8"), ("idx", "<u2")])
    path = tmp_path / "x.h5"
    with h5py.File(path, "w") as file:
        for key, place in (("lif", "lif"), ("sub/lif", "sub/lif/events")):
            steps, neurons = np.array(spikes(chip, key)).T
            records = np.zeros(len(steps), kind)
            records["t"], records["idx"] = steps * 1000, neurons
            file[place] = records
        file["lif.v"] = chip.recorded["lif.v"]
    found = chip.verify(path)
    assert (found.verdict, {n.key for n in found.nodes}) == ("exact", {*LAYERS, "lif.v"})
    diagnosed = nirx.diagnose(chip.graph, chip.xs, path, dt=1e-3, choices={"threshold": ["gt"]})
    assert diagnosed.explained
    assert diagnosed["lif"].recorded == ("lif", "lif.v")
    assert diagnosed.events == found.events
    with h5py.File(tmp_path / "root.h5", "w") as file:
        steps, neurons = np.array(spikes(chip, "lif")).T
        file["t_ms"], file["idx"] = steps + 0.5, neurons
    with pytest.raises(nirx.InputError, match="name no layer"):
        chip.verify(tmp_path / "root.h5")
    assert chip.verify(tmp_path / "root.h5", events=EventFormat(node="lif")).verdict == "exact"


def test_a_silent_layer_is_an_empty_group(chip, tmp_path):
    path = write_groups(tmp_path / "x.h5", chip)
    with h5py.File(path, "a") as file:
        for name in ("t", "x"):
            del file[f"lif/{name}"]
            file[f"lif/{name}"] = np.zeros(0, np.int64)
    found = chip.verify(path)
    assert found["lif"].missing == found["lif"].expected > 0
    assert found["sub/lif"].verdict == "exact"


def test_pixels_in_groups(camera, tmp_path):
    step, p, y, x = np.array(spikes(camera, "lif")).T
    path = tmp_path / "x.h5"
    with h5py.File(path, "w") as file:
        for name, values in (("t", step * 1000), ("x", x), ("y", y), ("p", p)):
            file[f"lif/{name}"] = values
    assert camera.verify(path).verdict == "exact"
    with h5py.File(path, "a") as file:
        y[7] = 3
        del file["lif/y"]
        file["lif/y"] = y
    with pytest.raises(nirx.InputError, match=r"/lif, event 7: y is 3, but 'lif' has 3 there"):
        camera.verify(path)
    index = np.array(spikes(camera, "lif"))[:, 1:]
    with h5py.File(path, "w") as file:
        file["lif/t"], file["lif/idx"] = step * 1000, index
    assert camera.verify(path).verdict == "exact", "an index with three axes"


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"idx": [0, 4]}, r"/lif, event 1: neuron 4 is not in 'lif'; expected 0\.\.3"),
        ({"idx": [0, -1]}, r"/lif, event 1: neuron -1 is not in 'lif'"),
        ({"idx": [0, 0.5]}, r"/lif, event 1: neuron is 0\.5; expected whole numbers"),
        ({"t": [0, 60_000]}, r"event 1: time 60000 \(us\) is in step 60; expected 0\.\.59"),
        ({"t": [-1, 5]}, "event 0: time -1 is before the start"),
        ({"t": [0, np.nan]}, "event 1: time nan"),
        ({"t": [0]}, r"idx has shape \(2,\), t has \(1,\)"),
        ({"t": [1500, 1700], "idx": [2, 2]}, "event 1: neuron 2 of 'lif' has a second event in st"),
    ],
)
def test_events_that_do_not_fit_are_named(chip, tmp_path, columns, message):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        for name, values in {"t": [100, 2000], "idx": [0, 1], **columns}.items():
            file[f"lif/{name}"] = values
    with pytest.raises((nirx.InputError, nirx.FileError), match=message):
        chip.verify(tmp_path / "x.h5")


def test_groups_of_no_node_are_named(chip, tmp_path):
    path = write_groups(tmp_path / "x.h5", chip)
    with h5py.File(path, "a") as file:
        file["imu/t"], file["imu/x"] = [0, 1], [0.5, 0.25]
    with pytest.warns(nirx.NirxWarning, match="'imu/t', 'imu/x' is not in the reference"):
        assert chip.verify(path).verdict == "exact"
    with pytest.raises(nirx.InputError, match="nothing is called 'imu/t'"):
        nirx.diagnose(chip.graph, chip.xs, path, dt=1e-3)
    with pytest.warns(nirx.NirxWarning, match="'imu' is not in the reference"):
        assert chip.verify(path, events=EventFormat(time_unit="us")).verdict == "exact"


# -- AEDAT4 --------------------------------------------------------------------------------


def write_camera(path: Path, camera: Bench, streams: int = 1) -> Path:
    step, p, y, x = np.array(spikes(camera, "lif")).T
    columns = {"t": step * 1000 + 1_600_000_000_000_400, "x": x, "y": y, "on": p}
    return write_aedat(path, (3, 4), columns, streams)


@needs_aedat
def test_aedat4(camera, tmp_path):
    path = write_camera(tmp_path / "x.aedat4", camera)
    form = EventFormat(offset=1_600_000_000_000_000)
    found = camera.verify(path, events=form)
    assert found.verdict == "exact"
    assert found.events is not None
    assert found.events.largest == pytest.approx(0.4)
    with pytest.raises(nirx.InputError, match="is the unit right, and does the clock begin at 0"):
        camera.verify(path)
    with pytest.raises(nirx.InputError, match="AEDAT4 has its own names of columns"):
        camera.verify(path, events=EventFormat(columns={"time": "t"}))
    flat = {(x, y, p): (p * 3 + y) * 4 + x for p, y, x in np.ndindex(2, 3, 4)}
    form = EventFormat(offset=1_600_000_000_000_000, addresses=flat)
    assert camera.verify(path, events=form).verdict == "exact"


@needs_aedat
@pytest.mark.slow  # each file is decoded by a process of its own
def test_bad_aedat4_files_are_refused(camera, tmp_path):
    path = write_camera(tmp_path / "two.aedat4", camera, 2)
    with pytest.raises(nirx.FileError, match=r"2 streams of events, \[0, 1\]; expected one"):
        camera.verify(path)
    content = write_camera(tmp_path / "x.aedat4", camera).read_bytes()
    header = content.index(b"EVTS")
    # A text that is not UTF-8 ends the process that reads it, without an exception.
    for number, bad in enumerate([b"", content[:40], content[:-7], b"no" + content[2:],
                                  content[:header] + b"\xff\xfe" + content[header + 2:],
                                  content[:14] + b"\xff\xff\xff\x7f" + content[18:]]):  # fmt: skip
        file = tmp_path / f"{number}.aedat4"
        file.write_bytes(bad)
        with pytest.raises(nirx.FileError, match="not a readable AEDAT4 file"):
            camera.verify(file)


def test_without_the_package_the_error_says_how_to_install_it(camera, tmp_path, monkeypatch):
    monkeypatch.setattr("nirx.inputs.aedat.find_spec", lambda name: None)
    path = write_aedat(tmp_path / "x.aedat4", (3, 4), {"t": [0], "x": [0], "y": [0], "on": [1]})
    with pytest.raises(nirx.UnsupportedError, match=r'pip install "nirx\[aedat\]"'):
        camera.verify(path)
