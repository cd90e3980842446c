"""References that claim too much are refused before memory is allocated for them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import nirx
from nirx.references.header import sealed
from nirx.references.layout import HEADER
from support.references import write_reference

MANY = 3 * 10**8


def resealed(path: Path, **changes: Any) -> Path:
    """A reference with another header, under a valid seal."""
    write_reference(path, spikes="events")
    with h5py.File(path, "r+") as file:
        item: Any = file[HEADER]
        header = json.loads(bytes(item[()]))
        header.pop("seal")
        header |= changes
        count = -(-header["steps"] // header["chunk_steps"])
        for own in header["recordings"]:
            own["chunks"] = (own["chunks"] * 2)[:count]
        del file[HEADER]
        file[HEADER] = np.frombuffer(sealed(header).encode(), np.uint8)
    return path


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"steps": MANY, "chunk_steps": MANY}, "chunks of 300000000 steps; expected at most 1024"),
        ({"batch": [0]}, "it has no samples"),
        ({"batch": [2**40, 2**40]}, "bytes in a chunk"),
    ],
)
def test_a_large_claim_is_refused(changes, reason, tmp_path):
    with pytest.raises(nirx.FileError, match=reason):
        nirx.verify(resealed(tmp_path / "r.h5", **changes), "numpy")


def test_a_large_attribute_is_not_loaded(tmp_path):
    write_reference(tmp_path / "r.h5")
    with h5py.File(tmp_path / "r.h5", "r+") as file:
        file.attrs.create("__type__", ["NIRGraphData" * 100] * 50)
    with pytest.raises(nirx.FileError, match=r"attribute '__type__' is None"):
        nirx.verify(tmp_path / "r.h5", "numpy")
