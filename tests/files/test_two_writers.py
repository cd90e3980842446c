"""A file is written by one process at a time; what dead processes left is removed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import nirx
from nirx.files import path_lock, whole_file
from nirx.files.whole_file import held_targets, hold_target, write_whole
from support.graphs import chain, lif

pytestmark = pytest.mark.skipif(os.name == "nt", reason="locks of POSIX")


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


HOLD = """
import os, signal, sys
from nirx.files.whole_file import whole_file
with whole_file(sys.argv[1]) as temporary:
    open(temporary, "w").write("other")
    print("writing", flush=True)
    if sys.argv[2] == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    sys.stdin.readline()
"""


def other(path: Path, what: str) -> subprocess.Popen[str]:
    """A process that is writing a file now."""
    command = [sys.executable, "-c", HOLD, str(path), what]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "writing\n"
    return process


def killed(path: Path) -> int:
    """The exit status of a process that was killed while it wrote a file."""
    process = other(path, "die")
    process.communicate()
    return process.returncode


def test_a_second_process_waits(tmp_path, monkeypatch):
    process = other(tmp_path / "x", "wait")
    waited = threading.Event()
    real = path_lock.time.sleep

    def sleep(seconds: float) -> None:
        waited.set()
        real(seconds)

    monkeypatch.setattr(path_lock.time, "sleep", sleep)
    thread = threading.Thread(target=write_whole, args=(tmp_path / "x", b"mine"))
    thread.start()
    assert waited.wait(60)
    assert not (tmp_path / "x").exists()
    process.communicate("go on\n")
    thread.join()
    assert (tmp_path / "x").read_bytes() == b"mine"
    assert names(tmp_path) == ["x"]


def test_a_second_process_says_so_after_a_while(tmp_path, monkeypatch):
    process = other(tmp_path / "x", "wait")
    monkeypatch.setattr(whole_file, "PATIENCE", 0)
    with pytest.raises(nirx.FileError, match=r"another run is writing it .* wait for it"):
        nirx.write(tmp_path / "x", chain({"lif": lif()}, 2))
    process.communicate("go on\n")
    assert (tmp_path / "x").read_text() == "other"


def test_a_command_says_so_at_once(tmp_path):
    process = other(tmp_path / "x", "wait")
    (tmp_path / "link").symlink_to("x")
    with held_targets(), pytest.raises(nirx.FileError, match=r"--out .*/link: another run is writ"):
        hold_target(tmp_path / "link", "--out")
    process.communicate("go on\n")


def test_what_a_killed_process_left_is_replaced(tmp_path):
    assert killed(tmp_path / "x") == -signal.SIGKILL
    assert len(names(tmp_path)) == 2
    write_whole(tmp_path / "x", b"mine")
    assert names(tmp_path) == ["x"]


@pytest.mark.slow
def test_a_command_removes_what_killed_processes_left_but_not_what_is_in_use(tmp_path):
    killed(tmp_path / "dead")
    dead = names(tmp_path)
    alive = other(tmp_path / "alive", "wait")
    foreign = [".nirx-abc.part", ".nirx-00000000-0123456789abcdef.part", "x.lock"]
    foreign.append(foreign[1].replace("part", "lock"))  # of another machine
    for name in foreign:
        (tmp_path / name).touch()
    before = names(tmp_path)
    with held_targets():
        hold_target(tmp_path / "x", "--out")
    assert names(tmp_path) == [name for name in before if name not in dead]
    alive.communicate("go on\n")
    assert names(tmp_path) == sorted([*foreign, "alive"])


def test_the_lock_of_one_who_is_done_is_worth_nothing(tmp_path, monkeypatch):
    real, calls = path_lock.fcntl.flock, []

    def removed_before_it_is_locked(handle: int, operation: int) -> None:
        calls.append(handle)
        if len(calls) == 1:
            (tmp_path / "lock").unlink()
        real(handle, operation)

    monkeypatch.setattr(path_lock.fcntl, "flock", removed_before_it_is_locked)
    lock, second = (path_lock.PathLock(str(tmp_path / "lock")) for _ in range(2))
    assert lock.acquire(wait=60)
    assert len(calls) == 2
    assert not second.acquire(wait=0)
    lock.release()
    assert second.acquire(wait=0)


@pytest.mark.parametrize("windows", [True, False])
def test_without_locks_each_writer_has_a_file_of_its_own(tmp_path, monkeypatch, windows):
    def missing(handle: int, operation: int) -> None:
        raise OSError(95, "Operation not supported")

    if windows:
        monkeypatch.setattr(path_lock, "fcntl", None)
    else:
        monkeypatch.setattr(path_lock.fcntl, "flock", missing)
    path = str(tmp_path / "x")
    with whole_file.whole_file(path) as first, whole_file.whole_file(path) as second:
        assert first != second
        Path(second).write_bytes(b"second")
        Path(first).write_bytes(b"first")
        whole_file.remove_leftovers(str(tmp_path))
    assert (tmp_path / "x").read_bytes() == b"first"
    assert names(tmp_path) == ["x"]


def test_threads_write_one_after_the_other(tmp_path):
    contents = [bytes([n]) * 100_000 for n in range(8)]
    threads = [threading.Thread(target=write_whole, args=(tmp_path / "x", c)) for c in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (tmp_path / "x").read_bytes() in contents
    assert names(tmp_path) == ["x"]


# -- what a command holds ------------------------------------------------------------------


def test_a_command_holds_its_target_and_lets_it_go(tmp_path):
    with held_targets():
        hold_target(tmp_path / "x", "--out")
        assert not path_lock.PathLock(lock_of(tmp_path)).acquire(wait=0)
        np.save(tmp_path / "y.npy", np.zeros(3))
        write_whole(tmp_path / "x", b"mine")
        assert names(tmp_path) == ["x", "y.npy"]
        hold_target(tmp_path / "z", "--state-out")
    assert names(tmp_path) == ["x", "y.npy"]


def lock_of(folder: Path) -> str:
    (found,) = folder.glob(".nirx-*.lock")
    return str(found)


def test_two_outputs_that_are_one_file_are_refused(tmp_path):
    (tmp_path / "link").symlink_to("x")
    with held_targets():
        hold_target(tmp_path / "x", "--out")
        with pytest.raises(nirx.FileError, match=r"--state-out .*; expected two files"):
            hold_target(tmp_path / "link", "--state-out")
