"""`read_case`: one case of the stored suite, addressed by the manifest."""

from __future__ import annotations

import json
import os
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py

from nirx_conformance.store.leaves import read_leaves, tree_of

__all__ = ["STORED", "StoredCase", "read_case", "read_graph", "read_sections"]

STORED = Path(__file__).parents[1] / "stored"


@dataclass(frozen=True)
class StoredCase:
    """A case as the files hold it.

    Arguments:
        about: its entry in the manifest.
        graph: the bytes of its `.nir` file.
        sections: section -> tree of arrays, or a bare array.
    """

    name: str
    about: dict[str, Any]
    graph: bytes
    sections: dict[str, Any]


def read_case(name: str, folder: str | os.PathLike[str] = STORED) -> StoredCase:
    """Read one case from the files alone, without the code of the cases or the oracle.

    **Raises**: `KeyError` for an unknown name.
    """
    folder = Path(folder)
    about = json.loads((folder / "manifest.json").read_text())["cases"][name]
    with tarfile.open(folder / "graphs.tar.xz") as archive:
        graph = read_graph(archive, about["graph"])
    return StoredCase(name, about, graph, read_sections(name, about, folder))


def read_graph(archive: tarfile.TarFile, name: str) -> bytes:
    """The bytes of one `.nir` file of the archive."""
    file = archive.extractfile(name)
    return b"" if file is None else file.read()


def read_sections(name: str, about: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The arrays of one case, from the HDF5 file that its entry names."""
    with h5py.File(folder / about["file"]) as file:
        group: Any = file[name]
        return {section: tree_of(read_leaves(group[section])) for section in about["arrays"]}
