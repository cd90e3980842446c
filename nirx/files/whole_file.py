"""Atomic file writes: to a temporary file, which then replaces the old one."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from nirx.errors import FileError

__all__ = ["PREFIX", "SUFFIX", "whole_file"]

PREFIX, SUFFIX = ".nirx-", ".part"
"""Of the names of temporary files."""


@contextmanager
def whole_file(path: str, folder: str | None = None) -> Iterator[str]:
    """A temporary path to write to; at the end the file replaces `path` atomically.

    Arguments:
        path: the file.
        folder: of the temporary file, on the same file system. Default: the folder of `path`.

    **Raises**: `FileError`. After it, or after any error in the body, the old file is unchanged.
    """
    temporary = ""
    try:
        try:
            beside = folder or os.path.dirname(os.path.abspath(path))
            handle, temporary = tempfile.mkstemp(SUFFIX, PREFIX, beside)
        except ValueError as error:  # a NUL in the path
            raise FileError(f"{path}: cannot be written: {error}") from error
        os.close(handle)
        yield temporary
        with open(temporary, "rb") as done:
            os.fsync(done.fileno())
        os.chmod(temporary, 0o666 & ~_umask())  # mkstemp lets only the owner read
        os.replace(temporary, path)
        _sync_folder(os.path.dirname(os.path.abspath(path)))
    except OSError as error:
        raise FileError(f"{path}: cannot be written: {error.strerror or error}") from error
    finally:
        if temporary and os.path.exists(temporary):
            os.unlink(temporary)


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


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
