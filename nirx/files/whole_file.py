"""Files that are there whole or not at all: written beside their place, then put there."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from nirx.errors import FileError

__all__ = ["PREFIX", "SUFFIX", "whole_file"]

PREFIX, SUFFIX = ".nirx-", ".part"
"""Of the names of files that are being written."""


@contextmanager
def whole_file(path: str, folder: str | None = None) -> Iterator[str]:
    """Give a temporary path to write to; at the end it takes the place of `path` in one step.

    Arguments:
        folder: where the temporary file lies, on the same file system; default: beside `path`.

    **Raises**: `FileError`; after it, or any error in the body, the old file is as it was.
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
    """Put the new name on the disk too, before anything that it was made of may go.

    Where a folder cannot be synchronised (Windows, some network drives), the system decides.
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
