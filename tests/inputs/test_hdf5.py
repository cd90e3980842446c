"""NIRData and event lists in HDF5: shapes, units, nir's own files, and files nobody vouches for."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import h5py
import nir
import numpy as np
import pytest

import nirx
from nirx.errors import FileError, InputError, NirxWarning
from nirx.graphs.schedule import Schedule, schedule
from nirx.inputs import source_for

pytestmark = pytest.mark.slow


def plan(*shape: int, dt: float = 1e-3, name: str = "in") -> Schedule:
    nodes = {
        name: nir.Input({"input": np.array(shape)}),
        "out": nir.Output({"output": np.array(shape)}),
    }
    graph = nir.NIRGraph(nodes, [(name, "out")], type_check=False)
    return schedule(graph, nirx.Discretization(dt=dt))


THREE, CAMERA = plan(3), plan(2, 4, 5)


def read(data: Any, on: Schedule = THREE, **options: Any) -> np.ndarray:
    source = source_for(on, data, "float64", **options)
    return next(iter(source.read(0, source.steps).values()))


def nirdata(path: Path, observables: dict[str, Any], name: str = "in") -> Path:
    nodes: Any = {name: nir.NIRNodeData(observables)}
    nir.serialization.write_data(path, nir.NIRGraphData(nodes))
    return path


def gridded(dt: float = 1e-3, neurons: int = 3) -> Any:
    return nir.TimeGriddedData(np.ones((2, 4, neurons)), dt)


# -- NIRData ------------------------------------------------------------------------------


@pytest.mark.parametrize("dt", [1e-4, 1e-3, 0.1, 0.5])
def test_what_nir_writes_at_k_dt_comes_back_whole(tmp_path, dt):
    spikes = np.random.default_rng(0).random((2, 200, 3)) < 0.3
    events = nir.TimeGriddedData(spikes, dt).to_event(int(spikes.sum()))
    path = nirdata(tmp_path / "x.h5", {"spikes": events})
    late = events.time[np.isfinite(events.time)]
    if (np.floor(late / dt) == np.rint(late / dt)).all():
        found = read(path, plan(3, dt=dt))
    else:  # nir's own to_time_gridded puts those one step too early
        with pytest.warns(NirxWarning, match="plain floor"):
            found = read(path, plan(3, dt=dt))
    assert np.array_equal(found, spikes.swapaxes(0, 1))


def test_observables(tmp_path):
    path = nirdata(tmp_path / "x.h5", {"input": gridded(), "other": gridded(neurons=7)})
    assert read(path).shape == (4, 2, 3)
    assert read(f"nirdata:{path},observable=input").shape == (4, 2, 3)
    with pytest.raises(InputError, match=r"has 7 neurons, but Input 'in' has 3"):
        read(f"nirdata:{path},observable=other")
    with pytest.raises(InputError, match="no observable 'otter'; did you mean 'other'"):
        read(f"nirdata:{path},observable=otter")
    two = nirdata(tmp_path / "y.h5", {"a": gridded(), "b": gridded()})
    with pytest.raises(InputError, match="no observable 'input'"):
        read(two)


def test_node_and_dt(tmp_path):
    path = nirdata(tmp_path / "x.h5", {"input": gridded()}, name="inn")
    with pytest.raises(InputError, match="no node 'in', the Input; did you mean 'inn'"):
        read(path)
    path = nirdata(tmp_path / "y.h5", {"input": gridded(dt=1e-4)})
    with pytest.raises(InputError, match=r"dt=0.0001, but the run has dt=0.001"):
        read(path)


@pytest.mark.parametrize(
    ("idx", "time", "message"),
    [
        ([[0, 3]], [[0, 1e-3]], "event of neuron 3; expected 0..2"),
        ([[0, -2]], [[0, 1e-3]], "event of neuron -2"),
        ([[0, 1.7]], [[0, 1e-3]], r"event of neuron 1\.7; expected whole numbers"),
        ([[0, np.nan]], [[0, 1e-3]], "event of neuron nan"),
        ([[0, 1]], [[0, -1e-3]], "before the start"),
        ([[0, 1]], [[0, np.nan]], "before the start|is the unit right"),
        ([[0, 1]], [[0, np.inf]], "is in step inf"),
        ([[0, 1]], [[0, 0.5]], "event in step 500, but t_max ends after 10 steps"),
    ],
)
def test_events_that_cannot_be(tmp_path, idx, time, message):
    events = nir.EventData(np.array(idx), np.array(time), 3, 0.01)
    with pytest.raises(InputError, match=message):
        read(nirdata(tmp_path / "x.h5", {"input": events}))


def test_a_reference_of_nirx_is_an_input(tmp_path):
    from nirx.files.names import encode_name

    name = "a/b"
    nirdata(tmp_path / "x.h5", {"input": gridded()}, name=encode_name(name))
    with h5py.File(tmp_path / "x.h5", "a") as file:
        file.attrs["nirx_names"] = "percent-encoded"
    assert read(tmp_path / "x.h5", plan(3, name=name)).shape == (4, 2, 3)


# -- event lists --------------------------------------------------------------------------


def camera(path: Path, **columns: Any) -> Path:
    own = {"x": [0, 4, 4], "y": [0, 3, 3], "p": [0, 1, 1], "t": [0, 2500, 2600], **columns}
    with h5py.File(path, "w") as file:
        for name, values in own.items():
            if values is not None:
                file[name] = values
    return path


def test_one_recording_at_the_root(tmp_path):
    found = read(camera(tmp_path / "x.h5"), CAMERA)
    assert found.shape == (3, 1, 2, 4, 5)
    assert (found[0, 0, 0, 0, 0], found[2, 0, 1, 3, 4], found.sum()) == (1, 2, 3)


@pytest.mark.parametrize(
    ("options", "shape", "total"),
    [
        ("merge=any", (3, 1, 2, 4, 5), 2),
        ("unit=ms", (2601, 1, 2, 4, 5), 3),
        ("unit=1e-5", (27, 1, 2, 4, 5), 3),
        ("polarity=ignore", (3, 1, 2, 4, 5), 3),
        ("start=first", (3, 1, 2, 4, 5), 3),
    ],
)
def test_options(tmp_path, options, shape, total):
    found = read(f"events:{camera(tmp_path / 'x.h5')},{options}", CAMERA)
    assert found.shape == shape
    assert found.sum() == total


def test_a_clock_that_began_long_ago(tmp_path):
    path = camera(tmp_path / "x.h5", t=np.array([0, 2500, 2600]) + 1_700_000_000_000_000)
    with pytest.raises(InputError, match="start=first"):
        read(path, CAMERA)
    assert read(f"events:{path},start=first", CAMERA).shape[0] == 3


def test_flat_inputs(tmp_path):
    path = camera(tmp_path / "x.h5")
    with pytest.raises(InputError, match="options height= and width="):
        read(path, plan(40))
    found = read(f"events:{path},height=4,width=5", plan(40))
    assert np.array_equal(found.reshape(3, 1, 2, 4, 5), read(path, CAMERA))
    with pytest.raises(InputError, match="no whole number of frames"):
        read(f"events:{path},height=4,width=6", plan(40))
    audio = camera(tmp_path / "y.h5", y=None, p=None)
    assert read(audio, plan(5)).sum() == 3
    with pytest.raises(InputError, match=r"into an Input of shape \[p, y, x\]"):
        read(path, plan(1, 2, 4, 5))


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"x": [0, 5, 4]}, r"x goes from 0 to 5, .* height 4, width 6, .* \[2, 4, 5\]"),
        ({"y": [0, 4, 3]}, "y goes from 0 to 4"),
        ({"p": [0, 2, 1]}, "p goes from 0 to 2.*polarity=ignore"),
        ({"x": [0, -1, 4]}, "x goes from -1 to 4"),
        ({"x": [0, 0.5, 4]}, "x is 0.5; expected whole numbers"),
        ({"t": [0, -5, 4]}, "time -5 is before the start"),
        ({"t": [0.0, np.nan, 4]}, "time nan"),
    ],
)
def test_events_off_the_sensor(tmp_path, columns, message):
    with pytest.raises(InputError, match=message):
        read(camera(tmp_path / "x.h5", **columns), CAMERA)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"t": None}, "has no 't'"),
        ({"x": None}, "has no 'x'"),
        ({"x": [1]}, r"x has shape \(1,\), t has \(3,\)"),
        ({"x": [[1, 2, 3]], "t": [[1, 2, 3]]}, "expected one axis"),
        ({"x": ["a", "b", "c"]}, "expected numbers"),
        ({"x": None, "y": None, "p": None, "t": None}, "no event list"),
    ],
)
def test_no_event_list(tmp_path, columns, message):
    with pytest.raises(FileError, match=message):
        read(camera(tmp_path / "x.h5", **columns), CAMERA)


def test_groups_are_samples_in_order(tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        for name in ("10", "9", "0"):
            group = file.create_group(name)
            group["t"], group["x"] = [500], [{"0": 0, "9": 1, "10": 2}[name]]
        file["labels"] = [1, 2]
    assert np.array_equal(read(tmp_path / "x.h5")[0], np.eye(3))


def test_two_inputs_need_names(tmp_path):
    nodes = {n: nir.Input({"input": np.array([3])}) for n in "ab"}
    graph = nir.NIRGraph(
        {**nodes, "out": nir.Output({"output": np.array([3])})},
        [("a", "out"), ("b", "out")],
        type_check=False,
    )
    on = schedule(graph, nirx.Discretization(dt=1e-3))
    with pytest.raises(InputError, match="drives one Input, but the graph has 'a', 'b'"):
        read(camera(tmp_path / "x.h5"), on)


# -- files that nobody vouches for --------------------------------------------------------


def test_no_hdf5_file(tmp_path):
    (tmp_path / "x.h5").write_bytes(b"hello")
    (tmp_path / "y.h5").write_bytes(b"")
    for name in ("x.h5", "y.h5"):
        with pytest.raises(FileError, match="not a readable HDF5 file"):
            read(tmp_path / name)


def test_a_graph_is_no_data(tmp_path):
    n = {"in": nir.Input({"input": np.array([3])}), "out": nir.Output({"output": np.array([3])})}
    graph = nir.NIRGraph(n, [("in", "out")], type_check=False)
    nirx.write(tmp_path / "x.h5", graph, nirx.Discretization(dt=1e-3))
    with pytest.raises(FileError, match="a NIR graph, not data"):
        read(tmp_path / "x.h5")


@pytest.mark.parametrize("link", [h5py.SoftLink("/y"), h5py.ExternalLink("other.h5", "/x")])
def test_links(tmp_path, link):
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


def test_data_elsewhere(tmp_path):
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


def test_foreign_filters(tmp_path):
    path = camera(tmp_path / "x.h5", x=None)
    with h5py.File(path, "a") as file:
        properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        properties.set_chunk((3,))
        properties.set_filter(32008, h5py.h5z.FLAG_OPTIONAL, ())
        space = h5py.h5s.create_simple((3,))
        h5py.h5d.create(file.id, b"x", h5py.h5t.NATIVE_INT64, space, dcpl=properties)
    with pytest.raises(FileError, match="filter that nirx does not load"):
        read(path, CAMERA)


def test_claims_larger_than_the_file(tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        for name in "xypt":
            file.create_dataset(name, (2**33,), "i8", chunks=(1024,))
    with pytest.raises(FileError, match="claims more data than a file of this size can hold"):
        read(tmp_path / "x.h5", CAMERA)


def test_chunks_that_would_be_read_whole(tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        for name in "xypt":
            file.create_dataset(name, (3,), "i8", chunks=(2**27,), maxshape=(None,))
    with pytest.raises(FileError, match="which are read whole"):
        read(tmp_path / "x.h5", CAMERA)


@pytest.mark.parametrize("value", ["many", np.nan, [1.0, 2.0], np.inf])
def test_attributes_that_are_no_numbers(tmp_path, value):
    path = nirdata(tmp_path / "x.h5", {"input": gridded()})
    with h5py.File(path, "a") as file:
        file["nodes/in/observables/input"].attrs["dt"] = value
    with pytest.raises(FileError, match="no finite number 'dt'"):
        read(path)


def test_damaged_bytes_never_break_out(tmp_path):
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


def test_no_samples_and_far_too_many(tmp_path):
    empty = nir.TimeGriddedData(np.ones((0, 4, 3)), 1e-3)
    with pytest.raises(InputError, match="has no samples"):
        read(nirdata(tmp_path / "x.h5", {"input": empty}))
    none = nir.EventData(np.zeros((2, 0), int), np.zeros((2, 0)), 3, 0.01)
    path = nirdata(tmp_path / "y.h5", {"input": none})
    assert read(path).shape == (10, 2, 3)
    with h5py.File(path, "a") as file:
        group: Any = file["nodes/in/observables/input"]
        for name, kind in (("idx", "i8"), ("time", "f8")):
            del group[name]
            group.create_dataset(name, (2**40, 0), kind)
    with pytest.raises(FileError, match="claims 1099511627776 samples"):
        read(path)
