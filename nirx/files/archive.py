"""NumPy files of named arrays are replaced atomically."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from nirx.errors import FileError
from nirx.files.names import encode_name
from nirx.files.whole_file import whole_file

__all__ = [
    "check_target",
    "member_name",
    "save_arrays",
    "write_whole",
]


def save_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write an `.npz` file that `np.load` reads.

    Any text can be a name; one with a NUL or a lone surrogate, which a zip file cannot store, is
    percent-encoded. (`np.savez` takes names as arguments, so none could be "file".)

    **Raises**: `FileError`.
    """

    def write(stream: BinaryIO) -> None:
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
            for name, array in arrays.items():
                with archive.open(f"{member_name(name)}.npy", "w", force_zip64=True) as member:
                    np.lib.format.write_array(member, np.asarray(array), allow_pickle=False)

    write_whole(path, write)


def member_name(name: str) -> str:
    """The name of an array in an `.npz` file: percent-encoded if zip cannot store it."""
    bad = any(c == "\0" or "\ud800" <= c <= "\udfff" for c in name)
    return encode_name(name) if bad else name


def check_target(path: Path | None, option: str, *sources: Any) -> None:
    """Check before the work starts that a file can be written.

    Arguments:
        path: the file, or None for no file.
        option: the option that names it, for the error.
        sources: what the work reads; a path among them must not be the file itself.

    **Raises**: `FileError`.
    """
    if path is None:
        return
    for source in sources:
        with suppress(OSError, ValueError):  # one of them does not exist
            if isinstance(source, str | os.PathLike) and os.path.samefile(path, source):
                raise FileError(f"{option} {path}: is also an input; give the result another name")
    folder = path.absolute().parent
    if path.exists() and not path.is_file():
        # os.replace would replace, say, /dev/null.
        raise FileError(f"{option} {path}: exists and is not a regular file")
    if not folder.is_dir():
        raise FileError(f"{option} {path}: there is no folder {folder}")
    if not os.access(folder, os.W_OK):
        raise FileError(f"{option} {path}: the folder {folder} cannot be written to")


def write_whole(path: Path, write: Callable[[Any], None]) -> None:
    """Write a file and then replace the old one atomically.

    Arguments:
        path: the file.
        write: writes the content to a binary stream.

    **Raises**: `FileError`; the old file, if any, is then unchanged.
    """
    check_target(path, "output")
    with whole_file(str(path)) as temporary, open(temporary, "wb") as stream:
        write(stream)
