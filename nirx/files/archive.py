"""NumPy files of named arrays: read without trust, written whole or not at all."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from nirx.errors import FileError
from nirx.files.names import encode_name
from nirx.files.whole_file import whole_file

__all__ = [
    "check_target",
    "explain_damage",
    "load_arrays",
    "member_name",
    "save_arrays",
    "write_whole",
]


def load_arrays(path: Path, only: str | None = None) -> np.ndarray | dict[str, np.ndarray]:
    """The array of an `.npy` file, or all arrays of an `.npz` file by name.

    Arguments:
        only: of an `.npz` file, read this one alone.

    **Raises**: `FileError` for anything else; pickles are never loaded.
    """
    if not path.is_file():
        raise FileError(f"{path}: " + ("not a file" if path.exists() else "no such file"))
    try:
        with open(path, "rb") as stream:  # np.load leaves a file open where it fails
            found = np.load(stream, allow_pickle=False)
            if isinstance(found, np.ndarray):
                return found
            # By member, not by key: an array may itself be called "x.npy".
            members = found.zip.namelist() if only is None else [f"{only}.npy"]
            arrays = {m.removesuffix(".npy"): found[m] for m in members}
            found.close()
    except MemoryError:
        raise
    except Exception as error:  # a damaged or hostile file can break np.load in any way
        raise FileError(f"{path}: {explain_damage(error)}") from error
    for name, array in arrays.items():
        if not isinstance(array, np.ndarray):
            raise FileError(f"{path}: {name!r} in it is not a NumPy array")
    return arrays


def explain_damage(error: Exception) -> str:
    """What is wrong with a file that NumPy could not read, in words for its owner."""
    text = str(error)
    if "Object arrays" in text:
        return "holds Python objects (a pickle), which are never loaded; save arrays of numbers"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    expected = "an .npz of np.savez or an .npy of np.save, without pickles"
    if "pickle" in text or isinstance(error, EOFError):
        return f"not a NumPy file; expected {expected}"
    return f"a damaged NumPy file ({text or type(error).__name__}); expected {expected}"


def save_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write an `.npz` file that `np.load` reads; any text can be a name.

    A name with a NUL or a lone surrogate, which a zip file cannot hold, is percent-encoded.
    Not by `np.savez`: it takes names as arguments, so "file" could not be one.

    **Raises**: `FileError`.
    """

    def write(stream: BinaryIO) -> None:
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
            for name, array in arrays.items():
                with archive.open(f"{member_name(name)}.npy", "w", force_zip64=True) as member:
                    np.lib.format.write_array(member, np.asarray(array), allow_pickle=False)

    write_whole(path, write)


def member_name(name: str) -> str:
    """What an array is called in an `.npz` file: its name, but for what zip cannot hold."""
    bad = any(c == "\0" or "\ud800" <= c <= "\udfff" for c in name)
    return encode_name(name) if bad else name


def check_target(path: Path | None, option: str, *sources: Any) -> None:
    """Say early, before the work, that a file will not be writable.

    Arguments:
        sources: what is read; of those that are paths, none may be the file that is written.

    **Raises**: `FileError`.
    """
    if path is None:
        return
    for source in sources:
        if isinstance(source, str | os.PathLike) and _same_file(path, source):
            raise FileError(f"{option} {path}: is read too; give the result another name")
    folder = path.absolute().parent
    if path.exists() and not path.is_file():
        # os.replace would put a file in the place of, say, /dev/null.
        raise FileError(f"{option} {path}: exists and is not a regular file")
    if not folder.is_dir():
        raise FileError(f"{option} {path}: there is no folder {folder}")
    if not os.access(folder, os.W_OK):
        raise FileError(f"{option} {path}: the folder {folder} cannot be written to")


def _same_file(a: Path, b: str | os.PathLike[str]) -> bool:
    try:
        return os.path.samefile(a, b)
    except (OSError, ValueError):  # one of them is not there
        return False


def write_whole(path: Path, write: Callable[[Any], None]) -> None:
    """Write a file beside its place, then put it there in one step.

    Arguments:
        write: takes a binary stream.

    **Raises**: `FileError`; the old file, if any, is then as it was.
    """
    check_target(path, "output")
    with whole_file(str(path)) as temporary, open(temporary, "wb") as stream:
        write(stream)
