"""NumPy files of named arrays: untrusted when read, replaced atomically when written."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from nirx.errors import FileError
from nirx.files.names import encode_name
from nirx.files.whole_file import whole_file

__all__ = [
    "explain_damage",
    "load_arrays",
    "member_name",
    "save_arrays",
]


def load_arrays(path: Path, only: str | None = None) -> np.ndarray | dict[str, np.ndarray]:
    """The array of an `.npy` file, or the arrays of an `.npz` file by name.

    Arguments:
        path: the file.
        only: the one array of an `.npz` file to read. Default: all.

    **Raises**: `FileError` for anything else. Pickles are never loaded.
    """
    if not path.is_file():
        raise FileError(f"{path}: " + ("not a file" if path.exists() else "no such file"))
    try:
        with open(path, "rb") as stream:  # np.load leaves a file open if it fails
            found = np.load(stream, allow_pickle=False)
            if isinstance(found, np.ndarray):
                return found
            # By member, not by key: the name of an array may itself be "x.npy".
            members = found.zip.namelist() if only is None else [f"{only}.npy"]
            arrays = {m.removesuffix(".npy"): found[m] for m in members}
            found.close()
    except MemoryError:
        raise
    except Exception as error:  # np.load may raise anything for a damaged or hostile file
        raise FileError(f"{path}: {explain_damage(error)}") from error
    for name, array in arrays.items():
        if not isinstance(array, np.ndarray):
            raise FileError(f"{path}: {name!r} in it is not a NumPy array")
    return arrays


def explain_damage(error: Exception) -> str:
    """What is wrong with a file that NumPy could not read, in the user's terms."""
    text = str(error)
    if "Object arrays" in text or "Python objects" in text:
        return "holds Python objects (a pickle), which are never loaded; save arrays of numbers"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    expected = "an .npz of np.savez or an .npy of np.save, without pickles"
    if "pickle" in text or isinstance(error, EOFError):
        return f"not a NumPy file; expected {expected}"
    return f"a damaged NumPy file ({text or type(error).__name__}); expected {expected}"


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
