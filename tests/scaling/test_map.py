"""`nirx.map`, and references in shards, in one process."""

from __future__ import annotations

import builtins
import sys

import numpy as np
import pytest

import nirx
from nirx.errors import FileError, InputError, UnsupportedError
from nirx.graphs.schedule import schedule
from nirx.inputs import source_for
from nirx.inputs.protocol import read_samples
from nirx.inputs.reopening import Reopening, sent
from nirx.references.parts import Parts
from nirx.scaling import choose
from nirx.scaling.map import split
from support.references import STEP, clip, nested, write_reference


def square(number: int) -> int:
    return number**2


@pytest.mark.parametrize("shards", [None, 1, 3, 7])
def test_results_are_in_the_order_of_the_items(shards):
    counts: list[int] = []
    found = nirx.map(square, range(7), shards=shards, advance=counts.append)
    assert list(found) == [square(n) for n in range(7)]
    assert sum(counts) == 7


def test_nothing_is_computed_long_before_it_is_taken():
    seen: list[int] = []
    found = nirx.map(seen.append, range(100))
    next(found)
    assert len(seen) < 5


def test_no_items_have_no_results():
    assert list(nirx.map(square, [])) == []


@pytest.mark.parametrize("count", [1, 5, 64])
def test_shards_cover_everything_once(count):
    for shards in range(1, count + 1):
        numbers = [n for a, b in split(count, shards, "items") for n in range(a, b)]
        assert numbers == list(range(count))


@pytest.mark.parametrize("shards", [0, -1, 8, 1.5, True])
def test_bad_numbers_of_shards_are_refused(shards):
    with pytest.raises(InputError, match="shards="):
        nirx.map(square, range(7), shards=shards)


def test_an_unknown_engine_is_refused_before_any_work(tmp_path):
    for call in (
        lambda: nirx.map(square, [1], engine="rai"),
        lambda: write_reference(tmp_path / "r.h5", engine="rai"),
    ):
        with pytest.raises(InputError, match="did you mean 'ray'"):
            call()


def test_a_missing_engine_names_its_extra(tmp_path, monkeypatch):
    monkeypatch.setattr(choose, "is_installed", lambda name: False)
    with pytest.raises(UnsupportedError, match=r'pip install "nirx\[ray\]"'):
        write_reference(tmp_path / "r.h5", engine="ray")
    assert not list(tmp_path.iterdir())


LENGTH = 20
"""Ten chunks, in two part files."""
SOURCES = {
    "arrays": lambda folder: clip(LENGTH, 5),
    "two axes": lambda folder: clip(LENGTH, 6).reshape(LENGTH, 3, 2, 3),
    "npy": lambda folder: saved(folder / "x.npy"),
    "npz": lambda folder: saved(folder / "x.npz"),
    "generator": lambda folder: "poisson:rate=0.4",
    "reference": lambda folder: write_reference(folder / "of.h5", clip(LENGTH, 5)).path,
    "events": lambda folder: listed(folder / "x.csv"),
}


def listed(path):
    rows = [f"{t},{s},{i}" for t, s, i in np.argwhere(clip(LENGTH, 5))]
    path.write_text("\n".join(["step,sample,index", *rows, f"{LENGTH - 1},4,2"]))
    return f"csv:{path},merge=any"


def saved(path):
    if path.suffix == ".npz":
        np.savez(path, input=clip(LENGTH, 5))
    else:
        np.save(path, clip(LENGTH, 5))
    return path


@pytest.mark.parametrize(
    "kind",
    [k if k == "events" else pytest.param(k, marks=pytest.mark.exhaustive) for k in SOURCES],
)
def test_a_reference_does_not_depend_on_shards(tmp_path, kind, monkeypatch):
    monkeypatch.setattr("nirx.references.generate.MOST_STEPS", 2)
    data = SOURCES[kind](tmp_path)
    options = {"steps": LENGTH, "batch": 5} if kind == "generator" else {"spikes": "events"}
    whole, cut = tmp_path / "whole.h5", tmp_path / "cut.h5"
    write_reference(whole, data, **options)
    for shards in (2, 5):
        counts: list[int] = []
        write_reference(cut, data, shards=shards, advance=counts.append, **options)
        assert cut.read_bytes() == whole.read_bytes()
        assert sum(counts) == LENGTH
        assert not (tmp_path / "cut.h5.parts").exists()


def test_more_shards_than_samples_are_refused(tmp_path):
    with pytest.raises(InputError, match="there are 2 samples; expected at most 2"):
        write_reference(tmp_path / "r.h5", shards=3)


def test_a_stopped_run_in_shards_is_continued(tmp_path, monkeypatch):
    monkeypatch.setattr("nirx.references.generate.MOST_STEPS", 2)
    whole, cut, data = tmp_path / "whole.h5", tmp_path / "cut.h5", clip(LENGTH, 5)
    write_reference(whole, data)
    real, calls = Parts.write, []

    def stopping(self, number, *more):
        if len(calls) == 3:
            raise builtins.KeyboardInterrupt
        calls.append(number)
        real(self, number, *more)

    monkeypatch.setattr(Parts, "write", stopping)
    with pytest.raises(KeyboardInterrupt):
        write_reference(cut, data, shards=5)
    monkeypatch.setattr(Parts, "write", real)
    with pytest.raises(InputError, match="differs in shards"):
        write_reference(cut, data, shards=4)
    with pytest.raises(InputError, match="differs in shards"):
        write_reference(cut, data)
    assert write_reference(cut, data, shards=5).resumed == (LENGTH + 16) // 5
    assert cut.read_bytes() == whole.read_bytes()


def test_an_input_is_opened_again_without_looking_at_all_of_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = saved(tmp_path / "x.npy")
    source = source_for(schedule(nested(), STEP), path, "float32")
    again = sent(source)
    assert isinstance(again, Reopening)
    monkeypatch.setattr("hashlib.file_digest", None)
    opened = again.open()
    assert opened.identity == source.identity
    assert np.array_equal(
        read_samples(opened, (3, 7), (2, 4))["input"], source.read(3, 7)["input"][:, 2:4]
    )


def test_another_file_on_another_machine_is_refused(tmp_path):
    path = saved(tmp_path / "x.npy")
    again = sent(source_for(schedule(nested(), STEP), path, "float32"))
    assert isinstance(again, Reopening)
    np.save(path, 1 - clip(LENGTH, 5))
    with pytest.raises(FileError, match="the same file on all machines"):
        again.open()


def test_ray_is_not_imported_without_being_asked_for():
    assert "ray" not in sys.modules
