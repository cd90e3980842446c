"""Files that their writer did not finish: what is missing, in the user's terms."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import h5py

from nirx.errors import FileError

__all__ = ["missing_root", "refuse_unfinished_graph", "unreadable"]

SIGNATURE = b"\x89HDF\r\n\x1a\n"
FIRST_GROUP = 96
"""Where HDF5 puts the outermost group of a new file: after a superblock of version 0."""
AGAIN = "write or copy it again"


def unreadable(path: str, error: Exception) -> FileError:
    """The error for a file that h5py could not open or read.

    Arguments:
        error: what h5py raised.
    """
    text = str(error)
    try:
        size = Path(path).stat().st_size
        with open(path, "rb") as stream:
            start = stream.read(2048)
    except OSError as own:
        return FileError(f"{path}: {own.strerror or own}")
    if not size:
        return FileError(f"{path}: unfinished: it has 0 bytes; {AGAIN}")
    whole = re.search(r"truncated file: eof = \d+.*?stored_eof = (\d+)", text)
    if whole:
        return FileError(
            f"{path}: unfinished: it ends after {size} of {int(whole.group(1))} bytes; {AGAIN}"
        )
    if "unable to lock file" in text or "already open" in text:
        return FileError(
            f"{path}: another program has it open for writing, or died while it did: unfinished; "
            f"close that program, or {AGAIN}"
        )
    if not any(start):
        return FileError(f"{path}: unfinished: it begins with zeros, not with HDF5; {AGAIN}")
    if start.startswith(SIGNATURE[: min(len(start), len(SIGNATURE))]) and size < 96:
        return FileError(f"{path}: unfinished: it ends after {size} bytes; {AGAIN}")
    if (
        start.startswith(SIGNATURE)
        and len(start) > FIRST_GROUP
        and not any(start[FIRST_GROUP:][:64])
    ):
        # The library writes this part last, when it closes the file.
        return FileError(
            f"{path}: unfinished: its writer stopped before it closed the file; {AGAIN}"
        )
    return FileError(f"{path}: not a readable HDF5 file: {error}")


def missing_root(path: str, file: h5py.File) -> FileError:
    """The error for an HDF5 file without the group "node"."""
    names = sorted(map(str, file))
    if names in ([], ["version"]):
        held = "nothing but its version" if names else "nothing"
        return FileError(
            f"{path}: unfinished: it holds {held}, no group 'node': its writer stopped before the "
            f"graph; {AGAIN}"
        )
    return FileError(f"{path}: not a NIR file: it has no group 'node'")


def refuse_unfinished_graph(path: str, tree: dict[str, Any]) -> None:
    """**Raises** `FileError` if a file breaks off within its outermost graph.

    nir writes a graph's nodes first, then its edges and its type.

    Arguments:
        tree: of the group "node".
    """
    if not tree:
        raise FileError(f"{path}: unfinished: its group 'node' is empty; {AGAIN}")
    if "type" not in tree and "nodes" in tree:
        nodes = tree["nodes"] if isinstance(tree["nodes"], dict) else {}
        named = ", ".join(map(repr, sorted(nodes)[:4])) or "none"
        lacking = "its edges and its type" if "edges" not in tree else "its type"
        raise FileError(
            f"{path}: unfinished: the graph has nodes ({named}), but not {lacking}, which are "
            f"written last: its writer stopped; {AGAIN}"
        )
