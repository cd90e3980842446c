"""Files are written completely or not at all, with the mode that they had."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from nirx.files import whole_file
from nirx.files.whole_file import write_whole

pytestmark = pytest.mark.skipif(os.name == "nt", reason="modes of POSIX")


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def umask():
    """Sets the umask for one test."""
    before = os.umask(0)
    os.umask(before)
    yield os.umask
    os.umask(before)


# -- modes ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("mask", "expected"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_a_new_file_follows_the_umask(tmp_path, umask, mask, expected):
    umask(mask)
    write_whole(tmp_path / "x", b"")
    assert mode(tmp_path / "x") == expected


@pytest.mark.parametrize("old", [0o600, 0o640, 0o666, 0o755])
def test_a_file_keeps_its_mode(tmp_path, umask, old):
    umask(0o022)
    (tmp_path / "x").touch()
    (tmp_path / "x").chmod(old)
    write_whole(tmp_path / "x", b"new")
    assert mode(tmp_path / "x") == old


def test_setuid_bits_are_not_carried_over(tmp_path):
    (tmp_path / "x").touch()
    (tmp_path / "x").chmod(0o6755)
    write_whole(tmp_path / "x", b"new")
    assert mode(tmp_path / "x") == 0o755


def test_what_replaces_a_private_file_is_private_from_the_start(tmp_path):
    (tmp_path / "x").touch()
    (tmp_path / "x").chmod(0o600)
    with whole_file.whole_file(str(tmp_path / "x")) as temporary:
        assert mode(Path(temporary)) == 0o600


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root")
def test_a_file_keeps_its_owner_and_group(tmp_path):
    (tmp_path / "x").touch()
    os.chown(tmp_path / "x", 12345, 23456)
    write_whole(tmp_path / "x", b"new")
    found = (tmp_path / "x").stat()
    assert (found.st_uid, found.st_gid) == (12345, 23456)


def test_another_group_gets_no_more_than_everybody(tmp_path, monkeypatch):
    (tmp_path / "x").touch()
    (tmp_path / "x").chmod(0o664)
    old = os.stat(tmp_path / "x")
    foreign = os.stat_result((*old[:5], old.st_gid + 1, *old[6:]))

    def refuse(*arguments: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "chown", refuse)
    whole_file._keep_mode(str(tmp_path / "x"), foreign)
    assert mode(tmp_path / "x") == 0o644


# -- errors --------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [KeyError("mine"), KeyboardInterrupt()])
def test_an_error_in_the_body_leaves_the_old_file_alone(tmp_path, error):
    (tmp_path / "x").write_bytes(b"old")

    def fail(temporary: str) -> None:
        Path(temporary).write_bytes(b"half")
        raise error

    with pytest.raises(type(error)), whole_file.whole_file(str(tmp_path / "x")) as temporary:
        fail(temporary)
    assert (tmp_path / "x").read_bytes() == b"old"
    assert names(tmp_path) == ["x"]


def test_content_and_folder_are_flushed_in_order(tmp_path, monkeypatch):
    calls = []
    for name in ("fsync", "replace"):
        real = getattr(os, name)
        monkeypatch.setattr(
            os, name, lambda *a, real=real, name=name: (calls.append(name), real(*a))
        )
    write_whole(tmp_path / "x", b"new")
    assert calls == ["fsync", "replace", "fsync"]
