"""Damaged files: every error that HDF5 raises for one becomes a `FileError`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from nirx.errors import FileError, NirxError

__all__ = ["CHANGED", "damage_as_file_error"]

CHANGED = "the file was changed or is damaged; get a new copy from its source"


@contextmanager
def damage_as_file_error(path: str) -> Iterator[None]:
    """Whatever h5py raises for a damaged file, as a `FileError`."""
    try:
        yield
    except FileError:
        raise
    except (
        NirxError, OSError, RuntimeError, ValueError, TypeError, KeyError, IndexError
    ) as error:  # fmt: skip
        raise FileError(f"{path}: damaged: {error}") from error
