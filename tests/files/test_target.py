"""Where a file is written: where links lead to, and nowhere else than into a file."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

import nirx
from nirx.files.target import check_target, find_target
from nirx.files.whole_file import whole_file, write_whole

pytestmark = pytest.mark.skipif(os.name == "nt", reason="links and modes of POSIX")


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


# -- links ---------------------------------------------------------------------------------


@pytest.mark.parametrize("exists", [True, False])
@pytest.mark.parametrize("relative", [True, False])
def test_a_link_stays_and_its_file_is_written(tmp_path, exists, relative):
    (tmp_path / "data").mkdir()
    (tmp_path / "links").mkdir()
    real, link = tmp_path / "data" / "x", tmp_path / "links" / "x"
    if exists:
        real.write_bytes(b"old")
    link.symlink_to("../data/x" if relative else real)
    write_whole(link, b"new")
    assert link.is_symlink()
    assert real.read_bytes() == b"new"
    assert (names(tmp_path / "data"), names(tmp_path / "links")) == (["x"], ["x"])


def test_the_temporary_file_lies_in_the_folder_of_the_real_file(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "x").symlink_to("data/x")
    with whole_file(str(tmp_path / "x")) as temporary:
        assert Path(temporary).parent == tmp_path / "data"


def test_a_link_to_a_link_in_a_folder_that_is_a_link(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "folder").symlink_to("data")
    (tmp_path / "data" / "one").symlink_to("../two")
    (tmp_path / "two").symlink_to("folder/../x")
    write_whole(tmp_path / "folder" / "one", b"new")
    assert (tmp_path / "x").read_bytes() == b"new"


def test_dot_dot_after_a_link_is_the_parent_of_its_target(tmp_path, monkeypatch):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "link").symlink_to("a/b")
    monkeypatch.chdir(tmp_path)
    write_whole("link/../x", b"new")
    assert (tmp_path / "a" / "x").read_bytes() == b"new"


def test_links_in_a_circle_are_refused(tmp_path):
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(nirx.FileError, match=r"/a: its links lead in a circle; remove them"):
        write_whole(tmp_path / "a", b"")
    assert names(tmp_path) == ["a", "b"]


def test_a_link_into_a_folder_that_is_missing_is_refused(tmp_path):
    (tmp_path / "a").symlink_to("no/b")
    with pytest.raises(nirx.FileError, match=r"there is no folder .*/no"):
        write_whole(tmp_path / "a", b"")


def test_a_hard_link_keeps_the_old_content_under_its_other_name(tmp_path):
    (tmp_path / "a").write_bytes(b"old")
    os.link(tmp_path / "a", tmp_path / "b")
    write_whole(tmp_path / "a", b"new")
    assert ((tmp_path / "a").read_bytes(), (tmp_path / "b").read_bytes()) == (b"new", b"old")


# -- what is no file -----------------------------------------------------------------------


def make(kind: str, folder: Path) -> str:
    path = folder / "x"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as found:
            found.bind(os.path.relpath(path))  # a name of a socket has at most 107 bytes
    elif kind == "device":
        return os.devnull
    elif kind == "link to a device":
        path.symlink_to(os.devnull)
    return str(path)


@pytest.mark.parametrize("kind", ["folder", "pipe", "socket", "device", "link to a device"])
def test_what_is_no_regular_file_is_refused(tmp_path, monkeypatch, kind):
    monkeypatch.chdir(tmp_path)
    path = make(kind, tmp_path)
    before = os.stat(path)
    with pytest.raises(nirx.FileError, match=f"a regular file but a {kind.split()[-1]}; name a"):
        write_whole(path, b"")
    assert os.path.samestat(before, os.stat(path))


@pytest.mark.parametrize("path", ["/proc/self/comm", "/dev/stdout", "/dev/fd/1", "/proc/new"])
@pytest.mark.skipif(not os.path.exists("/proc/self/fd"), reason="Linux")
def test_files_of_the_kernel_are_refused(path):
    with pytest.raises(nirx.FileError, match=r"/proc/\S+ is not a regular file"):
        write_whole(path, b"")


@pytest.mark.parametrize("path", ["", ".", "..", "/", "a/", "a\0b"])
def test_odd_paths_are_refused(tmp_path, monkeypatch, path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(nirx.FileError):
        write_whole(path, b"")
    assert names(tmp_path) == []


def test_a_mount_point_is_refused(tmp_path, monkeypatch):
    (tmp_path / "x").touch()
    monkeypatch.setattr(os.path, "ismount", lambda path: path == str(tmp_path / "x"))
    with pytest.raises(nirx.FileError, match="is a mount point"):
        write_whole(tmp_path / "x", b"")


# -- what must not be replaced ------------------------------------------------------------


@pytest.mark.parametrize("check", [write_whole, lambda path, _: check_target(path, "--out")])
def test_a_read_only_file_is_refused_even_for_root(tmp_path, check):
    (tmp_path / "x").write_bytes(b"old")
    (tmp_path / "x").chmod(0o444)
    with pytest.raises(nirx.FileError, match=r"is read-only \(mode 0444\); make it writable"):
        check(tmp_path / "x", b"new")
    assert (tmp_path / "x").read_bytes() == b"old"


def test_a_file_that_the_system_protects_is_refused(tmp_path, monkeypatch):
    (tmp_path / "x").touch()
    real = os.open

    def protect(path, flags, *more):
        if flags & os.O_WRONLY:
            raise PermissionError(1, "Operation not permitted")
        return real(path, flags, *more)

    monkeypatch.setattr(os, "open", protect)
    with pytest.raises(nirx.FileError, match=r"read-only .Operation not permitted, mode 06"):
        find_target(str(tmp_path / "x"))


@pytest.mark.parametrize("link", ["symlink_to", "hardlink_to"])
def test_an_output_that_is_also_an_input_is_refused(tmp_path, link):
    (tmp_path / "x").touch()
    getattr(tmp_path / "y", link)(tmp_path / "x")
    with pytest.raises(nirx.FileError, match=r"--out .*y: is also an input"):
        check_target(tmp_path / "y", "--out", None, str(tmp_path / "x"))
