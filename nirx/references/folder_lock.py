"""A folder that one process has for itself, until it says so or ends, however it ends."""

from __future__ import annotations

import os
from pathlib import Path

from nirx.errors import FileError

try:
    import fcntl
except ImportError:  # Windows: two runs at once are then the user's affair
    fcntl = None

__all__ = ["FolderLock", "lock_folder"]


class FolderLock:
    """What `lock_folder` gives; `close` ends it."""

    def __init__(self, handle: int | None):
        self._handle = handle

    def close(self) -> None:
        """Let others have the folder."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


def lock_folder(folder: Path) -> FolderLock:
    """Make a folder if it is not there, and have it alone.

    **Raises**: `FileError` if another process has it, or it cannot be made.
    """
    while True:
        try:
            folder.mkdir(exist_ok=True)
            if fcntl is None:
                return FolderLock(None)
            handle = os.open(folder, os.O_RDONLY)
        except FileNotFoundError as error:
            if folder.parent.is_dir():
                continue  # another run removed it just now
            raise FileError(f"{folder}: cannot be made or opened: {error.strerror}") from error
        except OSError as error:
            raise FileError(f"{folder}: cannot be made or opened: {error.strerror}") from error
        lock = FolderLock(handle)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.close()
            raise FileError(
                f"{folder}: another run is at work in it; wait for it, or write elsewhere"
            ) from error
        except OSError:
            return lock  # a file system without locks
        if _is_at(handle, folder):
            return lock
        lock.close()  # another run removed it before it was locked


def _is_at(handle: int, folder: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), os.stat(folder))
    except FileNotFoundError:
        return False
