"""Import a Python object by its name on the command line, `"package.module:object"`."""

from __future__ import annotations

import os
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

from nirx.errors import InputError

__all__ = ["import_object"]


def import_object(name: str, what: str) -> Any:
    """The object `"package.module:object"`; also from the current folder.

    Arguments:
        name: the name.
        what: what it names, for the error.

    **Raises**: `InputError` if there is no such object. Exceptions from the module propagate.
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
