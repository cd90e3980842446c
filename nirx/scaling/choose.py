"""Engines by their names."""

from __future__ import annotations

from importlib.util import find_spec

from nirx.errors import InputError, UnsupportedError, did_you_mean
from nirx.scaling.engine import Engine, Here
from nirx.scaling.on_ray import OnRay

__all__ = ["is_installed", "open_engine", "require_engine"]

ENGINES = {"ray": OnRay}
"""By the name of their package, which is that of the extra too."""


def open_engine(name: str | None) -> Engine:
    """The engine of a name; None is this process.

    **Raises**: `InputError` for an unknown one, `UnsupportedError` if it is not installed.
    """
    require_engine(name)
    if name is None:
        return Here()
    return ENGINES[name]()


def require_engine(name: str | None) -> None:
    """Check, before any work, that there is an engine of that name.

    **Raises**: `InputError` for an unknown one, `UnsupportedError` if it is not installed.
    """
    if name is None:
        return
    if name not in ENGINES:
        raise InputError(f"engine={name!r}; {did_you_mean(str(name), ENGINES)}")
    if not is_installed(name):
        raise UnsupportedError(
            f"engine={name!r} needs the package {name}, which is not installed; install it with: "
            f'pip install "nirx[{name}]"'
        )


def is_installed(name: str) -> bool:
    """Whether the package of an engine is there."""
    return find_spec(name) is not None
