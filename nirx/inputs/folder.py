"""A folder on a disk or in an object store (S3, GCS), through fsspec."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import PurePosixPath

from nirx.errors import FileError, InputError, NirxError, UnsupportedError
from nirx.files.limits import DATA_LIMITS
from nirx.inputs.sample_order import by_number

__all__ = ["Folder", "is_url"]


def is_url(text: str) -> bool:
    """Whether a text is a URL of fsspec, such as `s3://bucket/clips`."""
    return "://" in text


class Folder:
    """The files of a folder; can be pickled.

    Arguments:
        place: a path or a URL of fsspec.

    **Raises**: `UnsupportedError` without fsspec, or without the package that it needs for this
    kind of URL; `FileError`.
    """

    def __init__(self, place: str):
        self.place = place.rstrip("/") or place
        try:
            fsspec = import_module("fsspec")
        except ImportError as error:
            raise UnsupportedError(
                f"{place}: folders and URLs are read with fsspec, which is not installed; install "
                'it with: pip install "nirx[cloud]"'
            ) from error
        with self._reading(self.place):
            self._files, self._root = fsspec.core.url_to_fs(self.place)

    def names(self, suffix: str) -> list[str]:
        """The files with a suffix in it, not in folders below: those that are named by whole
        numbers in numerical order, then the others by code point.

        **Raises**: `FileError` if there is none.
        """
        with self._reading(self.place):
            entries = self._files.ls(self._root, detail=True)
            if len(entries) == 1 and entries[0]["name"].rstrip("/") == self._root.rstrip("/"):
                raise FileError(f"{self.place}: a file; expected a folder of {suffix} files")
        DATA_LIMITS.require("entries", len(entries), self.place)
        paths = [PurePosixPath(e["name"]) for e in entries if e["type"] == "file"]
        found = [p.name for p in paths if p.suffix.lower() == suffix]
        if not found:
            raise FileError(f"{self.place}: no {suffix} file in it; expected one per sample")
        return sorted(found, key=lambda name: (by_number(PurePosixPath(name).stem), name))

    def find(self) -> dict[str, int]:
        """The size of every file, also in folders below, by its path in this one, sorted.

        **Raises**: `FileError` if there is no such folder.
        """
        with self._reading(self.place):
            found = self._files.find(self._root, detail=True)
            if not found and not self._files.isdir(self._root):
                raise FileError(f"{self.place}: no such file or folder")
        DATA_LIMITS.require("entries", len(found), self.place)
        root = f"{self._root.rstrip('/')}/"
        own = {p.removeprefix(root): int(e["size"] or 0) for p, e in found.items()}
        return {path: own[path] for path in sorted(own)}

    def where(self, name: str) -> str:
        """A file, for messages."""
        return f"{self.place}/{name}"

    def read(self, name: str) -> bytes:
        """A whole file. **Raises** `FileError` if it is missing, unreadable or too large."""
        where, path = self.where(name), f"{self._root.rstrip('/')}/{name}"
        with self._reading(where):
            DATA_LIMITS.require("chunk_bytes", self._files.size(path), where)
            return self._files.cat_file(path)

    def read_again(self, name: str, sha256: str) -> bytes:
        """A whole file, of which the hash is known. **Raises** `FileError` also for another one."""
        content = self.read(name)
        if hashlib.sha256(content).hexdigest() != sha256:
            raise FileError(
                f"{self.where(name)}: is another file than when the run was started; start it again"
            )
        return content

    @contextmanager
    def _reading(self, where: str) -> Iterator[None]:
        """Whatever a store raises becomes an error of nirx."""
        try:
            yield
        except (MemoryError, NirxError):
            raise
        except ImportError as error:  # s3fs for s3://, gcsfs for gs://
            raise UnsupportedError(f"{where}: {error}") from error
        except FileNotFoundError as error:
            raise FileError(f"{where}: no such file or folder") from error
        except ValueError as error:
            raise InputError(f"{where}: {error}; expected a path or a URL of fsspec") from error
        except Exception as error:  # each store brings errors of its own
            raise FileError(f"{where}: {str(error) or type(error).__name__}") from error
