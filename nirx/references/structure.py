"""What a reference file holds beside its numbers: names, types and attributes, and no others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import h5py
import numpy as np

from nirx.errors import FileError
from nirx.files.hdf5_attributes import attribute
from nirx.references.damage import CHANGED
from nirx.references.layout import Observable, Run
from nirx.references.nirdata_writing import write_structure

__all__ = ["require_structure"]


def require_structure(
    file: h5py.File, path: str, observables: Sequence[Observable], run: Run
) -> None:
    """Raise `FileError` unless a file is built exactly as nirx builds one of these recordings.

    The digests cover the numbers; other readers also rely on types, units and the set of nodes.
    """
    with h5py.File("expected", "w", driver="core", backing_store=False) as expected:
        write_structure(expected, observables, run)
        _require_same(file, expected, path)


def _require_same(found: Any, expected: Any, path: str) -> None:
    ours, theirs = _facts(found), _facts(expected)
    for fact in {**theirs, **ours}:
        if ours.get(fact) != theirs.get(fact):
            a, b = (facts.get(fact, ("absent",))[-1] for facts in (ours, theirs))
            raise FileError(f"{path}: {expected.name}: {fact} is {a}; expected {b}: {CHANGED}")
    if isinstance(expected, h5py.Group):
        for name in expected:
            _require_same(found[name], expected[name], path)


def _facts(item: Any) -> dict[str, tuple[str, ...]]:
    """What is compared of a group or dataset; the last text of each is for messages."""
    facts: dict[str, tuple[str, ...]] = {"type": (type(item).__name__,)}
    for name in item.attrs:
        array = np.asarray(attribute(item, name))  # None if nirx writes none like it
        facts[f"attribute {name!r}"] = (array.dtype.kind, repr(array.tolist()))
    if isinstance(item, h5py.Group):
        for name in item:
            facts[f"member {name!r}"] = (type(item.get(name, getlink=True)).__name__,)
    else:
        # The byte order depends on the machine that wrote the file.
        facts["dtype"] = (str(item.dtype.newbyteorder("=")),)
    return facts
