"""NumPy files of named arrays are replaced atomically."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from nirx.files.names import encode_name
from nirx.files.whole_file import whole_file

__all__ = [
    "member_name",
    "save_arrays",
]


def save_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write an `.npz` file that `np.load` reads.

    Any text can be a name; one with a NUL or a lone surrogate, which a zip file cannot store, is
    percent-encoded. (`np.savez` takes names as arguments, so none could be "file".)

    **Raises**: `FileError`.
    """

    with (
        whole_file(str(path)) as temporary,
        zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED, allowZip64=True) as archive,
    ):
        for name, array in arrays.items():
            with archive.open(f"{member_name(name)}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.asarray(array), allow_pickle=False)


def member_name(name: str) -> str:
    """The name of an array in an `.npz` file: percent-encoded if zip cannot store it."""
    bad = any(c == "\0" or "\ud800" <= c <= "\udfff" for c in name)
    return encode_name(name) if bad else name
