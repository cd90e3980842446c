"""What `dir()` of a package shows: its interface, not the files that an import brings along."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

__all__ = ["shown_names"]


def shown_names(names: Mapping[str, Any], *modules: ModuleType) -> Callable[[], list[str]]:
    """A `__dir__` for a package.

    Arguments:
        names: `globals()` at the end of the package's `__init__.py`.
        modules: those that are part of the interface.

    Returns: a function without arguments: the public names, and `__version__` if there is one.
    """
    shown = [
        name
        for name, value in sorted(names.items())
        if name == "__version__"
        or not (name.startswith("_") or (isinstance(value, ModuleType) and value not in modules))
    ]
    return lambda: list(shown)
