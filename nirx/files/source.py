"""A file that is to be read: it exists, and it is one."""

from __future__ import annotations

import os
import stat

from nirx.errors import FileError
from nirx.files.target import KINDS

__all__ = ["require_file"]


def require_file(path: str | os.PathLike[str]) -> None:
    """Refuse what is missing, and what cannot be read twice: a folder, a pipe, a device.

    **Raises**: `FileError` that says which of them.
    """
    try:
        mode = os.stat(path).st_mode
    except (FileNotFoundError, NotADirectoryError, ValueError) as error:  # ValueError: a NUL
        raise FileError(f"{path}: no such file") from error
    except OSError as error:
        raise FileError(f"{path}: cannot be read: {error.strerror or error}") from error
    if not stat.S_ISREG(mode):
        found = KINDS.get(stat.S_IFMT(mode), "something else")
        raise FileError(f"{path}: not a file but {found}")
