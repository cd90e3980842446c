"""A lock that only one process holds, as a file that is there only while it is held.

filelock leaves its file behind, which would litter the folders of users.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

__all__ = ["PathLock"]

PAUSE = 0.02
"""Seconds between two attempts."""


class PathLock:
    """A lock on a path. The system releases it when the process ends, however it ends.

    Arguments:
        path: of the lock file. One that a killed process left behind is reused.
    """

    def __init__(self, path: str):
        self.path = path
        self.works = True
        """False on Windows and on file systems without locks, where `acquire` always succeeds."""
        self._handle: int | None = None

    def acquire(self, wait: float) -> bool:
        """Take the lock.

        Arguments:
            wait: seconds to wait for another process.

        Returns: whether this object holds it now.

        **Raises**: `OSError` if the file cannot be made.
        """
        end = time.monotonic() + wait
        while not self._try():
            if time.monotonic() >= end:
                return False
            time.sleep(PAUSE)
        return True

    def release(self) -> None:
        """Remove the file, and let another process take the lock."""
        if self._handle is not None:
            handle, self._handle = self._handle, None
            with suppress(OSError):
                os.unlink(self.path)
            os.close(handle)

    def _try(self) -> bool:
        if fcntl is None:
            self.works = False
            return True
        try:
            handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        except PermissionError:
            if os.path.lexists(self.path):
                return False  # of another user
            raise
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # The one who had it may have removed the file just now: then it is worth nothing.
            if _is_at(handle, self.path):
                self._handle, handle = handle, None
        except BlockingIOError:
            return False
        except OSError:  # no locks here
            with suppress(OSError):
                os.unlink(self.path)
            self.works = False
        finally:
            if handle is not None:
                os.close(handle)
        return self._handle is not None or not self.works


def _is_at(handle: int, path: str) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), os.stat(path, follow_symlinks=False))
    except FileNotFoundError:
        return False
