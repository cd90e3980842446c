"""A file that is identified by its hash and must not change during a run."""

from __future__ import annotations

import hashlib
from pathlib import Path

from nirx.errors import FileError

__all__ = ["Watched"]


class Watched:
    """A file that a source reads from during a run.

    Arguments:
        path: hashed once.

    **Raises**: `FileError` if it is missing, not a file or unreadable.
    """

    def __init__(self, path: Path):
        self.path = path
        if not path.is_file():
            raise FileError(f"{path}: " + ("not a file" if path.exists() else "no such file"))
        try:
            with open(path, "rb") as stream:
                self._seen = self._stamp()
                self.sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
        except OSError as error:
            raise FileError(f"{path}: {error.strerror or error}") from error

    @property
    def size(self) -> int:
        """Size in bytes."""
        return self._seen[0]

    def check(self) -> None:
        """**Raises** `FileError` if the file was changed since it was hashed."""
        try:
            now = self._stamp()
        except OSError as error:
            raise FileError(f"{self.path}: {error.strerror or error}") from error
        if now != self._seen:
            raise FileError(f"{self.path}: was changed while it was read; start the run again")

    def _stamp(self) -> tuple[int, int]:
        status = self.path.stat()
        return status.st_size, status.st_mtime_ns
