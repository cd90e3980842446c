"""`.npy` files, mapped into memory: what is read is what is asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nirx.errors import FileError
from nirx.files.archive import explain_damage
from nirx.inputs.arrays import ArraySource, match_members
from nirx.inputs.protocol import Wanted
from nirx.inputs.watched import Watched

__all__ = ["WatchedArray", "npy_source"]


class WatchedArray:
    """A mapped array; a read notices that the file below it was changed."""

    def __init__(self, array: np.ndarray, watched: Watched):
        self.shape, self.dtype = array.shape, array.dtype
        self._array, self._watched = array, watched

    def read(self, start: int, stop: int) -> np.ndarray:
        self._watched.check()
        return self._array[start:stop]


def npy_source(wanted: Wanted, path: Path) -> ArraySource:
    """The array of an `.npy` file for the only Input; pickles are never loaded.

    **Raises**: `FileError`, `InputError`.
    """
    watched = Watched(path)
    (name,) = match_members(str(path), [None], list(wanted.features))
    try:
        array = np.lib.format.open_memmap(path, mode="r")
    except MemoryError:
        raise
    except Exception as error:  # a damaged or hostile file can break NumPy in any way
        raise FileError(f"{path}: {explain_damage(error)}") from error
    own = {"sha256": watched.sha256}
    return ArraySource(str(path), wanted, {name: WatchedArray(array, watched)}, "npy", own)
