"""A folder of files that is written whole or not at all.

The files are written into a hidden folder beside the target, which then takes its place.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path

from nirx.basics.held_signals import held_signals
from nirx.errors import FileError
from nirx.files.path_lock import PathLock
from nirx.files.whole_file import PREFIX

__all__ = ["check_folder", "write_folder"]

PATIENCE = 60.0
"""Seconds that a write waits for another process that writes the same folder."""


def check_folder(path: Path, option: str, known: Collection[str]) -> str:
    """Check before the work starts that a folder can be written.

    Arguments:
        path: of a folder that does not exist, is empty, or holds nothing but known files.
        option: that names it, for the error.
        known: names of files that may be replaced or removed.

    Returns: its path without links.

    **Raises**: `FileError`.
    """
    name = f"{option} {path}"
    try:
        place = os.path.realpath(path)
        around = os.path.dirname(place)
        if os.path.lexists(place) and not os.path.isdir(place):
            raise FileError(f"{name}: exists and is not a folder; name a new folder")
        if not os.path.isdir(around):
            raise FileError(f"{name}: cannot be written: there is no folder {around}")
        if os.path.ismount(place):
            raise FileError(f"{name}: is a mount point; name a folder in it")
        here = os.path.realpath(os.curdir)
        if os.path.commonpath([place, here]) == place:
            raise FileError(f"{name}: is the current folder or around it; name another one")
        if not os.access(around, os.W_OK):
            raise FileError(f"{name}: the folder {around} cannot be written to")
        found = sorted(os.listdir(place)) if os.path.isdir(place) else []
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise FileError(f"{name!r}: cannot be written: {error}") from error
    other = [own for own in found if own not in known]
    if other:
        raise FileError(
            f"{name}: holds {other[0]!r}, which is not of this export; name a new or empty folder"
        )
    return place


def write_folder(
    path: Path, files: Mapping[str, bytes], option: str, known: Collection[str]
) -> None:
    """Write a folder with these files; what it held before is replaced.

    Arguments:
        files: content by name.
        option, known: as for `check_folder`.

    **Raises**: `FileError`; the old folder, if any, is then unchanged.
    """
    place = check_folder(path, option, known)
    digest = hashlib.sha256(os.fsencode(os.path.basename(place))).hexdigest()[:16]
    stem = os.path.join(os.path.dirname(place), f"{PREFIX}folder-{digest}")
    new, old, lock = f"{stem}.new", f"{stem}.old", PathLock(f"{stem}.lock")
    try:
        if not lock.acquire(PATIENCE):
            raise FileError(f"{option} {path}: another run is writing it (it holds {lock.path})")
        try:
            _remove(new)  # of a killed process
            _settle(place, old)
            os.mkdir(new)
            for name, data in files.items():
                _write(os.path.join(new, name), data)
            _exchange(place, new, old)
        finally:
            _remove(new)
            lock.release()
    except OSError as error:
        raise FileError(f"{option} {path}: cannot be written: {error.strerror or error}") from error


def _settle(place: str, old: str) -> None:
    """Undo, or finish, the exchange of a process that was killed in it."""
    if os.path.isdir(old):
        if os.path.isdir(place):
            _remove(old)
        else:
            os.rename(old, place)


def _exchange(place: str, new: str, old: str) -> None:
    if not os.path.isdir(place):
        os.rename(new, place)
        return
    os.chmod(new, os.stat(place).st_mode & 0o777)
    with held_signals():
        os.rename(place, old)
        try:
            os.rename(new, place)
        except OSError:
            os.rename(old, place)
            raise
    _remove(old)


def _write(path: str, data: bytes) -> None:
    with open(path, "wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())


def _remove(folder: str) -> None:
    with suppress(FileNotFoundError):
        shutil.rmtree(folder)
