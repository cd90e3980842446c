"""A run that stops is continued; the part files of other runs and other people are left alone."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import nirx
from nirx.references.parts import LOCK, Parts
from support.references import STEP, clip, write_reference

LONG = clip(5000)
"""Three chunks."""


class Stopping:
    """An input that fails from a step on, or never."""

    def __init__(self, at: int | None = None):
        self.steps, self.batch, self.identity = len(LONG), (2,), {"kind": "test"}
        self.at = at

    def read(self, start: int, stop: int) -> Any:
        if self.at is not None and start >= self.at:
            raise OSError("the disk is gone")
        return {"input": LONG[start:stop]}


@pytest.fixture
def stopped(tmp_path: Path) -> Path:
    """A target whose run stopped after two chunks."""
    with pytest.raises(OSError, match="the disk is gone"):
        write_reference(tmp_path / "r.h5", Stopping(2000))
    assert not (tmp_path / "r.h5").exists()
    return tmp_path / "r.h5"


@pytest.mark.slow
def test_another_backend_continues_a_run(stopped, tmp_path):
    ticks = []
    found = write_reference(stopped, Stopping(), backend="torch", advance=ticks.append)
    assert (found.resumed, sum(ticks)) == (2048, 5000)
    assert found.digest == write_reference(tmp_path / "whole.h5", Stopping()).digest


# False: parts of nirx before it had lock files
@pytest.mark.slow
@pytest.mark.parametrize("lock", [True, pytest.param(False, marks=pytest.mark.exhaustive)])
def test_a_continued_run_writes_the_same_bytes(stopped, tmp_path, lock):
    if not lock:
        (tmp_path / "r.h5.parts" / LOCK).unlink()
    assert write_reference(stopped, Stopping()).resumed == 2048
    write_reference(tmp_path / "whole.h5", Stopping())
    assert stopped.read_bytes() == (tmp_path / "whole.h5").read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["r.h5", "whole.h5"]


@pytest.mark.slow
def test_parts_of_another_run_are_not_mixed_in(stopped):
    other = replace(STEP, dt=2e-3)
    with pytest.raises(nirx.InputError, match=r"another run \(it differs in discretization\)"):
        write_reference(stopped, Stopping(), discretization=other)
    shutil.rmtree(stopped.with_name("r.h5.parts"))
    write_reference(stopped, Stopping(), discretization=other)


def test_a_damaged_part_is_named(stopped):
    part = stopped.with_name("r.h5.parts") / "part-000001.npz"
    part.write_bytes(part.read_bytes()[:100])
    with pytest.raises(nirx.FileError, match=r"delete part-000001\.npz to compute its steps again"):
        write_reference(stopped, Stopping())
    part.unlink()
    write_reference(stopped, Stopping())


@pytest.mark.parametrize("kind", ["folder", "file", "link", "manifest"])
def test_anything_else_at_the_place_of_the_parts_is_left_alone(tmp_path, kind):
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
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    with pytest.raises(nirx.NirxError, match=r"r\.h5\.parts"):
        write_reference(tmp_path / "r.h5")
    assert parts.exists()
    after = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    if kind == "manifest":
        after.pop(parts / LOCK)
    assert after == before


def test_a_run_killed_before_its_manifest_is_started_again(tmp_path):
    folder = tmp_path / "r.h5.parts"
    folder.mkdir()
    (folder / ".nirx-abc.part").write_bytes(b"half")
    (folder / LOCK).touch()
    write_reference(tmp_path / "r.h5")
    assert not folder.exists()


# 3 parts, the manifest, the lock, the folder
@pytest.mark.slow
@pytest.mark.parametrize(
    "survive", [2, *(pytest.param(n, marks=pytest.mark.exhaustive) for n in (0, 1, 3, 4, 5))]
)
def test_a_run_killed_while_its_parts_are_removed_is_completed(tmp_path, monkeypatch, survive):
    path, folder = tmp_path / "r.h5", tmp_path / "r.h5.parts"
    removed = []

    def until_killed(function: Any) -> Any:
        def remove(self: Path, **options: Any) -> Any:
            if folder in (self, self.parent):
                if len(removed) == survive:
                    raise KeyboardInterrupt
                removed.append(self.name)
            return function(self, **options)

        return remove

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", until_killed(Path.unlink))
        patch.setattr(Path, "rmdir", until_killed(Path.rmdir))
        with pytest.raises(KeyboardInterrupt):
            write_reference(path, LONG)
    assert len(removed) == survive
    assert folder.exists()
    expected = path.read_bytes()
    path.unlink()
    write_reference(path, LONG)
    assert path.read_bytes() == expected
    assert not folder.exists()


# -- two runs at once ----------------------------------------------------------------------


def test_a_second_run_on_one_target_is_refused_at_once(tmp_path):
    with (
        Parts(tmp_path / "r.h5", {}, 1),
        pytest.raises(nirx.FileError, match=r"r\.h5\.parts: another run is using it; wait"),
    ):
        write_reference(tmp_path / "r.h5")
    shutil.rmtree(tmp_path / "r.h5.parts")
    write_reference(tmp_path / "r.h5")
    assert [p.name for p in tmp_path.iterdir()] == ["r.h5"]


def test_the_lock_of_a_removed_folder_is_worth_nothing(tmp_path, monkeypatch):
    fcntl = pytest.importorskip("fcntl")
    real, calls = fcntl.flock, []

    def removed_before_it_is_locked(handle: int, operation: int) -> None:
        calls.append(handle)
        if len(calls) == 1:
            shutil.rmtree(tmp_path / "r.h5.parts")
        real(handle, operation)

    monkeypatch.setattr(fcntl, "flock", removed_before_it_is_locked)
    with Parts(tmp_path / "r.h5", {}, 1) as parts:
        assert len(calls) > 1
        assert parts.folder.is_dir()
        with pytest.raises(nirx.FileError, match="another run"):
            Parts(tmp_path / "r.h5", {}, 1)


def test_a_file_system_without_locks_does_not_stop_a_run(tmp_path, monkeypatch):
    fcntl = pytest.importorskip("fcntl")

    def missing(handle: int, operation: int) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", missing)
    write_reference(tmp_path / "r.h5")
    assert [p.name for p in tmp_path.iterdir()] == ["r.h5"]


def failing(*arguments: Any) -> None:
    raise OSError("the disk is gone")


def test_a_run_that_failed_before_its_first_chunk_leaves_nothing(tmp_path, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(Parts, "write", failing)
        with pytest.raises(OSError, match="the disk is gone"):
            write_reference(tmp_path / "r.h5")
    assert list(tmp_path.iterdir()) == []


def test_a_run_killed_before_its_first_chunk_does_not_block_another(tmp_path, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(Parts, "write", failing)
        patched.setattr(Parts, "remove", lambda self: None)  # as if killed
        with pytest.raises(OSError, match="the disk is gone"):
            write_reference(tmp_path / "r.h5")
    assert (tmp_path / "r.h5.parts" / "manifest.json").exists()
    write_reference(tmp_path / "r.h5", discretization=replace(STEP, dt=2e-3))
    assert [p.name for p in tmp_path.iterdir()] == ["r.h5"]


def test_a_finished_chunk_is_kept_and_the_refusal_says_how_to_start_anew(stopped):
    other = replace(STEP, dt=2e-3)
    with pytest.raises(nirx.InputError, match=r"delete the folder to start anew, or .*--out"):
        write_reference(stopped, Stopping(), discretization=other)
    assert len(list(stopped.with_name("r.h5.parts").glob("part-*.npz"))) == 2
