"""Atomic file writes, one process at a time: to a temporary file, which then replaces the old one.

The temporary file `.nirx-HOST-TARGET.part` and its lock `.nirx-HOST-TARGET.lock` lie beside the
target. Both names are hashes, so that whoever writes the same file on this machine uses the same
lock, and nobody touches the files of another machine on a shared drive.
"""

from __future__ import annotations

import hashlib
import os
import platform
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

from nirx.errors import FileError
from nirx.files.path_lock import PathLock
from nirx.files.target import Target, check_target, find_target

__all__ = ["PREFIX", "held_targets", "hold_target", "whole_file", "write_whole"]

PREFIX, PART, LOCK = ".nirx-", ".part", ".lock"
"""Of the names of temporary files and their locks."""

PATIENCE = 60.0
"""Seconds that a write waits for another process that writes the same file."""


class PartFile:
    """The temporary file of a target; while it is open, no other process has one.

    Arguments:
        target: the file that it will become.
        folder: where it lies; default: beside the target.
    """

    def __init__(self, target: Target, folder: str | None = None):
        digest = hashlib.sha256(os.fsencode(os.path.basename(target.path))).hexdigest()[:16]
        stem = os.path.join(folder or target.folder, f"{PREFIX}{_host()}-{digest}")
        self.path = stem + PART
        self._target = target
        self._lock = PathLock(stem + LOCK)
        self._handle: int | None = None
        self._made = False

    def open(self, name: str, wait: float) -> None:
        """Make the file, unless it is open already.

        Arguments:
            name: of the target in errors.
            wait: seconds to wait for another process.

        **Raises**: `FileError` if that takes longer; `OSError`.
        """
        if self._handle is not None:
            return
        if not self._lock.acquire(wait):
            raise FileError(
                f"{name}: another run is writing it (it holds {self._lock.path}); wait for it, or "
                "write elsewhere"
            )
        if self._lock.works:
            with suppress(FileNotFoundError):
                os.unlink(self.path)  # of a killed process
        else:  # another process may be writing the same file: the name has to differ
            self.path = f"{self.path.removesuffix(PART)}-{secrets.token_hex(4)}{PART}"
        # The system applies the umask. What replaces a private file is private from the start.
        mode = 0o666 if self._target.old is None else 0o600
        self._made = True
        self._handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL, mode)

    def replace(self, target: Target) -> None:
        """Put the file in the place of the target, with the old file's mode and owner."""
        assert self._handle is not None
        os.fsync(self._handle)
        if target.old is not None:
            _keep_mode(self.path, target.old)
        if os.name == "nt":  # cannot rename an open file
            self._close_handle()
        os.replace(self.path, target.path)
        self._made = False
        _sync_folder(target.folder)

    def close(self) -> None:
        """Remove the file, if it has not replaced the target; let another process have one."""
        self._close_handle()
        if self._made:
            with suppress(OSError):
                os.unlink(self.path)
        self._lock.release()

    def _close_handle(self) -> None:
        if self._handle is not None:
            handle, self._handle = self._handle, None
            os.close(handle)


@contextmanager
def whole_file(path: str, folder: str | None = None) -> Iterator[str]:
    """A temporary path to write to; at the end the file replaces `path` atomically.

    If `path` is a link, the file that it leads to is replaced. A new file gets the mode that the
    umask asks for; one that replaces another keeps its mode, without setuid bits, and where the
    system allows it its owner and group. If another process writes the same file, this one waits.

    Arguments:
        path: the file.
        folder: of the temporary file, on the same file system. Default: the folder of the file.

    **Raises**: `FileError`. After it, or after any error in the body, the old file is unchanged.
    """
    target = find_target(path)
    part = (_held or {}).pop(target.path, None) or PartFile(target, folder)
    try:
        part.open(path, PATIENCE)
        yield part.path
        part.replace(target)
    except OSError as error:
        raise FileError(f"{path}: cannot be written: {error.strerror or error}") from error
    finally:
        part.close()


def write_whole(path: str | Path, data: bytes) -> None:
    """Write a file that replaces the old one atomically.

    **Raises**: `FileError`; the old file, if any, is then unchanged.
    """
    with whole_file(str(path)) as temporary, open(temporary, "wb") as stream:
        stream.write(data)


# -- files that a command will write after a long run --------------------------------------

_held: dict[str, PartFile] | None = None
"""By the path of the target; None outside a command."""


def hold_target(path: Path | None, option: str, *sources: Any) -> None:
    """Check a file as `check_target` does, and keep it for this command until it is written.

    What killed processes left in its folder is removed.

    **Raises**: `FileError`, also while another process writes or holds the same file.
    """
    target = check_target(path, option, *sources)
    if target is None or _held is None:
        return
    name = f"{option} {path}"
    if target.path in _held:
        raise FileError(f"{name}: is named by another option too; expected two files")
    remove_leftovers(target.folder)
    part = _held[target.path] = PartFile(target)
    try:
        part.open(name, wait=0)
    except OSError as error:
        raise FileError(f"{name}: cannot be written: {error.strerror or error}") from error


@contextmanager
def held_targets() -> Iterator[None]:
    """A command: what `hold_target` holds and nobody writes is let go at its end."""
    global _held
    outer, _held = _held, {}
    try:
        yield
    finally:
        held, _held = _held, outer
        for part in held.values():
            part.close()


def remove_leftovers(folder: str) -> None:
    """Remove the temporary files of processes of this machine that were killed."""
    start = f"{PREFIX}{_host()}-"
    with suppress(OSError), os.scandir(folder) as entries:
        names = sorted(entry.name for entry in entries)
        for name in names:
            if name.startswith(start) and name.endswith(LOCK):
                _remove_leftover(os.path.join(folder, name))


def _remove_leftover(path: str) -> None:
    lock = PathLock(path)
    with suppress(OSError):
        if lock.acquire(wait=0) and lock.works:
            try:
                os.unlink(path.removesuffix(LOCK) + PART)
            except FileNotFoundError:
                pass
            finally:
                lock.release()


@cache
def _host() -> str:
    return hashlib.sha256(platform.node().encode("utf-8", "replace")).hexdigest()[:8]


def _keep_mode(path: str, old: os.stat_result) -> None:
    """Give a file the mode, the owner and the group of the file that it replaces."""
    mode = stat.S_IMODE(old.st_mode) & 0o777  # setuid bits were meant for the old content
    own = os.stat(path)
    if hasattr(os, "chown") and (own.st_uid, own.st_gid) != (old.st_uid, old.st_gid):
        with suppress(OSError):  # only root can give files away
            os.chown(path, -1, old.st_gid)
            os.chown(path, old.st_uid, -1)
        if os.stat(path).st_gid != old.st_gid:
            mode &= ~0o070 | (mode & 0o007) << 3  # another group gets no more than everybody
    os.chmod(path, mode)


def _sync_folder(folder: str) -> None:
    """Flush the new name to the disk, before anyone deletes what the file was made from.

    Windows and some network drives cannot flush a folder; there the system decides.
    """
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
