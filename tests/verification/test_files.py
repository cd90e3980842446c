"""What `nirx.verify` reads and what it refuses: formats, damage, shapes, memory."""

from __future__ import annotations

import itertools
import json
import tracemalloc
from typing import Any

import h5py
import nir
import numpy as np
import pytest

import nirx
from nirx.files.archive import save_arrays
from nirx.references.header import sealed
from nirx.references.reading import GRAPH, HEADER, ReferenceFile
from nirx.references.reference import reference

D = nirx.Discretization(dt=1e-3)
STEPS, BATCH, SIZE = 60, 2, 4
SAMPLES = (BATCH,)


def lif(size: int = SIZE) -> nir.LIF:
    n = np.ones(size, np.float32)
    return nir.LIF(n * 5e-3, n, n * 0, n * 0.3, n * 0)


def network(inner: bool = True) -> nir.NIRGraph:
    shape = np.array([SIZE])
    weight = np.random.default_rng(0).normal(0.2, 0.7, (SIZE, SIZE)).astype(np.float32)
    sub: dict[str, Any] = {"in": nir.Input({"input": shape}), "lif": lif()}
    sub["out"] = nir.Output({"output": shape})
    nodes: dict[str, Any] = {"input": nir.Input({"input": shape}), "fc": nir.Linear(weight)}
    nodes["lif"] = lif()
    if inner:
        nodes["sub"] = nir.NIRGraph(sub, list(itertools.pairwise(sub)), type_check=False)
    nodes["output"] = nir.Output({"output": shape})
    return nir.NIRGraph(nodes, list(itertools.pairwise(nodes)), type_check=False)


def signal(steps: int = STEPS, batch: tuple[int, ...] = SAMPLES) -> np.ndarray:
    return (np.random.default_rng(1).random((steps, *batch, SIZE)) < 0.5).astype(np.float32)


@pytest.fixture
def ref(tmp_path):
    reference(network(), signal(), tmp_path / "r.h5", discretization=D, compression="none")
    return tmp_path / "r.h5"


@pytest.fixture
def rec() -> dict[str, np.ndarray]:
    net = nirx.from_nir(network(), "numpy", D, reproducible=True)
    return net.run(signal(), record="all")[2]


def flip(rec: dict[str, np.ndarray], key: str = "sub/lif") -> tuple[str, int, tuple[int, ...]]:
    """Take one spike away."""
    step, *index = map(int, np.argwhere(rec[key] > 0)[7])
    rec[key][step, *index] = 0
    return key, step, tuple(index)


def place(found: nirx.Verification) -> Any:
    first = found.first_divergence
    return None if first is None else (first.node, first.step, first.index)


def write_csv(path, rec):
    with open(path, "w") as stream:
        stream.write("step,node,index,value,sample\n")
        for key in ("lif", "sub/lif"):
            places = np.argwhere(rec[key] > 0)
            stream.writelines(f"{step},{key},{neuron},,{s}\n" for step, s, neuron in places)
        values = np.ndenumerate(rec["lif.v"])
        stream.writelines(f"{step},lif.v,{neuron},{v},{s}\n" for (step, s, neuron), v in values)


def write_npz(path, rec):
    save_arrays(path, rec)


def write_datasets(path, rec):
    with h5py.File(path, "w") as file:
        for key, value in rec.items():
            if key != "sub/lif.v":  # a group cannot be a dataset too
                file.create_dataset(key, data=value, compression="gzip")


def flat(value: np.ndarray) -> np.ndarray:
    """(samples, time, neurons)"""
    return value.reshape(len(value), -1, SIZE).swapaxes(0, 1)


def events(value: np.ndarray, dt: float = D.dt, shift: float = 0.5) -> nir.EventData:
    grid = nir.TimeGriddedData(flat(value) > 0, dt)
    return grid.to_event(int(value.sum()) or 1, time_shift=shift * dt)


def write_nirdata(path, rec):
    nodes = {
        "lif": {"spikes": events(rec["lif"]), "v": nir.TimeGriddedData(flat(rec["lif.v"]), D.dt)},
        "output": {"spikes": nir.TimeGriddedData(flat(rec["output"]) > 0, D.dt)},
    }
    data = nir.NIRGraphData({name: nir.NIRNodeData(own) for name, own in nodes.items()})
    nir.write_data(path, data)


def write_nested(path, rec):
    """As `nir.write_data` would, if it did not lose itself in nested graphs."""
    with h5py.File(path, "w") as file:
        file.attrs["__type__"] = "NIRGraphData"
        sub = file.create_group("nodes/sub")
        sub.attrs["__type__"] = "NIRGraphData"
        node = sub.create_group("nodes/lif")
        node.attrs["__type__"] = "NIRNodeData"
        own = node.create_group("observables/spikes")
        found = events(rec["sub/lif"])
        own.attrs.update({"__type__": "EventData", "n_neurons": SIZE, "t_max": found.t_max})
        own["idx"], own["time"] = found.idx[:, ::-1], found.time[:, ::-1]


FORMATS = {
    "x.csv": (write_csv, {"lif", "sub/lif", "lif.v"}),
    "x.npz": (write_npz, None),
    "x.hdf5": (write_datasets, None),
    "nirdata.h5": (write_nirdata, {"lif", "lif.v", "output"}),
    "nested.h5": (write_nested, {"sub/lif"}),
}


@pytest.mark.parametrize("name", FORMATS)
def test_every_format(name, ref, rec, tmp_path):
    write, keys = FORMATS[name]
    if name == "x.hdf5":
        rec = {k: v for k, v in rec.items() if not k.startswith("sub/")} | {
            "sub/lif": rec["sub/lif"]
        }
    path = tmp_path / name
    write(path, rec)
    found = nirx.verify(ref, path)
    assert found.verdict == "exact"
    assert {n.key for n in found.nodes} == (keys or set(rec))
    expected = flip(rec, "lif" if name == "nirdata.h5" else "sub/lif")
    write(path, rec)
    found = nirx.verify(ref, path)
    assert place(found) == expected
    assert found[expected[0]].kind == "one spike missing"


@pytest.mark.parametrize("spikes", ["dense", "events"])
def test_another_reference(spikes, ref, tmp_path):
    same = tmp_path / "same.h5"
    reference(network(), signal(), same, discretization=D, spikes=spikes, dtype="float32")
    assert nirx.verify(ref, same).verdict == "exact"
    assert nirx.verify(same, ref).verdict == "exact"
    late = nirx.Discretization(dt=D.dt, overrides={"sub/lif": {"reset": "subtract"}})
    reference(network(), signal(), tmp_path / "b.h5", discretization=late, spikes=spikes)
    found = nirx.verify(ref, tmp_path / "b.h5")
    assert [n.key for n in found.nodes if n.follows is None and n.verdict != "exact"] == [
        "sub/lif.v"
    ]
    other = nirx.Discretization(dt=2e-3)
    reference(network(), signal(), tmp_path / "c.h5", discretization=other)
    with pytest.raises(nirx.InputError, match=r"dt=0\.002, the reference dt=0\.001"):
        nirx.verify(ref, tmp_path / "c.h5")


def test_events_at_the_very_beginning_of_a_step(ref, rec, tmp_path):
    """k*dt divided by dt can come out below k; nir's own writer puts events there."""
    found = events(rec["lif"], shift=0)
    nirdata(tmp_path / "e.h5", found)
    assert nirx.verify(ref, tmp_path / "e.h5").verdict == "exact"
    found.time *= 1 - 1e-12
    nirdata(tmp_path / "e.h5", found)
    with pytest.warns(nirx.NirxWarning, match="counted to it"):
        assert nirx.verify(ref, tmp_path / "e.h5").verdict == "exact"


def test_a_doubled_event_is_one_spike_too_many(ref, rec, tmp_path):
    found = events(rec["lif"])
    idx, time = (np.concatenate([x, x[:, :1]], axis=1) for x in (found.idx, found.time))
    double = nir.EventData(idx[:1].repeat(2, 0), time[:1].repeat(2, 0), SIZE, found.t_max)
    double.idx[1, :-1], double.time[1, :-1] = found.idx[1], found.time[1]
    double.idx[1, -1], double.time[1, -1] = -1, np.inf
    nir.write_data(
        tmp_path / "e.h5", nir.NIRGraphData({"lif": nir.NIRNodeData({"spikes": double})})
    )
    assert nirx.verify(ref, tmp_path / "e.h5")["lif"].kind == "one spike too many"


# -- a reference that is not what it was ---------------------------------------------------


def flipped_byte(path):
    with h5py.File(path) as file:
        data: Any = file["nodes/lif/observables/v/data"]
        start, size = data.id.get_offset(), data.nbytes
        if start is None:
            start = data.id.get_chunk_info(0).byte_offset
    blob = bytearray(path.read_bytes())
    blob[start + size // 2 // 4 * 4] ^= 1
    path.write_bytes(bytes(blob))


def edited_notes(path):
    with h5py.File(path, "r+") as file:
        text = bytes(file[HEADER][()])  # type: ignore[index]
        del file[HEADER]
        changed = text.replace(b'"notes": ""', b'"notes": "better"')
        assert changed != text
        file[HEADER] = np.frombuffer(changed, np.uint8)


def other_weights(path):
    with h5py.File(path, "r+") as file, ReferenceFile(path) as own:
        graph: Any = own.graph
        graph.nodes["fc"].weight[0, 0] += 1
        nirx.write(path.with_suffix(".nir"), graph, D)
        del file[GRAPH]
        file[GRAPH] = np.frombuffer(path.with_suffix(".nir").read_bytes(), np.uint8)


def other_digest(path):
    with h5py.File(path, "r+") as file:
        header = json.loads(bytes(file[HEADER][()]))  # type: ignore[index]
        header.pop("seal")
        header["digest"] = "0" * 64
        del file[HEADER]
        file[HEADER] = np.frombuffer(sealed(header).encode(), np.uint8)


def lost_recording(path):
    with h5py.File(path, "r+") as file:
        del file["nodes/lif/observables/v"]


def cut_short(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


DAMAGE = (flipped_byte, edited_notes, other_weights, other_digest, lost_recording, cut_short)


@pytest.mark.parametrize("harm", DAMAGE)
def test_a_changed_reference_is_refused_before_any_verdict(harm, ref, rec, tmp_path):
    good = tmp_path / "good.h5"
    good.write_bytes(ref.read_bytes())
    harm(ref)
    for call in ((ref, rec), (good, ref)):
        with pytest.raises(nirx.FileError):
            nirx.verify(*call)
    with pytest.raises(nirx.FileError):
        nirx.verify(ref, backend="numpy")
    assert nirx.verify(good, rec).verdict == "exact"


def test_random_damage_is_refused_or_harmless(ref, rec):
    """Any flipped byte: a `FileError`, or (in what HDF5 leaves unused) the same verdict."""
    blob, random = ref.read_bytes(), np.random.default_rng(0)
    refused = 0
    for spot in random.integers(len(blob), size=60):
        harmed = bytearray(blob)
        harmed[spot] ^= int(random.integers(1, 256))
        ref.write_bytes(bytes(harmed))
        try:
            assert nirx.verify(ref, rec).verdict == "exact"
        except nirx.FileError:
            refused += 1
    assert refused > 5


# -- steps and samples ---------------------------------------------------------------------


def test_fewer_or_more_steps_have_to_be_asked_for(ref, rec):
    short = {k: v[:40] for k, v in rec.items()}
    with pytest.raises(nirx.InputError, match="has 40 steps, the reference 60"):
        nirx.verify(ref, short)
    found = nirx.verify(ref, short, partial=True)
    assert (found.verdict, found.steps, found.partial) == ("exact", 40, True)
    assert "the first 40 steps of 2 samples" in str(found)
    mixed = {"lif": rec["lif"][:40], "lif.v": rec["lif.v"][:30]}
    assert nirx.verify(ref, mixed, partial=True).steps == 30
    long = {"lif": np.concatenate([rec["lif"], rec["lif"]])}
    with pytest.raises(nirx.InputError, match="has 120 steps"):
        nirx.verify(ref, long)
    assert nirx.verify(ref, long, partial=True).steps == 60
    short["lif"] = short["lif"].copy()
    short["lif"][39, 1, 3] += 1
    assert place(nirx.verify(ref, short, partial=True)) == ("lif", 39, (1, 3))


def test_fewer_samples_have_to_be_asked_for(ref, rec, tmp_path):
    one = {"lif": rec["lif"][:, :1]}
    with pytest.raises(nirx.InputError, match="has 1 samples, the reference 2"):
        nirx.verify(ref, one)
    found = nirx.verify(ref, one, partial=True, why=True)
    assert (found.samples, found.verdict) == (1, "exact")
    wrong = {"lif": 1 - one["lif"]}
    assert nirx.verify(ref, wrong, partial=True, why=True).why
    grid = nir.TimeGriddedData(flat(rec["lif"])[:1] > 0, D.dt)
    data = nir.NIRGraphData({"lif": nir.NIRNodeData({"spikes": grid})})
    nir.write_data(tmp_path / "one.h5", data)
    with pytest.raises(nirx.InputError, match="has 1 samples"):
        nirx.verify(ref, tmp_path / "one.h5")
    assert nirx.verify(ref, tmp_path / "one.h5", partial=True).verdict == "exact"


def test_time_comes_first(ref, rec, tmp_path):
    swapped = {"lif": rec["lif"].swapaxes(0, 1)}
    write_npz(tmp_path / "x.npz", swapped)
    for observed, options in itertools.product((swapped, tmp_path / "x.npz"), (False, True)):
        with pytest.raises(nirx.InputError, match=r"\(2, 60, 4\); time comes first.*\(60, 2, 4\)"):
            nirx.verify(ref, observed, partial=options)
    reference(network(), signal(batch=(1,)), tmp_path / "1.h5", discretization=D)
    with pytest.raises(nirx.InputError, match="time comes first"):
        nirx.verify(tmp_path / "1.h5", {"lif": rec["lif"][:, :1].swapaxes(0, 1)})
    reference(network(), signal(2, (2,)), tmp_path / "2.h5", discretization=D)
    nirx.verify(tmp_path / "2.h5", {"lif": rec["lif"][:2]})  # as many of both: nobody knows


def test_hints_name_the_option_of_the_command_line_too(ref, rec):
    with pytest.raises(nirx.InputError, match=r"ask for partial \(--partial\)"):
        nirx.verify(ref, {"lif": rec["lif"][:40]})
    cases: list[tuple[dict[str, Any], str]] = [({"rate": -1}, "--rate")]
    cases.append(({"membrane": 1}, "--membrane"))
    for options, flag in cases:
        with pytest.raises(nirx.InputError, match=flag):
            nirx.verify(ref, rec, **options)


def test_a_csv_without_rows_is_a_chip_that_never_spiked(ref, rec, tmp_path):
    path = tmp_path / "x.csv"
    for header in ("step,node,index\n", "step,node,index,value,sample\n\n"):
        path.write_text(header)
        found = nirx.verify(ref, path)
        assert {n.key for n in found.nodes} == {"lif", "sub/lif", "sub/out", "output"}
        assert found.verdict == "fails"
        assert found["lif"].missing == rec["lif"].sum() > 0
        assert found["lif"].extra == 0
        assert f"{path} has no rows: compared as no spikes at all" in str(found)
    reference(network(), signal() * 0, tmp_path / "0.h5", discretization=D)
    assert nirx.verify(tmp_path / "0.h5", path).verdict == "exact"
    reference(network(), signal(), tmp_path / "v.h5", discretization=D, record=["lif.v"])
    with pytest.raises(nirx.InputError, match="it holds nothing"):
        nirx.verify(tmp_path / "v.h5", path)
    path.write_text("step,node,index,sample\n3,lif,1,0\n")
    found = nirx.verify(ref, path)
    assert [n.key for n in found.nodes] == ["lif"], "rows name what was recorded"


def test_a_csv_says_of_which_spikes_it_has_no_rows(ref, rec, tmp_path):
    """A layer that is dead on the chip has none; it is not in the verdict, so it is told."""
    path, text = tmp_path / "x.csv", "step,node,index,value,sample\n"
    text += "".join(f"{step},lif,{k},1,{s}\n" for step, s, k in np.argwhere(rec["lif"] > 0))
    path.write_text(text)
    found = nirx.verify(ref, path)
    note = "no rows of 'sub/lif': not compared; a layer that never spiked looks the same: add a "
    assert found.notes == (note + "row of it with value 0",)
    assert note in str(found)
    assert (found.verdict, "sub/lif" in found.not_observed) == ("exact", True)
    path.write_text(text + "0,sub/lif,0,0,0\n")
    found = nirx.verify(ref, path)
    assert (found.verdict, found["sub/lif"].missing) == ("fails", rec["sub/lif"].sum())
    assert not found.notes, "what the Outputs pass on is compared where it comes from"
    rows = np.ndenumerate(rec["lif.v"])
    values = "".join(f"{step},lif.v,{k},{v},{s}\n" for (step, s, k), v in rows)
    path.write_text("step,node,index,value,sample\n" + values)
    assert not nirx.verify(ref, path).notes, "it lists no spikes at all"
    reference(network(), signal(), tmp_path / "o.h5", discretization=D, record="outputs")
    path.write_text("step,node,index,value,sample\n0,output,0,0,0\n")
    assert not nirx.verify(tmp_path / "o.h5", path).notes


@pytest.mark.parametrize(
    ("row", "text"),
    [
        ("1_0,lif,0,1,0", "line 3: step is '1_0'; expected a number in the digits 0 to 9"),
        ("\u0661,lif,0,1,0", "line 3: step is '\u0661'; expected a number in the digits"),
        ("1,lif,\uff12,1,0", "line 3: index is '\uff12'"),
        ("1,lif,0,1_0,0", "line 3: value is '1_0'"),
        ("1,lif,0,-1,0", "line 3: value is '-1'; expected a number of spikes"),
        ("1,sub/out,0,-0.5,1", "line 3: value is '-0.5'; expected a number of spikes"),
    ],
)
def test_rows_that_no_chip_writes_are_refused(row, text, ref, tmp_path):
    (tmp_path / "x.csv").write_text(f"step,node,index,value,sample\n2,lif,0,1,0\n{row}\n")
    with pytest.raises(nirx.InputError, match=text):
        nirx.verify(ref, tmp_path / "x.csv")


def test_values_may_be_negative_in_a_csv(ref, rec, tmp_path):
    assert rec["lif.v"].min() < 0
    write_csv(tmp_path / "x.csv", rec)
    assert nirx.verify(ref, tmp_path / "x.csv").verdict == "exact"


def test_nothing_left_is_an_error(ref, rec):
    with pytest.raises(nirx.InputError, match="no steps"):
        nirx.verify(ref, {"lif": rec["lif"][:0]}, partial=True)


# -- calls that make no sense --------------------------------------------------------------


def test_one_of_recording_and_backend(ref, rec):
    with pytest.raises(nirx.InputError, match="neither a recording nor a backend"):
        nirx.verify(ref)
    with pytest.raises(nirx.InputError, match="both a recording and a backend"):
        nirx.verify(ref, rec, backend="numpy")


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"jitter": -1}, "jitter=-1"),
        ({"jitter": 1.5}, "jitter=1.5"),
        ({"jitter": True}, "jitter=True"),
        ({"rate": -0.1}, "rate=-0.1"),
        ({"rate": float("nan")}, "rate=nan"),
        ({"rate": "high"}, "rate='high'"),
        ({"rate": 1}, r"rate=1 \(--rate\); expected less than 1"),
        ({"rate": 1e9}, "lets a dead chip pass; 0.05 is 5 %"),
        ({"membrane": 1}, r"set the size of one by lsb \(--lsb\)"),
        ({"membrane": -1, "lsb": 1.0}, "membrane=-1"),
        ({"lsb": 0.0}, "lsb=0.0 .*; expected a positive"),
        ({"lsb": "x"}, "lsb='x'"),
        ({"lsb": {"lif.v": -1}}, r"lsb\['lif.v'\]=-1"),
        ({"lsb": {"lif": 1.0}}, "'lif' holds spikes"),
        ({"lsb": {"output": 1.0}}, "'output' holds spikes"),
        ({"lsb": {"lif.w": 1.0}}, "did you mean"),
        ({"lsb": 1e300, "membrane": 1e300}, "is infinite, so that everything would pass"),
    ],
)
def test_odd_tolerances(options, text, ref, rec):
    with pytest.raises(nirx.InputError, match=text):
        nirx.verify(ref, rec, **options)


def test_recordings_that_do_not_fit(ref, rec, tmp_path):
    with pytest.raises(nirx.InputError, match="a list; expected a path"):
        nirx.verify(ref, [rec["lif"]])
    with pytest.raises(nirx.InputError, match="nothing to compare: it holds 'nope'"):
        nirx.verify(ref, {"nope": rec["lif"]})
    with pytest.raises(nirx.InputError, match="nothing to compare: it holds nothing"):
        nirx.verify(ref, {})
    with pytest.raises(nirx.InputError, match=r"shape \(60, 2, 3\); expected \(60, 2, 4\)"):
        nirx.verify(ref, {"lif": rec["lif"][..., :3]})
    with pytest.raises(nirx.InputError, match=r"shape \(60,\)"):
        nirx.verify(ref, {"lif": rec["lif"][:, 0, 0]})
    with pytest.raises(nirx.InputError, match=r"shape \(\)"):
        nirx.verify(ref, {"lif": np.float32(1)})
    with pytest.raises(nirx.InputError, match="dtype complex64"):
        nirx.verify(ref, {"lif": rec["lif"] * 1j})
    with pytest.raises(nirx.InputError, match="are the same recording"):
        nirx.verify(ref, {"lif": rec["lif"], ("lif",): rec["lif"]})
    with pytest.warns(nirx.NirxWarning, match="'nope' is not in the reference"):
        assert nirx.verify(ref, {"lif": rec["lif"], "nope": 1}).verdict == "exact"


def test_files_that_do_not_fit(ref, rec, tmp_path):
    with pytest.raises(nirx.FileError, match="no such file"):
        nirx.verify(tmp_path / "none.h5", rec)
    with pytest.raises(nirx.FileError, match="not a file"):
        nirx.verify(tmp_path, rec)
    with pytest.raises(nirx.FileError, match="no such file"):
        nirx.verify(ref, tmp_path / "none.h5")
    with pytest.raises(nirx.FileError, match="unknown format"):
        nirx.verify(ref, tmp_path / "none.txt")
    (tmp_path / "text.h5").write_text("no HDF5")
    for call in ((ref, tmp_path / "text.h5"), (tmp_path / "text.h5", rec)):
        with pytest.raises(nirx.FileError):
            nirx.verify(*call)
    write_nirdata(tmp_path / "n.h5", rec)
    with pytest.raises(nirx.FileError, match="nirx reference"):
        nirx.verify(tmp_path / "n.h5", rec)
    with pytest.raises(nirx.InputError, match="no backend 'nope'"):
        nirx.verify(ref, backend="nope")


def nirdata(path, observable, **nodes):
    nir.write_data(
        path, nir.NIRGraphData({"lif": nir.NIRNodeData({"spikes": observable}), **nodes})
    )


def test_nirdata_that_does_not_fit(ref, rec, tmp_path):
    path, grid = tmp_path / "n.h5", flat(rec["lif"]) > 0
    nirdata(path, nir.TimeGriddedData(grid, D.dt * 1.01))
    with pytest.raises(nirx.InputError, match="steps of dt="):
        nirx.verify(ref, path)
    nirdata(path, nir.TimeGriddedData(grid, D.dt * (1 + 1e-9)))
    assert nirx.verify(ref, path).verdict == "exact"
    nirdata(path, nir.TimeGriddedData(grid[..., :3], D.dt))
    with pytest.raises(nirx.InputError, match=r"has 3 neurons, the reference 4"):
        nirx.verify(ref, path)
    found = events(rec["lif"])
    found.idx[0, 0] = 9
    nirdata(path, found)
    with pytest.raises(nirx.InputError, match=r"neuron 9; expected 0\.\.3"):
        nirx.verify(ref, path)
    nirdata(path, events(rec["lif"][:50]))
    with pytest.raises(nirx.InputError, match="has 50 steps"):
        nirx.verify(ref, path)
    both: Any = {
        "spikes": nir.TimeGriddedData(grid, D.dt),
        "output": nir.TimeGriddedData(grid, D.dt),
    }
    nir.write_data(path, nir.NIRGraphData({"lif": nir.NIRNodeData(both)}))
    with pytest.raises(nirx.InputError, match="there twice"):
        nirx.verify(ref, path)
    extra = nir.NIRNodeData({"odd": nir.TimeGriddedData(grid, D.dt)})
    nirdata(path, nir.TimeGriddedData(grid, D.dt), nobody=extra)
    with pytest.warns(nirx.NirxWarning, match=r"'nobody\.odd' is not in the reference"):
        assert nirx.verify(ref, path).verdict == "exact"


def test_what_a_node_was_given_is_not_what_it_puts_out(ref, rec, tmp_path):
    path, spikes = tmp_path / "n.h5", nir.TimeGriddedData(flat(rec["lif"]) > 0, D.dt)
    given: dict[str, Any] = {"input": nir.TimeGriddedData(flat(rec["fc"]), D.dt)}
    orders: list[dict[str, Any]] = [{**given, "spikes": spikes}, {"spikes": spikes, **given}]
    for own in orders:
        nir.write_data(path, nir.NIRGraphData({"lif": nir.NIRNodeData(own)}))
        with pytest.warns(nirx.NirxWarning, match=r"'lif\.input' is not in the reference"):
            assert nirx.verify(ref, path).verdict == "exact"
    nir.write_data(path, nir.NIRGraphData({"lif": nir.NIRNodeData(given)}))
    with pytest.raises(nirx.InputError, match=r"nothing to compare: it holds 'lif\.input'"):
        nirx.verify(ref, path)
    own: dict[str, Any] = {"input": nir.TimeGriddedData(flat(rec["input"]), D.dt)}
    nir.write_data(path, nir.NIRGraphData({"input": nir.NIRNodeData(own)}))
    assert [n.key for n in nirx.verify(ref, path).nodes] == ["input"]


@pytest.mark.parametrize("wrong", [0.7, -0.5, np.nan])
def test_neurons_are_whole_numbers(wrong, ref, rec, tmp_path):
    found = events(rec["lif"])
    found.idx = found.idx.astype(np.float64)
    nirdata(tmp_path / "e.h5", found)
    assert nirx.verify(ref, tmp_path / "e.h5").verdict == "exact"
    found.idx[1, 2] += wrong
    nirdata(tmp_path / "e.h5", found)
    with pytest.raises(nirx.InputError, match=r"lif.*has an event of neuron .*; expected whole"):
        nirx.verify(ref, tmp_path / "e.h5")


def test_links_out_of_a_recording_are_not_followed(ref, rec, tmp_path):
    write_datasets(tmp_path / "a.h5", rec)
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file["lif"] = h5py.ExternalLink(str(tmp_path / "a.h5"), "/lif")
    with pytest.raises(nirx.FileError, match="does not follow links"):
        nirx.verify(ref, tmp_path / "b.h5")


def calls(path) -> list[dict[str, Any]]:
    return [{"observed": path}, {"backend": "numpy"}]


def test_memory_does_not_grow_with_the_length(tmp_path):
    """A reference four times as long: about the same peak, far below the recordings."""
    graph, peaks, sizes = network(inner=False), [], []
    for steps in (4_000, 16_000):
        path = tmp_path / f"{steps}.h5"
        xs = signal(steps, (8,))
        reference(graph, xs, path, discretization=D, compression="none")
        sizes.append(path.stat().st_size)
        del xs
        for options in calls(path):
            tracemalloc.start()
            assert nirx.verify(path, **options).verdict == "exact"
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
    assert peaks[2] < 1.3 * peaks[0]
    assert peaks[3] < 1.3 * peaks[1]
    assert max(peaks[2:]) < sizes[1]


# -- every kind of graph -------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore::nirx.NirxWarning")
def test_every_type_of_node(example, tmp_path):
    """A reference that nobody touched is never refused, whatever its graph is made of."""
    xs = np.random.default_rng(0).normal(1, 1, (12, 2, *example.takes)).astype(np.float32)
    reference(example.graph, xs, tmp_path / "r.h5", discretization=nirx.Discretization(dt=1e-4))
    assert nirx.verify(tmp_path / "r.h5", backend="numpy").verdict == "exact"


def test_odd_names(tmp_path):
    """Names with "/", "%" and ".v", of which a text alone would be ambiguous."""
    shape = np.array([SIZE])
    names = ["input", "a/b", "%41", "lif", "lif.v", "lif/x.v", "output"]
    nodes: dict[str, Any] = dict.fromkeys(names)
    for name in names[1:-1]:
        nodes[name] = nir.Scale(np.full(SIZE, 1.5, np.float32))
    nodes["lif"], nodes["a/b"] = lif(), lif()
    nodes["input"] = nir.Input({"input": shape})
    nodes["output"] = nir.Output({"output": shape})
    graph = nir.NIRGraph(nodes, list(itertools.pairwise(nodes)), type_check=False)
    keys = ["a~1b", "%41", "lif", "lif.v", "a~1b.v", "output"]
    path = tmp_path / "r.h5"
    reference(graph, signal(), path, discretization=D, record=keys)
    assert nirx.verify(path, backend="numpy").verdict == "exact"
    assert nirx.verify(path, path).verdict == "exact"
    seen = nirx.from_nir(graph, "numpy", D, reproducible=True).run(signal(), record=keys)[2]
    write_npz(tmp_path / "x.npz", seen)
    for observed in (seen, tmp_path / "x.npz"):
        found = nirx.verify(path, observed)
        assert {n.key for n in found.nodes} == set(keys)
        assert found.verdict == "exact"
    seen["lif.v"] = seen["lif.v"] + 1
    assert nirx.verify(path, seen, why=True)["lif.v"].verdict == "fails"
