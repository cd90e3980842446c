"""A folder is written whole or not at all."""

import os

import pytest

import nirx
from nirx.files import whole_folder
from nirx.files.whole_folder import check_folder, write_folder

FILES = {"a.c": b"one", "a.h": b"two"}
NEW = {"a.c": b"three", "a.h": b"four"}


def content(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def write(folder, files=FILES):
    write_folder(folder, files, "--out", (*FILES, "built"))


def test_new_empty_and_again(tmp_path):
    target = tmp_path / "out"
    write(target)
    assert content(target) == FILES
    (target / "built").write_bytes(b"program")
    write(target, NEW)
    assert content(target) == NEW
    (tmp_path / "empty").mkdir(mode=0o750)
    write(tmp_path / "empty")
    assert content(tmp_path / "empty") == FILES
    assert (tmp_path / "empty").stat().st_mode & 0o777 == 0o750
    assert sorted(os.listdir(tmp_path)) == ["empty", "out"]


def test_a_link_stays_and_what_it_leads_to_is_written(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    write(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert content(tmp_path / "real") == FILES


def test_other_files_are_never_removed(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(nirx.FileError, match=r"holds 'mine\.txt', which is not of this export"):
        write(tmp_path)
    assert content(tmp_path) == {"mine.txt": b"mine"}


def test_nobody_is_left_in_a_folder_that_is_gone(tmp_path, monkeypatch):
    (tmp_path / "out" / "below").mkdir(parents=True)
    for here in ("out", "out/below"):
        monkeypatch.chdir(tmp_path / here)
        with pytest.raises(nirx.FileError, match="is the current folder or around it"):
            check_folder(tmp_path / "out", "--out", [])
    check_folder(tmp_path / "out" / "new", "--out", [])


@pytest.mark.parametrize("kind", ["file", "no parent", "NUL"])
def test_what_is_no_folder_is_refused(tmp_path, kind):
    (tmp_path / "file").write_text("")
    path = {"file": "file", "no parent": "none/out", "NUL": "a\0b"}[kind]
    with pytest.raises(nirx.FileError, match="--out"):
        check_folder(tmp_path / path, "--out", FILES)


@pytest.mark.parametrize("stage", ["write", "rename"])
def test_a_failure_leaves_the_old_folder(tmp_path, monkeypatch, stage):
    target = tmp_path / "out"
    write(target)

    def fail(*args):
        raise OSError(28, "No space left on device")

    if stage == "write":
        monkeypatch.setattr(whole_folder, "_write", fail)
    else:
        rename = os.rename
        monkeypatch.setattr(
            os, "rename", lambda a, b: fail() if str(a).endswith(".new") else rename(a, b)
        )
    with pytest.raises(nirx.FileError, match="No space left"):
        write(target, NEW)
    assert content(target) == FILES
    assert os.listdir(tmp_path) == ["out"]


def test_what_a_killed_process_left_is_settled(tmp_path, monkeypatch):
    target = tmp_path / "out"
    write(target)

    class Killed(BaseException):
        pass

    def kill(*args):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(whole_folder, "_remove", lambda folder: None)
        patch.setattr(whole_folder, "_exchange", kill)
        with pytest.raises(Killed):
            write(target, NEW)
    assert len(os.listdir(tmp_path)) == 2  # the new folder was left
    hidden = next(name for name in os.listdir(tmp_path) if name.endswith(".new"))
    os.rename(target, tmp_path / hidden.replace(".new", ".old"))  # killed between two renames
    write(target, NEW)
    assert content(target) == NEW
    assert os.listdir(tmp_path) == ["out"]
