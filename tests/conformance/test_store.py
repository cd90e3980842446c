"""The stored suite: readable without nirx, complete, and any flipped number is found."""

import hashlib
import io
import json
import tarfile
from typing import Any

import h5py
import numpy as np
import pytest

import nirx
from nirx_conformance.cases import ALL_CASES, MODULES
from nirx_conformance.store import (
    STORED,
    __main__,
    compare_store,
    computing,
    read_case,
    write_store,
)
from nirx_conformance.store.reading import read_graph
from nirx_conformance.suite.expected import expect

FEW = tuple(c for c in ALL_CASES if c.name in ("neuron LIF", "state of a feedback edge"))
MANIFEST = json.loads((STORED / "manifest.json").read_text())


@pytest.fixture
def folder(tmp_path):
    write_store(tmp_path / "stored", FEW)
    return tmp_path / "stored"


def opened(file, mode="r") -> Any:
    """h5py's own types say that anything may be a group."""
    return h5py.File(file, mode)


def plain_digest(leaves):
    """The digest as nirx_conformance.store documents it."""
    encoded = {}
    for path, array in leaves:
        texts = [text.encode() for text in path]
        encoded[b"".join(b"k%d:%s" % (len(t), t) for t in texts)] = array
    hasher = hashlib.sha256(b"nirx digest 1\n")
    for path in sorted(encoded):
        array = encoded[path]
        if array.dtype.kind == "f":
            array = np.where(array == 0, np.abs(array), array)
            array[np.isnan(array)] = np.nan
        hasher.update(path + b"\n" + f"{array.dtype.name} {list(array.shape)}\n".encode())
        hasher.update(array.astype(array.dtype.newbyteorder("<")).tobytes())
    return hasher.hexdigest()


def graph_leaves(text):
    """The datasets of a .nir file."""
    found = []

    def visit(name, item):
        if isinstance(item, h5py.Dataset) and name != "version":
            value = item[()]
            if h5py.check_string_dtype(item.dtype):
                value = item.asstr()[()]
                words = value if isinstance(value, str) else value.tolist()
                flat = words if isinstance(words, str) else json.dumps(words, ensure_ascii=False)
                value = np.frombuffer(flat.encode(), np.uint8)
            found.append((name.split("/"), np.asarray(value)))

    with opened(io.BytesIO(text)) as file:
        file.visititems(visit)
    return found


def test_the_manifest_names_the_cases_and_versions():
    assert list(MANIFEST["cases"]) == [case.name for case in ALL_CASES]
    assert MANIFEST["semantics"] == nirx.SEMANTICS_VERSION
    assert set(MANIFEST["versions"]) == {"nirx", "nir", "numpy"}
    assert sum(path.stat().st_size for path in STORED.iterdir()) < 6e6
    assert {f.name for f in STORED.iterdir()} == {
        *("manifest.json", "graphs.tar.xz"),
        *(about["file"] for about in MANIFEST["cases"].values()),
    }
    assert len({about["graph"] for about in MANIFEST["cases"].values()}) == len(ALL_CASES)


@pytest.mark.slow
def test_the_hashes_hold_when_read_by_h5py_and_tarfile_alone():
    with tarfile.open(STORED / "graphs.tar.xz") as archive:
        for about in MANIFEST["cases"].values():
            text = read_graph(archive, about["graph"])
            assert plain_digest(graph_leaves(text)) == about["sha256"]["graph"]
    for name, about in MANIFEST["cases"].items():
        with opened(STORED / about["file"]) as file:
            for section in about["arrays"]:
                group = file[name][section]
                paths = json.loads(group.attrs["paths"])
                leaves = [(path, group[str(i)][()]) for i, path in enumerate(paths)]
                assert plain_digest(leaves) == about["sha256"][section], (name, section)


def test_files_are_named_by_topic():
    topics = {module.__name__.rpartition(".")[2] for module in MODULES}
    assert {path.stem for path in STORED.glob("*.h5")} == topics


def test_the_manifest_says_which_file_holds_a_case(folder):
    """As in the first version, whose files were named by the first word of the case."""
    text = (folder / "manifest.json").read_text().replace('"neurons.h5"', '"neuron.h5"')
    (folder / "manifest.json").write_text(text)
    (folder / "neurons.h5").rename(folder / "neuron.h5")
    assert read_case("neuron LIF", folder).sections["outputs"]
    assert compare_store(folder, FEW) == {}


def test_large_cases_have_digests_instead_of_arrays():
    held = {name: about["arrays"] for name, about in MANIFEST["cases"].items()}
    assert held["size 10000 CubaLIF"] == []
    assert held["time 1000 steps"] == ["inputs", "outputs"]
    assert "recordings" in held["neuron CubaLIF"]
    assert all("outputs" in about["sha256"] for about in MANIFEST["cases"].values())


@pytest.mark.exhaustive
def test_the_stored_suite_equals_a_newly_computed_one():
    assert compare_store() == {}


def test_a_case_is_read_as_it_was_written(folder):
    for case in FEW:
        found = read_case(case.name, folder)
        expected = expect(case)
        ours = {"start": expected.start, "inputs": case.inputs, "warmup": case.warmup}
        ours |= vars(expected.result)
        for section, tree in ours.items():
            assert nirx.digest(found.sections.get(section)) == nirx.digest(tree)
        assert found.about["discretization"]["dt"] == case.discretization.dt


def test_a_stored_graph_run_on_stored_inputs_gives_the_stored_outputs(folder, tmp_path):
    found = read_case("state of a feedback edge", folder)
    (tmp_path / "graph.nir").write_bytes(found.graph)
    d = nirx.Discretization.from_json(json.dumps(found.about["discretization"]))
    net = nirx.from_nir(nirx.read(tmp_path / "graph.nir"), "numpy", d, dtype="float64")
    ys, _ = net.run(found.sections["inputs"], found.sections["start"])
    np.testing.assert_allclose(ys, found.sections["outputs"]["output"], rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    "section", ["inputs", "start", "outputs", "recordings", "state", "margins"]
)
def test_a_flipped_bit_is_found(folder, section):
    with opened(folder / "warmups.h5", "r+") as file:
        place = file["state of a feedback edge"][section]["0"]
        place[(0,) * place.ndim] = np.nextafter(place[(0,) * place.ndim], 9)
    faults = compare_store(folder, FEW)
    assert list(faults) == ["state of a feedback edge"]
    assert "does not match the manifest" in faults["state of a feedback edge"]


def test_a_changed_graph_is_found(folder, tmp_path):
    with tarfile.open(folder / "graphs.tar.xz") as archive:
        members = {name: read_graph(archive, name) for name in archive.getnames()}
    text = io.BytesIO(members["neuron-LIF.nir"])
    with opened(text, "r+") as file:
        file["node/nodes/n0/tau"][0] *= 1.5
    members["neuron-LIF.nir"] = text.getvalue()
    with tarfile.open(folder / "graphs.tar.xz", "w:xz") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    assert compare_store(folder, FEW) == {
        "neuron LIF": "graph: the file does not match the manifest"
    }


def test_missing_and_unknown_cases_are_found(folder):
    assert compare_store(folder, ALL_CASES[:1])["neuron LIF"] == "there is no such case"
    assert compare_store(folder, ALL_CASES[:1])["neuron I"] == "not stored"
    (folder / "neurons.h5").unlink()
    assert "cannot be read" in compare_store(folder, FEW)["neuron LIF"]


def test_close_accepts_last_bits_of_expected_numbers_and_nothing_else(folder, monkeypatch):
    def moved(by):
        def other(case, dtype=None):
            found = expect(case, dtype)
            for array in found.result.recordings.values():
                array *= 1 + by
            return found

        monkeypatch.setattr(computing, "expect", other)

    moved(1e-15)
    assert "recordings: differs from the computed one" in compare_store(folder, FEW)["neuron LIF"]
    assert compare_store(folder, FEW, close=True) == {}
    moved(1e-9)
    assert "by more than last bits" in compare_store(folder, FEW, close=True)["neuron LIF"]


@pytest.mark.parametrize("faults", [{}, {"neuron LIF": "inputs differ"}])
def test_the_command_says_what_differs(monkeypatch, capsys, faults):
    monkeypatch.setattr(__main__, "compare_store", lambda *_, **__: faults)
    assert __main__.main([]) == len(faults)
    assert ("'neuron LIF': inputs differ" in capsys.readouterr().out) == bool(faults)


def test_writing_twice_gives_the_same_bytes(folder, tmp_path):
    write_store(tmp_path / "again", FEW)
    for path in folder.iterdir():
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes()
