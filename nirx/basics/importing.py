"""`"package.module:object"`: how the command line names a Python object."""

from __future__ import annotations

import os
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

from nirx.errors import InputError

__all__ = ["import_object"]


def import_object(name: str, what: str) -> Any:
    """The object of `"package.module:object"`; the current folder counts as for `python -m`.

    Arguments:
        what: what the name stands for, for the error.

    **Raises**: `InputError` if there is none. What the module itself raises passes.
    """
    module, _, names = name.partition(":")
    parts = (*module.split("."), *names.split("."))
    if module.endswith(".py") or not all(part.isidentifier() for part in parts):
        near = f"{Path(module).stem}:{names.partition('(')[0]}"
        raise InputError(f"{what} {name!r}; expected module:object, such as {near!r}")
    if "" not in sys.path and os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        return EntryPoint(name=name, value=name, group=what).load()
    except (ImportError, AttributeError, ValueError) as error:
        raise InputError(f"{what} {name!r} cannot be imported: {error}") from error
