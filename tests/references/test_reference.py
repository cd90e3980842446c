"""Reference files: NIR data, the same digest everywhere, refused where they were changed."""

# nir's and torch's annotations are narrower than what both take and give.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportIndexIssue=false
# pyright: reportOptionalMemberAccess=false, reportOptionalCall=false, reportOperatorIssue=false

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import h5py
import nir
import numpy as np
import pytest

import nirx
from nirx.references.header import sealed
from nirx.references.layout import observables
from nirx.references.reading import HEADER, ReferenceFile

D = nirx.Discretization(dt=1e-3)


def lif(size, seed=0):
    draw = np.random.default_rng(seed).uniform
    return nir.LIF(
        draw(2e-3, 2e-2, size),
        draw(5, 9, size),
        draw(-0.2, 0.3, size),
        draw(0.5, 1.5, size),
        draw(-0.3, 0.2, size),
    )


def network(name="lif"):
    generator = np.random.default_rng(1)
    inner = nir.NIRGraph(
        {
            "in": nir.Input(np.array([4])),
            name: lif(4),
            "w": nir.Linear(generator.normal(0, 0.3, (4, 4))),
            "out": nir.Output(np.array([4])),
        },
        [("in", name), (name, "w"), ("w", name), (name, "out")],
        type_check=False,
    )
    return nir.NIRGraph(
        {
            "input": nir.Input(np.array([3])),
            "fc": nir.Affine(generator.normal(0.5, 1, (4, 3)), np.zeros(4)),
            "sub": inner,
            "li": nir.LI(np.full(4, 5e-3), np.full(4, 2.0), np.zeros(4)),
            "output": nir.Output(np.array([4])),
        },
        [("input", "fc"), ("fc", "sub"), ("sub", "li"), ("li", "output")],
        type_check=False,
    )


def inputs(steps=50, batch=2, seed=0, dtype=np.float32):
    return (np.random.default_rng(seed).random((steps, batch, 3)) < 0.5).astype(dtype)


def recorded(graph, xs, keys, d=D, dtype="float32"):
    return nirx.from_nir(graph, "numpy", d, dtype, reproducible=True).run(xs, record=keys)[2]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    path = tmp_path_factory.mktemp("reference") / "ref.h5"
    return path, nirx.reference(
        network(), inputs(), path, discretization=D, licence="CC0", notes="for a chip"
    )


def test_it_holds_what_the_network_does(made):
    path, written = made
    graph, xs = network(), inputs()
    with ReferenceFile(path) as file:
        file.verify_content()
        rec = recorded(graph, xs, file.keys)
        for observable in file.observables:
            found = file.read(observable, 0, file.steps)
            np.testing.assert_array_equal(found, rec[observable.key])
            assert found.dtype == rec[observable.key].dtype
        assert nirx.same_graph(file.graph, graph)
        assert file.discretization == D
        assert file.header["licence"], file.header["notes"] == ("CC0", "for a chip")
        assert set(file.header["software"]) >= {"nirx", "numpy", "nir", "python", "backend"}
    assert written.digest == nirx.digest(rec)
    assert rec["sub/lif"].any()
    assert written.steps == 50
    assert written.resumed == 0
    assert written.recorded_bytes == sum(a.nbytes for a in rec.values())
    assert not path.with_name("ref.h5.parts").exists()


def test_nir_reads_it_nested_graphs_too(made):
    path, _ = made
    found = nir.read_data(str(path))
    graph, xs = network(), inputs()
    rec = recorded(graph, xs, ["input", "fc", "sub/lif", "sub/lif.v", "li"])
    spikes = found.nodes["sub"].nodes["lif"].observables["spikes"]
    assert isinstance(spikes, nir.TimeGriddedData)
    assert spikes.dt == D.dt
    assert spikes.data.dtype == bool
    np.testing.assert_array_equal(spikes.data, rec["sub/lif"].swapaxes(0, 1))
    v = found.nodes["sub"].nodes["lif"].observables["v"]
    np.testing.assert_array_equal(v.data, rec["sub/lif.v"].swapaxes(0, 1))
    np.testing.assert_array_equal(found.nodes["input"].observables["input"].data, xs.swapaxes(0, 1))
    np.testing.assert_array_equal(
        found.nodes["li"].observables["output"].data, rec["li"].swapaxes(0, 1)
    )


def test_events_sit_in_the_middle_of_their_step_so_that_nir_loses_none(tmp_path):
    path = tmp_path / "ref.h5"
    graph, xs = network(), inputs(400)
    dense = nirx.reference(graph, xs, tmp_path / "dense.h5", discretization=D)
    events = nirx.reference(graph, xs, path, discretization=D, spikes="events")
    assert events.digest == dense.digest
    found = nir.read_data(str(path)).nodes["sub"].nodes["lif"].observables["spikes"]
    assert isinstance(found, nir.EventData)
    rec = recorded(graph, xs, ["sub/lif"])["sub/lif"]
    np.testing.assert_array_equal(found.to_time_gridded(D.dt).data, rec.swapaxes(0, 1).astype(bool))
    assert found.t_max == pytest.approx(400.5 * D.dt)
    counts = (found.idx >= 0).sum(axis=1)
    np.testing.assert_array_equal(counts, rec.sum(axis=(0, 2)))
    assert np.isinf(found.time[found.idx < 0]).all()
    with ReferenceFile(path) as file:
        file.verify_content()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_spike_counts_are_kept_as_numbers(tmp_path, dtype):
    d = replace(D, spikes="multi", threshold="ge", reset="subtract")
    graph, xs = network(), 3 * inputs(dtype=dtype)
    path = tmp_path / "ref.h5"
    written = nirx.reference(graph, xs, path, discretization=d, dtype=dtype, spikes="events")
    with ReferenceFile(path) as file:
        rec = recorded(graph, xs, file.keys, d, dtype)
        assert rec["sub/lif"].max() > 1
        (own,) = [o for o in file.observables if o.key == "sub/lif"]
        assert own.form == "values"
        np.testing.assert_array_equal(file.read(own, 0, file.steps), rec["sub/lif"])
        file.verify_content()
    assert written.digest == nirx.digest(rec)


def test_what_is_recorded_can_be_chosen(tmp_path):
    graph, xs = network(), inputs()
    for record, keys in (
        ("outputs", ["input", "output"]),
        (["sub/lif.v"], ["input", "sub/lif.v"]),
        ([("sub", "lif"), "sub/lif"], ["input", "sub/lif"]),
    ):
        written = nirx.reference(graph, xs, tmp_path / "r.h5", discretization=D, record=record)
        assert list(written.keys) == keys


def test_features_with_axes_are_flattened_and_say_their_shape(tmp_path):
    graph = nir.NIRGraph(
        {
            "input": nir.Input(np.array([1, 4, 4])),
            "conv": nir.Conv2d(
                (4, 4), np.ones((2, 1, 3, 3)), (1, 1), (0, 0), (1, 1), 1, np.zeros(2)
            ),
            "output": nir.Output(np.array([2, 2, 2])),
        },
        [("input", "conv"), ("conv", "output")],
        type_check=False,
    )
    xs = np.random.default_rng(0).random((7, 2, 3, 1, 4, 4)).astype(np.float32)
    path = tmp_path / "ref.h5"
    written = nirx.reference(graph, xs, path, discretization=D)
    data = nir.read_data(str(path)).nodes["conv"].observables["output"].data
    assert data.shape == (6, 7, 8)
    with h5py.File(path) as file:
        own = file["nodes/conv/observables/output"].attrs["shape"]
        assert list(own) == [2, 2, 2]
    with ReferenceFile(path) as file:
        assert file.batch == (2, 3)
        rec = recorded(graph, xs, file.keys)
        assert written.digest == nirx.digest(rec)
        file.verify_content()


@pytest.mark.parametrize("name", ["a/b", "ü.v", "50%", ".", "\0", "\ud800"])
def test_any_name_can_be_recorded(tmp_path, name):
    graph = network(name)
    path = tmp_path / "ref.h5"
    nirx.reference(graph, inputs(), path, discretization=D)
    with ReferenceFile(path) as file:
        file.verify_content()
        assert any(o.path == ("sub", name) for o in file.observables)
        assert nirx.same_graph(file.graph, graph)


@pytest.mark.parametrize("compression", ["gzip", "lzf", "none"])
def test_compression_changes_the_bytes_not_the_digest(tmp_path, made, compression):
    path = tmp_path / "ref.h5"
    again = nirx.reference(network(), inputs(), path, discretization=D, compression=compression)
    assert again.digest == made[1].digest


def test_the_same_call_writes_the_same_bytes(tmp_path):
    for name in ("a.h5", "b.h5"):
        nirx.reference(network(), inputs(), tmp_path / name, discretization=D)
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()


def test_the_graph_and_the_input_are_left_alone(tmp_path):
    graph, xs = network(), inputs()
    before, copy = network(), xs.copy()
    nirx.reference(graph, xs, tmp_path / "r.h5", discretization=D)
    assert nirx.same_graph(graph, before)
    assert not graph.metadata
    np.testing.assert_array_equal(xs, copy)


# -- hashes --------------------------------------------------------------------------------


def test_hashes_name_what_they_are_of(made, tmp_path):
    path, written = made
    with ReferenceFile(path) as file:
        header = file.header
        rec = recorded(network(), inputs(), file.keys)
    assert header["input_digest"] == nirx.digest({"input": inputs()})
    for entry in header["recordings"]:
        assert entry["digest"] == nirx.digest(rec[entry["key"]])
    assert header["digest"] == written.digest
    other = network()
    other.nodes["fc"].weight[0, 0] += 1
    nirx.reference(other, inputs(), tmp_path / "o.h5", discretization=D)
    with ReferenceFile(tmp_path / "o.h5") as file:
        assert file.header["graph_sha256"] != header["graph_sha256"]


def test_the_hash_of_a_graph_does_not_depend_on_where_it_lies(tmp_path):
    graph = network()
    nirx.write(tmp_path / "g.nir", graph, D)
    swapped = network()
    swapped.nodes = dict(reversed(swapped.nodes.items()))
    swapped.edges = swapped.edges[::-1]
    hashes = []
    for number, own in enumerate((graph, swapped, tmp_path / "g.nir")):
        path = tmp_path / f"{number}.h5"
        nirx.reference(own, inputs(), path, discretization=D)
        with ReferenceFile(path) as file:
            hashes.append(file.header["graph_sha256"])
            assert ("file_sha256" in file.header) == (number == 2)
    assert len(set(hashes)) == 1


def _altered(path, where, change):
    with h5py.File(path, "r+") as file:
        data = file[where][()]
        change(data)
        file[where][...] = data


@pytest.mark.parametrize(
    ("where", "key"),
    [
        ("nodes/sub/nodes/lif/observables/spikes/data", "sub/lif"),
        ("nodes/sub/nodes/lif/observables/v/data", "sub/lif.v"),
        ("nodes/input/observables/input/data", "input"),
    ],
)
def test_a_changed_number_is_found_with_its_chunk(made, tmp_path, where, key):
    path = shutil.copy(made[0], tmp_path / "r.h5")

    def flip(data):
        data[1, 30, 2] = not data[1, 30, 2] if data.dtype == bool else data[1, 30, 2] + 1

    _altered(path, where, flip)
    with (
        ReferenceFile(path) as file,
        pytest.raises(nirx.FileError, match=rf"'{key}' does not match its digest in steps 0 to 49"),
    ):
        file.verify_content()


def test_a_changed_header_is_refused(made, tmp_path):
    path = shutil.copy(made[0], tmp_path / "r.h5")
    with h5py.File(path, "r+") as file:
        header = json.loads(bytes(file[HEADER][()]))
        header["notes"] = "for another chip"
        del file[HEADER]
        file.create_dataset(HEADER, data=np.frombuffer(json.dumps(header).encode(), np.uint8))
    with pytest.raises(nirx.FileError, match="does not match its seal"):
        ReferenceFile(path)


def _resealed(path, change):
    with h5py.File(path, "r+") as file:
        header = json.loads(bytes(file[HEADER][()]))
        change(header)
        del file[HEADER]
        file.create_dataset(HEADER, data=np.frombuffer(sealed(header).encode(), np.uint8))


@pytest.mark.parametrize(
    "change",
    [
        lambda h: h.update(steps="50"),
        lambda h: h.update(chunk_steps=0),
        lambda h: h.update(chunk_steps=True),
        lambda h: h.update(dtype="object"),
        lambda h: h.update(batch=[-1]),
        lambda h: h.update(discretization="{}"),
        lambda h: h.update(format=True),
        lambda h: h.pop("recordings"),
        lambda h: h["recordings"][0].pop("key"),
        lambda h: h["recordings"][0]["chunks"].append("0"),
        lambda h: h["recordings"][1].update(digest="0" * 64),
        lambda h: h["recordings"][1].update(observable="nothing"),
        lambda h: h["recordings"][1].update(path=["nowhere"]),
        lambda h: h["recordings"][1].update(features=[7]),
    ],
)
def test_a_forged_header_is_refused_though_its_seal_is_right(made, tmp_path, change):
    path = shutil.copy(made[0], tmp_path / "r.h5")
    _resealed(path, change)
    with pytest.raises(nirx.FileError), ReferenceFile(path) as file:
        file.verify_content()


@pytest.mark.parametrize("name", ["dt", "shape"])
def test_attributes_that_other_readers_use_are_held_to_the_header(made, tmp_path, name):
    path = shutil.copy(made[0], tmp_path / "r.h5")
    with h5py.File(path, "r+") as file:
        attributes = file["nodes/sub/nodes/lif/observables/spikes"].attrs
        attributes[name] = np.asarray(attributes[name]) * 5
    with ReferenceFile(path) as file, pytest.raises(nirx.FileError, match=f"'sub/lif' has {name}="):
        file.verify_content()


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (None, "no such file"),
        (b"not hdf5", "not an HDF5 file"),
        (b"", "not an HDF5 file"),
    ],
)
def test_what_is_no_reference_is_refused(tmp_path, content, text):
    path = tmp_path / "r.h5"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(nirx.FileError, match=text):
        ReferenceFile(path)


def test_other_hdf5_files_are_refused(tmp_path):
    nirx.write(tmp_path / "g.nir", network(), D)
    with pytest.raises(nirx.FileError, match="no file of `nirx reference`"):
        ReferenceFile(tmp_path / "g.nir")


def test_a_truncated_file_is_refused(made, tmp_path):
    path = tmp_path / "r.h5"
    path.write_bytes(made[0].read_bytes()[:-3000])
    with pytest.raises(nirx.FileError):
        ReferenceFile(path).verify_content()


def test_data_in_another_file_is_refused(made, tmp_path):
    path = shutil.copy(made[0], tmp_path / "r.h5")
    where = "nodes/sub/nodes/lif/observables/v/data"
    with h5py.File(path, "r+") as file:
        del file[where]
        file[where] = h5py.ExternalLink(str(made[0]), where)
    with ReferenceFile(path) as file, pytest.raises(nirx.FileError, match="is missing"):
        file.verify_content()


# -- calls ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"compression": "zip"}, "expected one of 'gzip', 'lzf', 'none'"),
        ({"spikes": "sparse"}, "expected one of 'dense', 'events'"),
        ({"record": ["nothing"]}, "nothing is called 'nothing'"),
        ({"dtype": "int8"}, "float32 or float64"),
        ({"backend": "nope"}, "no backend 'nope'"),
    ],
)
def test_bad_calls(tmp_path, options, text):
    with pytest.raises(nirx.NirxError, match=text):
        nirx.reference(network(), inputs(), tmp_path / "r.h5", discretization=D, **options)
    assert not (tmp_path / "r.h5").exists()


def test_a_place_that_cannot_be_written_is_said_before_the_work(tmp_path):
    with pytest.raises(nirx.FileError, match="there is no folder"):
        nirx.reference(network(), inputs(), tmp_path / "no" / "r.h5", discretization=D)


@pytest.mark.parametrize("what", ["graph", "input"])
def test_what_is_read_is_not_overwritten(tmp_path, what):
    paths = {"graph": tmp_path / "g.h5", "input": tmp_path / "x.h5"}
    nirx.write(paths["graph"], network(), D)
    nirx.reference(network(), inputs(), paths["input"], discretization=D)
    before = paths[what].read_bytes()
    with pytest.raises(nirx.FileError, match="is read too"):
        nirx.reference(paths["graph"], paths["input"], paths[what])
    assert paths[what].read_bytes() == before


@pytest.mark.parametrize("name", ["x.npz", "x.csv", "m.NIR"])
def test_a_name_of_another_kind_of_file_is_refused(tmp_path, name):
    with pytest.raises(nirx.FileError, match=r"a reference is an HDF5 file; call it \w\.h5"):
        nirx.reference(network(), inputs(), tmp_path / name, discretization=D)


def test_neurons_that_never_spiked_are_counted(tmp_path):
    graph = network()
    graph.nodes["sub"].nodes["lif"].v_threshold[1:3] = 1e6
    written = nirx.reference(graph, inputs(), tmp_path / "r.h5", discretization=D)
    assert written.silent == {"sub/lif": 2}
    assert "never spiked: 2 of sub/lif" in str(written)
    with ReferenceFile(tmp_path / "r.h5") as file:
        assert file.header["silent_neurons"] == {"sub/lif": 2}


def test_no_steps_is_nothing_to_record(tmp_path):
    with pytest.raises(nirx.InputError, match="no steps"):
        nirx.reference(network(), inputs(0), tmp_path / "r.h5", discretization=D)


def test_inputs_are_always_in_the_file():
    schedule = nirx.schedule(network(), D)
    assert [o.name for o in observables(schedule, [])] == ["input"]


# -- a run that stops ----------------------------------------------------------------------


class Stops:
    """An input that fails after some steps, as a machine may."""

    def __init__(self, xs, at):
        self.xs, self.at = xs, at
        self.steps, self.batch, self.identity = len(xs), xs.shape[1:2], {"kind": "test"}

    def read(self, start, stop):
        if self.at is not None and start >= self.at:
            raise OSError("the disk is gone")
        return {"input": self.xs[start:stop]}


def test_a_run_that_stops_goes_on_on_another_backend(tmp_path):
    xs = inputs(5000)
    path, whole = tmp_path / "r.h5", tmp_path / "whole.h5"
    wanted = nirx.reference(network(), Stops(xs, None), whole, discretization=D)
    with pytest.raises(OSError, match="the disk is gone"):
        nirx.reference(network(), Stops(xs, 2000), path, discretization=D)
    assert not path.exists()
    ticks = []
    found = nirx.reference(
        network(), Stops(xs, None), path, discretization=D, backend="torch", advance=ticks.append
    )
    assert found.resumed == 2048
    assert sum(ticks) == 5000
    assert found.digest == wanted.digest


def test_parts_of_another_run_are_not_mixed_in(tmp_path):
    xs = inputs(5000)
    path = tmp_path / "r.h5"
    with pytest.raises(OSError, match="the disk is gone"):
        nirx.reference(network(), Stops(xs, 2000), path, discretization=D)
    other = replace(D, dt=2e-3)
    with pytest.raises(nirx.InputError, match=r"another run \(it differs in discretization\)"):
        nirx.reference(network(), Stops(xs, None), path, discretization=other)
    shutil.rmtree(tmp_path / "r.h5.parts")
    nirx.reference(network(), Stops(xs, None), path, discretization=other)


@pytest.mark.parametrize("kind", ["folder", "file", "link", "manifest"])
def test_what_is_in_the_way_of_the_parts_is_left_alone(tmp_path, kind):
    parts, precious = tmp_path / "r.h5.parts", tmp_path / "mine"
    precious.mkdir()
    (precious / "precious.txt").write_text("mine")
    if kind == "folder":
        precious.rename(parts)
    elif kind == "link":
        parts.symlink_to(precious)
    elif kind == "file":
        parts.write_text("mine")
    else:
        parts.mkdir()
        (parts / "manifest.json").write_bytes(b"\xff\xfe")
    with pytest.raises(nirx.NirxError, match=r"r\.h5\.parts"):
        nirx.reference(network(), inputs(), tmp_path / "r.h5", discretization=D)
    assert parts.exists()
    assert any(p.read_bytes() for p in tmp_path.rglob("*") if p.is_file())


def test_a_run_killed_before_its_manifest_goes_on(tmp_path):
    folder = tmp_path / "r.h5.parts"
    folder.mkdir()
    (folder / ".nirx-abc.part").write_bytes(b"half")
    nirx.reference(network(), inputs(), tmp_path / "r.h5", discretization=D)
    assert not folder.exists()


@pytest.mark.parametrize("survive", range(5))  # 3 parts, the manifest, and the folder itself
def test_a_run_killed_while_its_parts_are_removed_goes_on(tmp_path, monkeypatch, survive):
    xs = inputs(5000)
    path, folder = tmp_path / "r.h5", tmp_path / "r.h5.parts"
    removed = []

    def until_killed(function):
        def remove(self, **options):
            if self.parent == folder or self == folder:
                if len(removed) == survive:
                    raise KeyboardInterrupt
                removed.append(self.name)
            return function(self, **options)

        return remove

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", until_killed(Path.unlink))
        patch.setattr(Path, "rmdir", until_killed(Path.rmdir))
        with pytest.raises(KeyboardInterrupt):
            nirx.reference(network(), xs, path, discretization=D)
    assert len(removed) == survive
    assert folder.exists()
    wanted = path.read_bytes()
    path.unlink()
    nirx.reference(network(), xs, path, discretization=D)
    assert path.read_bytes() == wanted
    assert not folder.exists()


def test_a_damaged_part_is_said(tmp_path):
    xs = inputs(5000)
    path = tmp_path / "r.h5"
    with pytest.raises(OSError, match="the disk is gone"):
        nirx.reference(network(), Stops(xs, 2000), path, discretization=D)
    part = tmp_path / "r.h5.parts" / "part-000001.npz"
    part.write_bytes(part.read_bytes()[:100])
    with pytest.raises(nirx.FileError, match=r"part-000001\.npz"):
        nirx.reference(network(), Stops(xs, None), path, discretization=D)


# -- what no digest of numbers covers ------------------------------------------------------


DENSE = "nodes/sub/nodes/lif/observables/spikes"
VALUES = "nodes/sub/nodes/lif/observables/v"


def _attribute(where, name, value):
    def change(file):
        file[where].attrs[name] = value

    return change


def _stored_again(where, convert):
    def change(file):
        data = convert(file[where][()])
        del file[where]
        file[where] = data

    return change


def _added(where, **data):
    def change(file):
        for name, value in data.items():
            file.require_group(where)[name] = value

    return change


def _without(where, name):
    def change(file):
        del file[where].attrs[name]

    return change


def _as_another_type(where):
    def change(file):
        del file[where]
        file[where] = np.zeros(3)

    return change


ZEROS = np.zeros((2, 50, 4))
TAMPERED = {
    "another discretization in the graph": (
        "graph does not match its digest",
        lambda file: _other_step(file),
    ),
    "type of the root": ("'/' has __type__='Foo'", _attribute("/", "__type__", "Foo")),
    "type of a nested graph": (
        "'nodes/sub' has __type__='NIRNodeData', but the header says 'NIRGraphData'",
        _attribute("nodes/sub", "__type__", "NIRNodeData"),
    ),
    "no type of a node": ("'nodes/fc' has __type__=None", _without("nodes/fc", "__type__")),
    "type of an observable": ("'sub/lif' has __type__=", _attribute(DENSE, "__type__", "XGridded")),
    "type of another kind": (
        "'sub/lif' has __type__=",
        _attribute(DENSE, "__type__", b"EventData"),
    ),
    "unit in another precision": ("'sub/lif' has dt=", _attribute(DENSE, "dt", np.float32(1e-3))),
    "unit as text": ("'sub/lif' has dt=", _attribute(DENSE, "dt", "0.001")),
    "more attributes": ("has an attribute 't_max'", _attribute(DENSE, "t_max", 5.0)),
    "attributes of data": ("has an attribute 'unit'", _attribute(f"{VALUES}/data", "unit", "mV")),
    "mark of names": (
        "has an attribute 'nirx_names'",
        _attribute("/", "nirx_names", "percent-encoded"),
    ),
    "another node": ("holds 'nodes/ghost'", _added("nodes/ghost/observables/v", data=ZEROS)),
    "another node in a graph": ("holds 'nodes/sub/nodes/x'", _added("nodes/sub/nodes/x", data=0)),
    "another observable": (
        "holds 'nodes/fc/observables/v', which its header does not list",
        _added("nodes/fc/observables/v", data=ZEROS),
    ),
    "events beside data": (f"holds '{DENSE}/idx'", _added(DENSE, idx=ZEROS[0], time=ZEROS[0])),
    "more in the root": ("holds 'more'", _added("more", x=1)),
    "more beside the header": ("holds 'nirx/more'", _added("nirx", more=1)),
    "spikes as numbers": (
        "spikes/data' holds float32, but nirx writes bool",
        _stored_again(f"{DENSE}/data", lambda x: x.astype("f4")),
    ),
    "values in more digits": (
        "v/data' holds float64, but nirx writes float32",
        _stored_again(f"{VALUES}/data", lambda x: x * (1 + 2e-8 * np.ones((), "f8"))),
    ),
    "header in wide numbers": (
        "'nirx/header' holds int64",
        _stored_again(HEADER, lambda x: x.view("i1").astype("i8")),
    ),
    "a group that is none": ("is no group", _as_another_type("nodes/fc")),
}


def _other_step(file):
    from nirx.files.writing import file_bytes
    from nirx.references.embedded_graph import read_embedded

    graph = read_embedded(bytes(file["nirx/graph"][()]), "own")
    data = file_bytes(graph, nirx.Discretization(dt=2e-3, reset="subtract"))
    del file["nirx/graph"]
    file["nirx/graph"] = np.frombuffer(data, np.uint8)


@pytest.mark.parametrize("name", TAMPERED)
def test_what_other_readers_go_by_is_held_to_the_header(made, tmp_path, name):
    text, change = TAMPERED[name]
    path = shutil.copy(made[0], tmp_path / "r.h5")
    with h5py.File(path, "r+") as file:
        change(file)
    if name == "header in wide numbers":  # it is no text of its bytes
        with pytest.raises(nirx.FileError):
            ReferenceFile(path)
        return
    with ReferenceFile(path) as file, pytest.raises(nirx.FileError) as raised:
        file.verify_content()
    assert text in str(raised.value)
    assert "changed" in str(raised.value)


def test_the_order_of_bytes_is_left_to_the_machine(made, tmp_path):
    path = shutil.copy(made[0], tmp_path / "r.h5")
    with h5py.File(path, "r+") as file:
        _stored_again(f"{VALUES}/data", lambda x: x.astype(">f4"))(file)
        assert file[f"{VALUES}/data"].dtype == ">f4"
    with ReferenceFile(path) as file:
        file.verify_content()


EVENTS = {
    "late in the step": ("the middle of one of 400 steps", lambda i, t: (i, t + 4.9e-4)),
    "an ulp late": ("the middle of one of", lambda i, t: (i, np.nextafter(t, np.inf))),
    "one twice": (
        "events are there twice",
        lambda i, t: (np.c_[i[:, :1], i], np.c_[t[:, :1], t]),
    ),
    "in reverse": ("not in order", lambda i, t: _rows(i, t, lambda n: slice(None, None, -1))),
    "two exchanged": ("not in order", lambda i, t: _rows(i, t, lambda n: [1, 0, *range(2, n)])),
    "other padding": ("an event has the time inf", lambda i, t: (np.where(i < 0, -7, i), t)),
    "padding at a time": (
        "padding is not idx -1 at time inf",
        lambda i, t: (i, np.where(i < 0, 0.1, t)),
    ),
    "more padding": (
        "padded further than its longest row",
        lambda i, t: (np.c_[i, [-1, -1]], np.c_[t, [np.inf] * 2]),
    ),
    "after the end": (
        "the middle of one of 400 steps",
        lambda i, t: (np.c_[_full(i), [0, 0]], np.c_[_full(t, 399.5), [400.5e-3] * 2]),
    ),
    "at no time": (
        "the middle of one of 400 steps",
        lambda i, t: (np.c_[_full(i), [0, 0]], np.c_[_full(t, 399.5), [np.inf] * 2]),
    ),
    "other rows": ("2 rows of one length", lambda i, t: (i, t[:, 1:])),
    "as numbers": ("idx' holds float64, but nirx writes int64", lambda i, t: (i + 0.0, t)),
    "in single precision": ("time' holds float32", lambda i, t: (i, t.astype("f4"))),
}


def _rows(idx, time, order):
    """Every row in another order, its padding left at the end."""
    idx, time = idx.copy(), time.copy()
    for own, when in zip(idx, time, strict=True):
        n = int((own >= 0).sum())
        own[:n], when[:n] = own[:n][order(n)], when[:n][order(n)]
    return idx, time


def _full(array, at=None):
    """Rows without padding: the shortest one says how many events."""
    kept = int((array >= 0).sum(1).min()) if at is None else int(np.isfinite(array).sum(1).min())
    return array[:, :kept]


@pytest.fixture(scope="module")
def listed(tmp_path_factory):
    path = tmp_path_factory.mktemp("events") / "ref.h5"
    nirx.reference(network(), inputs(400), path, discretization=D, spikes="events")
    return path


@pytest.mark.parametrize("block", [2, 2**16])
@pytest.mark.parametrize("name", EVENTS)
def test_events_are_as_nirx_writes_them(listed, tmp_path, monkeypatch, name, block):
    """The spikes, and so the digest, are mostly the same; to other readers they are not."""
    from nirx.references import event_rows

    monkeypatch.setattr(event_rows, "EVENTS", block)
    text, change = EVENTS[name]
    path = shutil.copy(listed, tmp_path / "r.h5")
    with h5py.File(path, "r+") as file:
        group = file[DENSE]
        idx, time = group["idx"][()], group["time"][()]
        assert (idx < 0).any(), "the test wants padding"
        for key, value in zip(("idx", "time"), change(idx, time), strict=True):
            del group[key]
            group[key] = value
    monkeypatch.setattr(ReferenceFile, "_require_digests", lambda self, advance: None)
    with ReferenceFile(path) as file, pytest.raises(nirx.FileError) as raised:
        file.verify_content()
    assert text in str(raised.value)
    assert "changed" in str(raised.value)
    with ReferenceFile(listed) as file:
        file.verify_content()


def test_padding_has_no_gaps():
    from nirx.references.event_rows import require_event_rows

    idx, time = np.array([[1, -1, 2, 1]]), np.array([[0.5, np.inf, 1.5, 2.5]])
    for block in (1, 2, 9):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("nirx.references.event_rows.EVENTS", block)
            with pytest.raises(nirx.FileError, match=r"after the padding|padding is not idx"):
                require_event_rows("x", idx, time, (1, 3, 3), 1.0)
    require_event_rows("x", idx[:, :1], time[:, :1], (1, 3, 3), 1.0)
    require_event_rows("x", idx[:, :0], time[:, :0], (1, 3, 3), 1.0)
    require_event_rows("x", idx[:0, :0], time[:0, :0], (0, 3, 3), 1.0)
    with pytest.raises(nirx.FileError, match="none of 2 neurons"):
        require_event_rows("x", idx[:, 2:3], time[:, 2:3], (1, 3, 2), 1.0)
    with pytest.raises(nirx.FileError, match="none of 3 neurons"):
        require_event_rows("x", idx[:, :1] - 3, time[:, :1], (1, 3, 3), 1.0)


def test_the_graph_is_there_to_the_byte(made):
    """Its metadata say how it steps, which the digest of the graph leaves out."""
    import hashlib

    with ReferenceFile(made[0]) as file:
        data = bytes(file.file["nirx/graph"][()])
        assert file.header["graph_file_sha256"] == hashlib.sha256(data).hexdigest()


# -- a good file on a bad day --------------------------------------------------------------


def test_no_room_for_a_temporary_file_is_not_the_references_fault(made, tmp_path, monkeypatch):
    def full(*arguments, **options):
        raise OSError(28, "No space left on device")

    with ReferenceFile(made[0]) as file:
        with monkeypatch.context() as patch:
            patch.setattr("tempfile.tempdir", str(tmp_path))
            patch.setattr("tempfile.TemporaryDirectory", full)
            with pytest.raises(nirx.FileError) as raised:
                file.verify_content()
        wanted = f"cannot write a temporary file to {tmp_path}: No space left on device"
        assert wanted in str(raised.value)
        assert "damaged" not in str(raised.value)
        with monkeypatch.context() as patch:
            patch.setattr("tempfile.tempdir", str(tmp_path / "gone"))
            with pytest.raises(nirx.FileError, match="gone: No such file or directory; make room"):
                file.verify_content()
        file.verify_content()


@pytest.mark.parametrize("text", ["nirdata:{},observable=input", "events:{},unit=us", "npy:{}"])
def test_an_input_behind_a_prefix_is_not_overwritten(tmp_path, monkeypatch, text):
    monkeypatch.chdir(tmp_path)
    nirx.reference(network(), inputs(), "own.h5", discretization=D)
    (tmp_path / "link.h5").symlink_to("own.h5")
    before = (tmp_path / "own.h5").read_bytes()
    for name in ("own.h5", "./own.h5", "link.h5"):
        with pytest.raises(nirx.FileError, match=r"out own\.h5: is read too"):
            nirx.reference(network(), text.format(name), "own.h5", discretization=D)
    assert (tmp_path / "own.h5").read_bytes() == before
    nirx.reference(network(), "nirdata:own.h5,observable=input", "new.h5", discretization=D)


def test_every_dataset_is_opened_once(tmp_path, monkeypatch):
    """HDF5 drops its cache of chunks with the dataset: a chunk was decompressed for each read."""
    from nirx.references import reading

    path, opened = tmp_path / "r.h5", []
    monkeypatch.setattr("nirx.references.generate.MOST_STEPS", 5)
    nirx.reference(network(), inputs(), path, discretization=D)
    check = reading.check_dataset
    monkeypatch.setattr(reading, "check_dataset", lambda d, w: (opened.append(d.name), check(d, w)))
    with ReferenceFile(path) as file:
        assert file.chunk == 5
        file.verify_content()
        assert len(opened) == len(set(opened)) == len(file.keys) + 2
    with ReferenceFile(path) as file:
        monkeypatch.setattr(reading, "MOST_OPEN", 2)
        file.verify_content()
        assert len(file._datasets) <= 2, "the caches take no memory without end"
    assert not file._datasets
