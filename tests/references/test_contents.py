"""What a reference file holds: the recordings of a run, as `nir.read_data` reads them."""

from __future__ import annotations

import hashlib
import lzma
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import nir
import numpy as np
import pytest

import nirx
from nirx.references.reading import ReferenceFile
from support.graphs import chain
from support.references import STEP, clip, nested, recorded, write_reference

WRITTEN = Path(__file__).with_name("written")


def test_it_holds_the_recordings_of_the_network(made):
    path, written = made
    with ReferenceFile(path) as file:
        file.verify_content()
        rec = recorded(file.keys)
        for observable in file.observables:
            found = file.read(observable, 0, file.steps)
            np.testing.assert_array_equal(found, rec[observable.key])
            assert found.dtype == rec[observable.key].dtype
        assert nirx.same_graph(file.graph, nested())
        assert file.discretization == STEP
        assert (file.header["licence"], file.header["notes"]) == ("CC0", "for a chip")
        assert set(file.header["software"]) >= {"nirx", "numpy", "nir", "python", "backend"}
    assert written.digest == nirx.digest(rec)
    assert rec["sub/lif"].any()
    assert (written.steps, written.resumed) == (50, 0)
    assert written.recorded_bytes == sum(a.nbytes for a in rec.values())
    assert [p.name for p in path.parent.iterdir()] == ["ref.h5"]


def test_nir_reads_it_including_nested_graphs(made):
    nodes: Any = nir.read_data(str(made[0])).nodes
    rec = recorded(["input", "sub/lif", "sub/lif.v", "li"])
    neurons = nodes["sub"].nodes["lif"].observables
    assert isinstance(neurons["spikes"], nir.TimeGriddedData)
    assert neurons["spikes"].dt == STEP.dt
    assert neurons["spikes"].data.dtype == bool
    for found, key in (
        (neurons["spikes"], "sub/lif"),
        (neurons["v"], "sub/lif.v"),
        (nodes["input"].observables["input"], "input"),
        (nodes["li"].observables["output"], "li"),
    ):
        np.testing.assert_array_equal(found.data, rec[key].swapaxes(0, 1))


def test_nir_loses_no_event(listed, tmp_path):
    dense = write_reference(tmp_path / "dense.h5", clip(400))
    nodes: Any = nir.read_data(str(listed)).nodes
    found = nodes["sub"].nodes["lif"].observables["spikes"]
    assert isinstance(found, nir.EventData)
    rec = recorded(["sub/lif"], clip(400))["sub/lif"]
    gridded: Any = found.to_time_gridded(STEP.dt)
    np.testing.assert_array_equal(gridded.data, rec.swapaxes(0, 1).astype(bool))
    assert found.t_max == pytest.approx(400.5 * STEP.dt)
    np.testing.assert_array_equal((found.idx >= 0).sum(axis=1), rec.sum(axis=(0, 2)))
    assert np.isinf(found.time[found.idx < 0]).all()
    with ReferenceFile(listed) as file:
        assert file.digest == dense.digest
        file.verify_content()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.sampled(2)
def test_spike_counts_are_kept_as_numbers(tmp_path, dtype):
    rule, path = replace(STEP, spikes="multi", threshold="ge", reset="subtract"), tmp_path / "r.h5"
    xs = 3 * clip(dtype=dtype)
    written = write_reference(path, xs, discretization=rule, dtype=dtype, spikes="events")
    with ReferenceFile(path) as file:
        rec = recorded(file.keys, xs, rule, dtype)
        assert rec["sub/lif"].max() > 1
        (own,) = [o for o in file.observables if o.key == "sub/lif"]
        assert own.form == "values"
        np.testing.assert_array_equal(file.read(own, 0, file.steps), rec["sub/lif"])
        file.verify_content()
    assert written.digest == nirx.digest(rec)


@pytest.mark.parametrize(
    ("record", "keys"),
    [
        ("outputs", ("input", "output")),
        (["sub/lif.v"], ("input", "sub/lif.v")),
        ([("sub", "lif"), "sub/lif"], ("input", "sub/lif")),
        ([], ("input",)),
    ],
)
def test_inputs_and_whatever_the_user_chooses_are_recorded(tmp_path, record, keys):
    assert write_reference(tmp_path / "r.h5", record=record).keys == keys


def test_features_are_flattened_and_their_shape_is_kept(tmp_path):
    kernel: Any = np.ones((2, 1, 3, 3))
    conv = nir.Conv2d((4, 4), kernel, (1, 1), (0, 0), (1, 1), 1, np.zeros(2))
    graph, path = chain({"conv": conv}, (1, 4, 4), (2, 2, 2)), tmp_path / "r.h5"
    xs = np.random.default_rng(0).random((7, 2, 3, 1, 4, 4)).astype(np.float32)
    written = write_reference(path, xs, graph)
    nodes: Any = nir.read_data(str(path)).nodes
    assert nodes["conv"].observables["output"].data.shape == (6, 7, 8)
    with h5py.File(path) as hdf5:
        file: Any = hdf5
        assert list(file["nodes/conv/observables/output"].attrs["shape"]) == [2, 2, 2]
    with ReferenceFile(path) as file:
        assert file.batch == (2, 3)
        net = nirx.from_nir(graph, "numpy", STEP, reproducible=True)
        assert written.digest == nirx.digest(net.run(xs, record=file.keys)[2])
        file.verify_content()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["a/b", "ü.v", "50%", ".", "\0", "\ud800"])
def test_a_node_of_any_name_can_be_recorded(tmp_path, name):
    graph, path = nested(name), tmp_path / "r.h5"
    write_reference(path, graph=graph)
    with ReferenceFile(path) as file:
        file.verify_content()
        assert any(o.path == ("sub", name) for o in file.observables)
        assert nirx.same_graph(file.graph, graph)


@pytest.mark.parametrize("compression", ["gzip", "lzf", "none"])
def test_compression_does_not_change_the_digest(tmp_path, made, compression):
    assert write_reference(tmp_path / "r.h5", compression=compression).digest == made[1].digest


def test_the_same_call_writes_the_same_bytes_and_leaves_its_arguments_alone(tmp_path):
    graph, xs = nested(), clip()
    for name in ("a.h5", "b.h5"):
        write_reference(tmp_path / name, xs, graph)
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()
    assert nirx.same_graph(graph, nested())
    assert not graph.metadata
    np.testing.assert_array_equal(xs, clip())


def test_neurons_that_never_spiked_are_counted(tmp_path):
    graph = nested()
    graph.nodes["sub"].nodes["lif"].v_threshold[1:3] = 1e6
    written = write_reference(tmp_path / "r.h5", graph=graph)
    assert written.silent == {"sub/lif": 2}
    assert "never spiked: 2 of sub/lif" in str(written)
    with ReferenceFile(tmp_path / "r.h5") as file:
        assert file.header["silent_neurons"] == {"sub/lif": 2}


# -- hashes --------------------------------------------------------------------------------


def test_every_hash_is_of_what_its_name_says(made, tmp_path):
    path, written = made
    with ReferenceFile(path) as file:
        header = file.header
        rec = recorded(file.keys)
        data: Any = file.file["nirx/graph"]
        graph = bytes(data[()])
    assert header["input_digest"] == nirx.digest({"input": clip()})
    for entry in header["recordings"]:
        assert entry["digest"] == nirx.digest(rec[entry["key"]])
    assert header["digest"] == written.digest
    assert header["graph_file_sha256"] == hashlib.sha256(graph).hexdigest()
    other = nested()
    other.nodes["fc"].weight[0, 0] += 1
    write_reference(tmp_path / "o.h5", graph=other)
    with ReferenceFile(tmp_path / "o.h5") as file:
        assert file.header["graph_sha256"] != header["graph_sha256"]


def test_the_hash_of_a_graph_does_not_depend_on_order_or_file(tmp_path):
    nirx.write(tmp_path / "g.nir", nested(), STEP)
    swapped = nested()
    swapped.nodes = dict(reversed(swapped.nodes.items()))
    swapped.edges = swapped.edges[::-1]
    headers = []
    for graph in (nested(), swapped, tmp_path / "g.nir"):
        write_reference(tmp_path / "r.h5", graph=graph)
        with ReferenceFile(tmp_path / "r.h5") as file:
            headers.append(file.header)
    assert len({header["graph_sha256"] for header in headers}) == 1
    assert ["file_sha256" in header for header in headers] == [False, False, True]
    assert headers[0]["recordings"] == headers[1]["recordings"]


@pytest.mark.parametrize("spikes", ["dense", "events"])
def test_old_references_verify_and_are_written_the_same_today(tmp_path, spikes):
    """The files in `written` were made before the code that writes and checks them was changed."""
    old, new = tmp_path / "old.h5", tmp_path / "new.h5"
    old.write_bytes(lzma.decompress((WRITTEN / f"{spikes}.h5.xz").read_bytes()))
    write_reference(new, clip(30), spikes=spikes)
    headers = []
    for path in (old, new):
        with ReferenceFile(path) as file:
            file.verify_content()
            headers.append(file.header)
    for versions in ("software", "graph_file_sha256", "seal"):
        assert all(header.pop(versions) for header in headers)
    assert headers[0] == headers[1]


# -- reading -------------------------------------------------------------------------------


def test_every_dataset_is_opened_once(tmp_path, monkeypatch):
    """HDF5 drops its cache of chunks with the dataset: each read would decompress a chunk."""
    from nirx.references import reading

    path, opened = tmp_path / "r.h5", []
    monkeypatch.setattr("nirx.references.generate.MOST_STEPS", 5)
    write_reference(path)
    check = reading.CheckedDataset
    monkeypatch.setattr(
        reading, "CheckedDataset", lambda f, d, w: opened.append(d.name) or check(f, d, w)
    )
    with ReferenceFile(path) as file:
        assert file.chunk == 5
        file.verify_content()
        assert len(opened) == len(set(opened)) == len(file.keys) + 2
    with ReferenceFile(path) as file:
        monkeypatch.setattr(reading, "MOST_OPEN", 2)
        file.verify_content()
        assert len(file._datasets) <= 2, "the caches must not take memory without limit"
    assert not file._datasets
