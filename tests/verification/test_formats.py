"""Files that `nirx.verify` reads: in every format, equal is exact and a fault is found."""

from __future__ import annotations

import tracemalloc
from typing import Any

import h5py
import nir
import numpy as np
import pytest

import nirx
from nirx.files.archive import save_arrays
from support.bench import Bench, D, nested, place, signal, spiking
from support.graphs import chain
from support.recordings import events, gridded, write_csv, write_datasets, write_nirdata


def write_some_csv(path, recorded):
    write_csv(path, {key: recorded[key] for key in ("lif", "sub/lif", "lif.v")})


def write_flat_nirdata(path, recorded):
    lif = {"spikes": events(recorded["lif"]), "v": gridded(recorded["lif.v"])}
    write_nirdata(path, lif=lif, output={"spikes": gridded(recorded["output"] > 0)})


def write_nested_nirdata(path, recorded):
    """By hand: `nir.write_data` does not finish with nested graphs."""
    with h5py.File(path, "w") as file:
        file.attrs["__type__"] = "NIRGraphData"
        sub = file.create_group("nodes/sub")
        sub.attrs["__type__"] = "NIRGraphData"
        node = sub.create_group("nodes/lif")
        node.attrs["__type__"] = "NIRNodeData"
        own = node.create_group("observables/spikes")
        found = events(recorded["sub/lif"])
        own.attrs.update({"__type__": "EventData", "n_neurons": 4, "t_max": found.t_max})
        own["idx"], own["time"] = found.idx[:, ::-1], found.time[:, ::-1]


FORMATS = {
    "x.csv": (write_some_csv, {"lif", "sub/lif", "lif.v"}),
    "x.npz": (save_arrays, None),
    "x.hdf5": (write_datasets, None),
    "nirdata.h5": (write_flat_nirdata, {"lif", "lif.v", "output"}),
    "nested.h5": (write_nested_nirdata, {"sub/lif"}),
}


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_read_and_compared(name, small, tmp_path):
    write, keys = FORMATS[name]
    recorded, path = small.recorded, tmp_path / name
    write(path, recorded)
    found = small.verify(path)
    assert found.verdict == "exact"
    assert {n.key for n in found.nodes} == (keys or set(recorded))
    key = "lif" if name == "nirdata.h5" else "sub/lif"
    step, *index = map(int, np.argwhere(recorded[key] > 0)[7])
    recorded[key][step, *index] = 0
    write(path, recorded)
    found = small.verify(path)
    assert place(found) == (key, step, tuple(index))
    assert found[key].kind == "one spike missing"


@pytest.mark.slow
@pytest.mark.parametrize("spikes", ["dense", "events"])
def test_another_reference_is_a_recording(spikes, small, tmp_path):
    xs, d = small.xs, nirx.Discretization(dt=D.dt, overrides={"sub/lif": {"reset": "subtract"}})
    same = Bench(nested(), tmp_path / "same.h5", xs, spikes=spikes)
    assert small.verify(same.path).verdict == "exact"
    assert same.verify(small.path).verdict == "exact"
    other = Bench(nested(), tmp_path / "b.h5", xs, discretization=d, spikes=spikes)
    found = small.verify(other.path)
    origins = [n.key for n in found.nodes if n.follows is None and n.verdict != "exact"]
    assert origins == ["sub/lif.v"]
    slow = nirx.Discretization(dt=2e-3)
    Bench(nested(), tmp_path / "c.h5", xs, discretization=slow)
    with pytest.raises(nirx.InputError, match=r"dt=0\.002, the reference dt=0\.001"):
        small.verify(tmp_path / "c.h5")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::nirx.NirxWarning")
def test_references_of_every_node_type_are_verified(example, tmp_path):
    xs = np.random.default_rng(0).normal(1, 1, (12, 2, *example.takes)).astype(np.float32)
    d = nirx.Discretization(dt=1e-4)
    nirx.reference(example.graph, xs, tmp_path / "r.h5", discretization=d)
    assert nirx.verify(tmp_path / "r.h5", backend="numpy").verdict == "exact"


def test_ambiguous_names(tmp_path):
    """Names with "/", "%" and ".v", which are ambiguous as text alone."""
    names = ["a/b", "%41", "lif", "lif.v", "lif/x.v"]
    nodes: dict[str, Any] = {name: nir.Scale(np.full(4, 1.5, np.float32)) for name in names}
    nodes["lif"], nodes["a/b"] = spiking(4), spiking(4)
    graph, xs, keys = chain(nodes, 4), signal(4, 60), ["a~1b", "%41", "lif", "lif.v", "a~1b.v"]
    path = tmp_path / "r.h5"
    nirx.reference(graph, xs, path, discretization=D, record=[*keys, "output"])
    assert nirx.verify(path, backend="numpy").verdict == "exact"
    assert nirx.verify(path, path).verdict == "exact"
    net = nirx.from_nir(graph, "numpy", D, reproducible=True)
    seen = net.run(xs, record=[*keys, "output"])[2]
    save_arrays(tmp_path / "x.npz", seen)
    for observed in (seen, tmp_path / "x.npz"):
        found = nirx.verify(path, observed)
        assert {n.key for n in found.nodes} == {*keys, "output"}
        assert found.verdict == "exact"
    seen["lif.v"] = seen["lif.v"] + 1
    assert nirx.verify(path, seen, why=True)["lif.v"].verdict == "fails"


@pytest.mark.slow
def test_memory_does_not_grow_with_the_length(tmp_path):
    """A reference four times as long: about the same peak, far below the recordings."""
    peaks: dict[tuple[int, str], int] = {}
    sizes = []
    for steps in (4_000, 16_000):
        path = tmp_path / f"{steps}.h5"
        graph, xs = chain({"lif": spiking(4)}, 4), signal(4, steps, (8,))
        nirx.reference(graph, xs, path, discretization=D, compression="none")
        sizes.append(path.stat().st_size)
        del xs
        for side, options in {"file": {"observed": path}, "run": {"backend": "numpy"}}.items():
            tracemalloc.start()
            assert nirx.verify(path, **options).verdict == "exact"
            peaks[steps, side] = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
    for side in ("file", "run"):
        assert peaks[16_000, side] < 1.3 * peaks[4_000, side]
        assert peaks[16_000, side] < sizes[1]


# -- CSV -----------------------------------------------------------------------------------

CSV_HEADER = "step,node,index,value,sample\n"


def test_a_csv_without_rows_is_a_chip_that_never_spiked(small, tmp_path):
    path = tmp_path / "x.csv"
    for header in ("step,node,index\n", f"{CSV_HEADER}\n"):
        path.write_text(header)
        found = small.verify(path)
        assert {n.key for n in found.nodes} == {"lif", "sub/lif", "sub/output", "output"}
        assert found.verdict == "fails"
        assert found["lif"].missing == small.recorded["lif"].sum() > 0
        assert found["lif"].extra == 0
        assert f"{path} has no rows: compared as no spikes at all" in str(found)
    nirx.reference(nested(), small.xs * 0, tmp_path / "0.h5", discretization=D)
    with pytest.warns(nirx.NirxWarning, match="nothing was compared: no neuron of 2 layers"):
        assert nirx.verify(tmp_path / "0.h5", path).verdict == "exact"
    nirx.reference(nested(), small.xs, tmp_path / "v.h5", discretization=D, record=["lif.v"])
    with pytest.raises(nirx.InputError, match="it holds nothing"):
        nirx.verify(tmp_path / "v.h5", path)
    path.write_text("step,node,index,sample\n3,lif,1,0\n")
    assert [n.key for n in small.verify(path).nodes] == ["lif"], "rows name what was recorded"


def test_a_csv_names_spike_trains_without_rows(small, tmp_path):
    """A layer that is dead on the chip has none; it is not compared, so the report says so."""
    path, recorded = tmp_path / "x.csv", small.recorded
    write_csv(path, {"lif": recorded["lif"]})
    found = small.verify(path)
    note = (
        "no rows of 'sub/lif': not compared; a layer that never spiked looks the same: add a row "
        "of it with value 0"
    )
    assert found.notes == (note,)
    assert note in str(found)
    assert (found.verdict, "sub/lif" in found.not_observed) == ("exact", True)
    path.write_text(path.read_text() + "0,sub/lif,0,0,0\n")
    found = small.verify(path)
    assert (found.verdict, found["sub/lif"].missing) == ("fails", recorded["sub/lif"].sum())
    assert not found.notes, "Outputs only repeat what is compared where it comes from"
    write_csv(path, {"lif.v": recorded["lif.v"]})
    assert not small.verify(path).notes, "it lists no spikes at all"
    nirx.reference(nested(), small.xs, tmp_path / "o.h5", discretization=D, record="outputs")
    path.write_text(f"{CSV_HEADER}0,output,0,0,0\n")
    assert not nirx.verify(tmp_path / "o.h5", path).notes


def test_values_may_be_negative(small, tmp_path):
    assert small.recorded["lif.v"].min() < 0
    write_csv(tmp_path / "x.csv", {"lif.v": small.recorded["lif.v"]})
    assert small.verify(tmp_path / "x.csv").verdict == "exact"


@pytest.mark.parametrize(
    ("row", "text"),
    [
        ("1_0,lif,0,1,0", "line 3: step is '1_0'; expected a number in the digits 0 to 9"),
        ("\u0661,lif,0,1,0", "line 3: step is '\u0661'; expected a number in the digits"),
        ("1,lif,\uff12,1,0", "line 3: index is '\uff12'"),
        ("1,lif,0,1_0,0", "line 3: value is '1_0'"),
        ("1,lif,0,-1,0", "line 3: value is '-1'; expected a number of spikes"),
        ("1,sub/output,0,-0.5,1", "line 3: value is '-0.5'; expected a number of spikes"),
    ],
)
def test_malformed_numbers_are_refused(row, text, small, tmp_path):
    (tmp_path / "x.csv").write_text(f"{CSV_HEADER}2,lif,0,1,0\n{row}\n")
    with pytest.raises(nirx.InputError, match=text):
        small.verify(tmp_path / "x.csv")


# -- NIRData -------------------------------------------------------------------------------


@pytest.fixture
def path(tmp_path):
    return tmp_path / "n.h5"


def test_events_at_the_very_beginning_of_a_step(small, path):
    """k*dt divided by dt can come out below k; nir's own writer puts events there."""
    found = events(small.recorded["lif"], shift=0)
    write_nirdata(path, lif={"spikes": found})
    assert small.verify(path).verdict == "exact"
    found.time *= 1 - 1e-12
    write_nirdata(path, lif={"spikes": found})
    with pytest.warns(nirx.NirxWarning, match="assigned to it"):
        assert small.verify(path).verdict == "exact"


def test_a_duplicated_event_is_one_spike_too_many(small, path):
    found = events(small.recorded["lif"])
    idx, time = (np.concatenate([x, x[:, :1]], axis=1) for x in (found.idx, found.time))
    idx[1, -1], time[1, -1] = -1, np.inf  # only in the first sample
    write_nirdata(path, lif={"spikes": nir.EventData(idx, time, 4, found.t_max)})
    assert small.verify(path)["lif"].kind == "one spike too many"


def test_nirdata_has_to_match_the_reference(small, path):
    spikes = small.recorded["lif"] > 0
    same_dt = {"spikes": gridded(spikes, D.dt * (1 + 1e-9))}
    write_nirdata(path, lif=same_dt)
    assert small.verify(path).verdict == "exact"
    outside = events(spikes)
    outside.idx[0, 0] = 9
    twice = {"spikes": gridded(spikes), "output": gridded(spikes)}
    for observables, text in (
        ({"spikes": gridded(spikes, D.dt * 1.01)}, "steps of dt="),
        ({"spikes": gridded(spikes[..., :3])}, "has 3 neurons, the reference 4"),
        ({"spikes": outside}, r"neuron 9; expected 0\.\.3"),
        ({"spikes": events(spikes[:50])}, "has 50 steps"),
        (twice, "recorded twice"),
    ):
        write_nirdata(path, lif=observables)
        with pytest.raises(nirx.InputError, match=text):
            small.verify(path)
    write_nirdata(path, lif=same_dt, nobody={"odd": gridded(spikes)})
    with pytest.warns(nirx.NirxWarning, match=r"'nobody\.odd' is not in the reference"):
        assert small.verify(path).verdict == "exact"


def test_the_input_of_a_node_is_not_its_output(small, path):
    spikes, given = gridded(small.recorded["lif"] > 0), gridded(small.recorded["fc"])
    for own in ({"input": given, "spikes": spikes}, {"spikes": spikes, "input": given}):
        write_nirdata(path, lif=own)
        with pytest.warns(nirx.NirxWarning, match=r"'lif\.input' is not in the reference"):
            assert small.verify(path).verdict == "exact"
    write_nirdata(path, lif={"input": given})
    with pytest.raises(nirx.InputError, match=r"nothing to compare: it holds 'lif\.input'"):
        small.verify(path)
    write_nirdata(path, input={"input": gridded(small.recorded["input"])})
    assert [n.key for n in small.verify(path).nodes] == ["input"]


@pytest.mark.parametrize("wrong", [0.7, -0.5, np.nan])
def test_neurons_of_events_are_whole_numbers(wrong, small, path):
    found = events(small.recorded["lif"])
    found.idx = found.idx.astype(np.float64)
    write_nirdata(path, lif={"spikes": found})
    assert small.verify(path).verdict == "exact"
    found.idx[1, 2] += wrong
    write_nirdata(path, lif={"spikes": found})
    with pytest.raises(nirx.InputError, match=r"lif.*has an event of neuron .*; expected whole"):
        small.verify(path)


def test_a_recording_is_not_a_reference(small, path):
    write_nirdata(path, lif={"spikes": gridded(small.recorded["lif"] > 0)})
    with pytest.raises(nirx.FileError, match="nirx reference"):
        nirx.verify(path, small.recorded)
