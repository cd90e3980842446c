"""Node types of other packages, which the entry points of the group `nirx.node_types` name.

The name of an entry point is that of the type, as a file has it. Loading it must register the
type. Nothing is loaded before a file or a graph has a type of that name.
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoint, entry_points

from nirx.errors import UnsupportedError

__all__ = ["HOW_TO_PLUG", "NODE_TYPES", "brought_by", "load_type"]

NODE_TYPES = "nirx.node_types"

HOW_TO_PLUG = (
    "install or import the package that brings it; a package calls nirx.register_type and names "
    f"its types as entry points of the group {NODE_TYPES} (docs/node-mapping.md)"
)
"""What to do about an unknown type."""


def load_type(name: str) -> bool:
    """Load the entry point of a type; whether there is one.

    **Raises**: `UnsupportedError` where it cannot be loaded.
    """
    point = _points().get(name)
    if point is None:
        return False
    try:
        point.load()
    except Exception as error:  # whatever the import of another package raises
        raise UnsupportedError(
            f"node type {name!r}: {brought_by(name)} brings it, but its entry point "
            f"{point.value!r} cannot be loaded ({type(error).__name__}: {error}); repair or "
            "remove that package"
        ) from error
    return True


def brought_by(name: str) -> str:
    """The package whose entry point names the type: `"package 'x'"`."""
    point = _points()[name]
    return f"package {point.dist.name if point.dist else point.module!r}"


@cache
def _points() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=NODE_TYPES)}
