"""What is refused: changed references, and recordings, files and calls that do not match."""

from __future__ import annotations

import itertools
import json
import shutil
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import nirx
from nirx.files.archive import save_arrays
from nirx.references.header import sealed
from nirx.references.layout import GRAPH, HEADER
from nirx.references.reading import ReferenceFile
from support.bench import Bench, D, nested, place, signal
from support.recordings import gridded, write_datasets, write_nirdata

# -- steps and samples ---------------------------------------------------------------------


def test_fewer_or_more_steps_need_partial(small):
    short = {key: value[:40] for key, value in small.recorded.items()}
    with pytest.raises(nirx.InputError, match=r"40 steps, the reference 60.*partial \(--partial\)"):
        small.verify(short)
    found = small.verify(short, partial=True)
    assert (found.verdict, found.steps, found.partial) == ("exact", 40, True)
    assert "the first 40 steps of 2 samples" in str(found)
    mixed = {"lif": short["lif"], "lif.v": short["lif.v"][:30]}
    assert small.verify(mixed, partial=True).steps == 30
    long = {"lif": np.concatenate([small.recorded["lif"]] * 2)}
    with pytest.raises(nirx.InputError, match="has 120 steps"):
        small.verify(long)
    assert small.verify(long, partial=True).steps == 60
    short["lif"][39, 1, 3] += 1
    assert place(small.verify(short, partial=True)) == ("lif", 39, (1, 3))
    with pytest.raises(nirx.InputError, match="no steps"):
        small.verify({"lif": short["lif"][:0]}, partial=True)


def test_fewer_samples_need_partial(small, tmp_path):
    one = {"lif": small.recorded["lif"][:, :1]}
    with pytest.raises(nirx.InputError, match="has 1 samples, the reference 2"):
        small.verify(one)
    found = small.verify(one, partial=True, why=True)
    assert (found.samples, found.verdict) == (1, "exact")
    assert small.verify({"lif": 1 - one["lif"]}, partial=True, why=True).why
    write_nirdata(tmp_path / "one.h5", lif={"spikes": gridded(one["lif"] > 0)})
    with pytest.raises(nirx.InputError, match="has 1 samples"):
        small.verify(tmp_path / "one.h5")
    assert small.verify(tmp_path / "one.h5", partial=True).verdict == "exact"


def test_time_comes_first(small, tmp_path):
    swapped = {"lif": small.recorded["lif"].swapaxes(0, 1)}
    save_arrays(tmp_path / "x.npz", swapped)
    for observed, partial in itertools.product((swapped, tmp_path / "x.npz"), (False, True)):
        with pytest.raises(nirx.InputError, match=r"\(2, 60, 4\); time comes first.*\(60, 2, 4\)"):
            small.verify(observed, partial=partial)
    one = Bench(nested(), tmp_path / "1.h5", signal(4, 60, (1,)))
    with pytest.raises(nirx.InputError, match="time comes first"):
        one.verify({"lif": one.recorded["lif"].swapaxes(0, 1)})
    square = Bench(nested(), tmp_path / "2.h5", signal(4, 2, (2,)))
    square.verify({"lif": square.recorded["lif"]})  # with as many steps as samples, both fit


# -- arrays --------------------------------------------------------------------------------


def test_arrays_have_to_match_the_reference(small):
    lif = small.recorded["lif"]
    for observed, text in (
        ([lif], "a list; expected a path"),
        ({"nope": lif}, "nothing to compare: it holds 'nope'"),
        ({}, "nothing to compare: it holds nothing"),
        ({"lif": lif[..., :3]}, r"shape \(60, 2, 3\); expected \(60, 2, 4\)"),
        ({"lif": lif[:, 0, 0]}, r"shape \(60,\)"),
        ({"lif": np.float32(1)}, r"shape \(\)"),
        ({"lif": lif * 1j}, "dtype complex64"),
        ({"lif": lif, ("lif",): lif}, "are the same recording"),
    ):
        with pytest.raises(nirx.InputError, match=text):
            small.verify(observed)
    with pytest.warns(nirx.NirxWarning, match="'nope' is not in the reference"):
        assert small.verify({"lif": lif, "nope": 1}).verdict == "exact"


def test_either_a_recording_or_a_backend(small):
    with pytest.raises(nirx.InputError, match="neither a recording nor a backend"):
        small.verify()
    with pytest.raises(nirx.InputError, match="both a recording and a backend"):
        small.verify(small.recorded, backend="numpy")
    with pytest.raises(nirx.InputError, match="no backend 'nope'"):
        small.verify(backend="nope")


# -- files ---------------------------------------------------------------------------------


def test_missing_and_unreadable_files(small, tmp_path):
    (tmp_path / "text.h5").write_text("no HDF5")
    for ref, observed, text in (
        (tmp_path / "none.h5", {}, "no such file"),
        (tmp_path, {}, "not a file"),
        (tmp_path / "text.h5", {}, "text.h5"),
        (small.path, tmp_path / "none.h5", "no such file"),
        (small.path, tmp_path / "none.txt", "unknown format"),
        (small.path, tmp_path / "text.h5", "text.h5"),
    ):
        with pytest.raises(nirx.FileError, match=text):
            nirx.verify(ref, observed)


def test_links_out_of_a_recording_are_not_followed(small, tmp_path):
    write_datasets(tmp_path / "a.h5", {"lif": small.recorded["lif"]})
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file["lif"] = h5py.ExternalLink(str(tmp_path / "a.h5"), "/lif")
    with pytest.raises(nirx.FileError, match="does not follow links"):
        small.verify(tmp_path / "b.h5")


# -- references that were changed ----------------------------------------------------------


@pytest.fixture
def path(small, tmp_path) -> Path:
    """A copy that a test may change."""
    return shutil.copy(small.path, tmp_path / "r.h5")


def rewrite(file: Any, name: str, content: bytes) -> None:
    del file[name]
    file[name] = np.frombuffer(content, np.uint8)


def flipped_bit(path):
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
        changed = text.replace(b'"notes": ""', b'"notes": "better"')
        assert changed != text
        rewrite(file, HEADER, changed)


def other_weights(path):
    with h5py.File(path, "r+") as file, ReferenceFile(path) as own:
        graph: Any = own.graph
        graph.nodes["fc"].weight[0, 0] += 1
        nirx.write(path.with_suffix(".nir"), graph, D)
        rewrite(file, GRAPH, path.with_suffix(".nir").read_bytes())


def other_digest(path):
    with h5py.File(path, "r+") as file:
        header = json.loads(bytes(file[HEADER][()]))  # type: ignore[index]
        header.pop("seal")
        header["digest"] = "0" * 64
        rewrite(file, HEADER, sealed(header).encode())


def lost_recording(path):
    with h5py.File(path, "r+") as file:
        del file["nodes/lif/observables/v"]


def cut_short(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


DAMAGE = (flipped_bit, edited_notes, other_weights, other_digest, lost_recording, cut_short)


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_changed_reference_is_refused(damage, small, path):
    damage(path)
    for call in (
        {"ref": path, "observed": small.recorded},
        {"ref": small.path, "observed": path},
        {"ref": path, "backend": "numpy"},
    ):
        with pytest.raises(nirx.FileError):
            nirx.verify(**call)
    assert small.verify(small.recorded).verdict == "exact"


@pytest.mark.slow
def test_random_damage_is_refused_or_harmless(small, path):
    """Any flipped byte: a `FileError`, or (in what HDF5 leaves unused) the same verdict."""
    blob, random, recorded = path.read_bytes(), np.random.default_rng(0), small.recorded
    refused = 0
    for spot in random.integers(len(blob), size=60):
        damaged = bytearray(blob)
        damaged[spot] ^= int(random.integers(1, 256))
        path.write_bytes(bytes(damaged))
        try:
            assert nirx.verify(path, recorded).verdict == "exact"
        except nirx.FileError:
            refused += 1
    assert refused > 5
