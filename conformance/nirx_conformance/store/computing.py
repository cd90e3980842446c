"""`compute_case`: a case as it should be stored, from its code and the oracle."""

from __future__ import annotations

import io
import json
import re
import tempfile
import warnings
from pathlib import Path
from typing import Any

import h5py
import nir
import numpy as np

import nirx
from nirx_conformance.cases import TOPIC_OF, FixedCase, in_dtype
from nirx_conformance.store.leaves import Leaves, leaves_of, tree_of
from nirx_conformance.store.reading import StoredCase
from nirx_conformance.suite.expected import case_graph, expect

__all__ = ["GIVEN", "compute_case", "graph_digest", "rewritten"]

GIVEN = ("inputs", "warmup")
SECTIONS = (*GIVEN, "start", "outputs", "recordings", "state", "margins")
WHOLE, AT_MOST = 60_000, 1_000_000
"""Bytes of arrays up to which a case is stored whole; up to which its outputs are."""


def compute_case(case: FixedCase) -> StoredCase:
    """A case with all sections that are not empty, whether or not `about["arrays"]` lists them."""
    expected = expect(case)
    given = {name: in_dtype(getattr(case, name), case.dtype) for name in GIVEN}
    trees = {**given, "start": expected.start, **vars(expected.result)}
    leaves = {name: leaves_of(trees[name]) for name in SECTIONS}
    sections = {name: tree_of(own) for name, own in leaves.items() if own}
    size = sum(array.nbytes for own in leaves.values() for array in own.values())
    kept = SECTIONS if size <= WHOLE else ("inputs", "outputs") if size <= AT_MOST else ()
    graph = _graph_bytes(case_graph(case, case.dtype))
    about = {
        "level": case.own_level,
        "dtype": case.dtype,
        "tolerance": case.tolerance,
        "reason": case.reason,
        "source": case.source,
        "types": list(case.types),
        "discretization": json.loads(case.discretization.to_json()),
        "file": f"{TOPIC_OF[case.name]}.h5",
        "graph": re.sub(r"[^A-Za-z0-9.]+", "-", case.name) + ".nir",
        "arrays": [name for name in sections if name in kept],
        "sha256": {
            "graph": graph_digest(graph),
            **{name: nirx.digest(tree) for name, tree in sections.items()},
        },
    }
    return StoredCase(case.name, about, graph, sections)


def _graph_bytes(graph: nir.NIRGraph) -> bytes:
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore", nirx.NirxWarning)  # odd delays are the point of some cases
        path = Path(folder) / "graph.nir"
        nirx.write(path, graph)
        return path.read_bytes()


def rewritten(graph: bytes) -> bytes:
    """A stored `.nir` file as this version writes it: the form of a file may change, the graph not.

    **Raises**: `nirx.NirxError` if it cannot be read.
    """
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore", nirx.NirxWarning)
        path = Path(folder) / "graph.nir"
        path.write_bytes(graph)
        return _graph_bytes(nirx.read(path))


def graph_digest(graph: bytes) -> str:
    """The digest of a `.nir` file's datasets: the bytes of the file depend on HDF5's version."""
    leaves: Leaves = {}

    def visit(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and name != "version":
            leaves[tuple(name.split("/"))] = _numbers(item)

    with h5py.File(io.BytesIO(graph)) as file:
        file.visititems(visit)
    return nirx.digest(tree_of(leaves))


def _numbers(item: h5py.Dataset) -> np.ndarray:
    if h5py.check_string_dtype(item.dtype) is None:
        return np.asarray(item[()])
    texts: Any = item.asstr()[()]
    text = texts if isinstance(texts, str) else json.dumps(texts.tolist(), ensure_ascii=False)
    return np.frombuffer(text.encode(), np.uint8)
