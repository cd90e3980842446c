"""Small datasets. A graph has several per node, and h5py's own way to make one takes far longer."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import h5py
import numpy as np
from h5py import h5d, h5p, h5s, h5t  # pyright: ignore[reportAttributeAccessIssue] # compiled

__all__ = ["put_small"]

MOST_BYTES = 1024
"""A larger array is compressed. A smaller one takes less room as it is than in a chunk."""


def put_small(group: h5py.Group, name: str, value: Any) -> bool:
    """Store a text, or a small array of numbers, uncompressed, as `Group.create_dataset` does.

    Returns: False if the value is something else; nothing is then stored.

    **Raises**: as `Group.create_dataset`.
    """
    text = isinstance(value, str)
    array = np.asarray(value, h5py.string_dtype() if text else None, order="C")
    small = array.dtype.kind in "biuf" and 0 < array.nbytes <= MOST_BYTES
    if not (text or small) or not name.isascii():
        return False
    kind = _type(array.dtype, text)
    dataset = h5d.create(group.id, name.encode(), kind, _space(array.shape), _properties())
    dataset.write(h5s.ALL, h5s.ALL, array)
    return True


@lru_cache(64)
def _type(dtype: np.dtype, text: bool) -> Any:
    return h5t.py_create(h5py.string_dtype() if text else dtype, logical=True)


@lru_cache(1024)
def _space(shape: tuple[int, ...]) -> Any:
    return h5s.create_simple(shape) if shape else h5s.create(h5s.SCALAR)


@lru_cache(1)
def _properties() -> Any:
    properties = h5p.create(h5p.DATASET_CREATE)
    properties.set_obj_track_times(False)  # the same graph makes the same bytes
    return properties
