"""`.npy` files, mapped into memory: only the steps that are read are loaded."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nirx.errors import FileError
from nirx.files.archive import explain_damage
from nirx.inputs.arrays import ArraySource, match_members
from nirx.inputs.options import Options
from nirx.inputs.protocol import Wanted
from nirx.inputs.watched import Watched

__all__ = ["npy_source"]


def npy_source(wanted: Wanted, path: Path, options: Options) -> ArraySource:
    """The array of an `.npy` file for the only Input; pickles are never loaded.

    **Raises**: `FileError`, `InputError`.
    """
    watched = Watched(path)
    (name,) = match_members(str(path), [None], list(wanted.features))
    try:
        array = np.lib.format.open_memmap(path, mode="r")
    except MemoryError:
        raise
    except Exception as error:  # NumPy raises anything for a damaged or hostile file
        raise FileError(f"{path}: {explain_damage(error)}") from error
    own = {"sha256": watched.sha256}
    return ArraySource(str(path), wanted, {name: array}, "npy", own, watched.check)
