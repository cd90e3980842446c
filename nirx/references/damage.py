"""Damaged files: whatever HDF5 says of one is one kind of error."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from nirx.errors import FileError, NirxError

__all__ = ["damage_as_file_error"]


@contextmanager
def damage_as_file_error(path: str) -> Iterator[None]:
    """What h5py says of a damaged file, in any of its ways, as a `FileError`."""
    try:
        yield
    except FileError:
        raise
    except NirxError as error:
        raise FileError(f"{path}: damaged: {error}") from error
    except (OSError, RuntimeError, ValueError, TypeError, KeyError, IndexError) as error:
        raise FileError(f"{path}: damaged: {error}") from error
