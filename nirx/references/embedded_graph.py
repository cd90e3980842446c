"""The `.nir` file inside a reference."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import nir

from nirx.errors import FileError
from nirx.files.limits import ReadLimits
from nirx.files.reading import read
from nirx.references.damage import damage_as_file_error

__all__ = ["read_embedded"]


def read_embedded(data: bytes, path: str, limits: ReadLimits | None = None) -> nir.NIRGraph:
    """The graph in the bytes of a `.nir` file.

    Arguments:
        path: of the reference, for messages.
        limits: what the graph may cost; None for the usual ones.

    **Raises**: `FileError` for bytes that are not a graph, and with another text if there is no
    room for a temporary file, which is not the fault of the reference.
    """
    with _unpacked(data, path) as place, damage_as_file_error(path):
        return read(place, limits=limits)


@contextmanager
def _unpacked(data: bytes, path: str) -> Iterator[str]:
    with ExitStack() as stack:
        try:
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            place = os.path.join(folder, "graph.nir")
            with open(place, "wb") as stream:
                stream.write(data)
        except OSError as error:
            where = tempfile.tempdir or "any folder for them"
            raise FileError(
                f"{path}: its graph cannot be read: cannot write a temporary file to {where}: "
                f"{error.strerror or error}; make room there, or let TMPDIR name another folder"
            ) from error
        yield place
