"""A file that is identified by its hash and must not change during a run."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path

from nirx.errors import FileError
from nirx.files.source import require_file

__all__ = ["SeenFile", "Watched", "files_known", "files_noted", "is_reopening"]

BLOCKS, BLOCK = 16, 2**16
"""How much of a file that was hashed elsewhere is read to see that it is the same."""


@dataclass(frozen=True)
class SeenFile:
    """A file that another process has hashed.

    Arguments:
        sha256: of all of it.
        size: in bytes.
        fingerprint: SHA-256 of some blocks, spread over it.
    """

    sha256: str
    size: int
    fingerprint: str


class Watched:
    """A file that a source reads from during a run.

    Arguments:
        path: hashed once; not at all where another process of the run has done it.

    **Raises**: `FileError` if it is missing, not a file or unreadable, or not the file that the
    other process has seen.
    """

    def __init__(self, path: Path):
        self.path = path
        require_file(path)
        known = (_known.get() or {}).get(str(path))
        try:
            self._seen = self._stamp()
            found = _fingerprint(path, self.size)
            if known is None:
                with open(path, "rb") as stream:
                    self.sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
        except OSError as error:
            raise FileError(f"{path}: {error.strerror or error}") from error
        if known is not None:
            if (self.size, found) != (known.size, known.fingerprint):
                raise FileError(
                    f"{path}: on {platform.node()} it is another file than where the run was "
                    "started; expected the same file on all machines, on a shared disk or as a URL"
                )
            self.sha256 = known.sha256
        noted = _noted.get()
        if noted is not None:
            noted[str(path)] = SeenFile(self.sha256, self.size, found)

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


@contextmanager
def files_known(files: Mapping[str, SeenFile]) -> Iterator[None]:
    """While open, these files, by path, are not hashed again."""
    token = _known.set(files)
    try:
        yield
    finally:
        _known.reset(token)


@contextmanager
def files_noted() -> Iterator[dict[str, SeenFile]]:
    """Collects what is seen of the files that are opened while it is open, by path."""
    noted: dict[str, SeenFile] = {}
    token = _noted.set(noted)
    try:
        yield noted
    finally:
        _noted.reset(token)


def is_reopening() -> bool:
    """Whether an input is opened again that another process has looked through."""
    return _known.get() is not None


def _fingerprint(path: Path, size: int) -> str:
    hasher = hashlib.sha256()
    with open(path, "rb") as stream:
        for number in range(BLOCKS):
            stream.seek(max(0, size - BLOCK) * number // (BLOCKS - 1))
            hasher.update(stream.read(BLOCK))
    return hasher.hexdigest()


_known: ContextVar[Mapping[str, SeenFile] | None] = ContextVar("known", default=None)
_noted: ContextVar[dict[str, SeenFile] | None] = ContextVar("noted", default=None)
