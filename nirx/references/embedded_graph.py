"""The `.nir` file inside a reference."""

from __future__ import annotations

import nir

from nirx.files.limits import ReadLimits
from nirx.files.reading import read_bytes
from nirx.references.damage import damage_as_file_error

__all__ = ["read_embedded"]


def read_embedded(data: bytes, path: str, limits: ReadLimits | None = None) -> nir.NIRGraph:
    """The graph in the bytes of a `.nir` file.

    Arguments:
        path: of the reference, for messages.
        limits: what the graph may cost; None for the usual ones.

    **Raises**: `FileError` for bytes that are not a graph.
    """
    with damage_as_file_error(path):
        return read_bytes(data, f"{path}: its graph", limits)
