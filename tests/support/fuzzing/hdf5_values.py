"""Data of every kind that HDF5 stores, for `hdf5_changes`."""

from __future__ import annotations

from random import Random
from typing import Any

import h5py
import numpy as np

__all__ = ["BORDERS", "NUMBERS", "compression", "dataset", "layout", "reshaped", "value"]

NUMBERS = ["f2", "f4", "f8", ">f4", ">f8", "g", "i1", "i8", ">i4", "u1", "u8", "?", "i4"]
BORDERS: list[Any] = [0, 1, -1, 2, 0.5, 1e-3, 3e38, 1e-38, 1e-45, 255, 2**31 - 1, 2**31, 2**62]
BORDERS += [float("nan"), float("inf"), float("-inf"), -0.0, 1e6, -(2**63), 1e300]
SHAPES: list[Any] = [
    (),
    (0,),
    (1,),
    (3,),
    (2, 3),
    (3, 1),
    (0, 2),
    (1, 1, 1, 1),
    (4, 3, 3, 3),
    (70,),
]
HUGE = [(2**31,), (2**40,), (10**6, 10**6), (2**62,), (2**20, 2), (1,) * 20, (10**7,)]
OTHERS: list[Any] = [
    h5py.string_dtype(),
    h5py.string_dtype("ascii"),
    h5py.string_dtype(length=5),
    h5py.string_dtype("ascii", 3),
    h5py.vlen_dtype(np.int32),
    h5py.ref_dtype,
    h5py.regionref_dtype,
    h5py.enum_dtype({"a": 0, "b": 7}, "i1"),
    np.dtype([("a", "f4"), ("b", "i4")]),
    np.dtype([("t", "i8"), ("x", "i2"), ("y", "i2"), ("p", "?")]),
    np.dtype([("a", h5py.string_dtype())]),
    np.dtype("c8"),
    np.dtype("V1"),
    np.dtype("V5"),
    np.dtype(("f4", (2,))),
]


def value(rng: Random) -> Any:
    """A small value of any kind."""
    kind = rng.random()
    if kind < 0.3:
        return rng.choice(BORDERS)
    if kind < 0.5:
        return rng.choice(("", "text", "a" * 70_000, "\x1b[2J", "é"))
    if kind < 0.55:
        return h5py.Empty("f4")
    dtype = np.dtype(rng.choice((*NUMBERS, *NUMBERS, *OTHERS)))
    return np.zeros(rng.choice(SHAPES), dtype)


def dataset(rng: Random) -> dict[str, Any]:
    """Options of `create_dataset` for data of any kind, size and layout."""
    kind = rng.random()
    if kind < 0.35:
        return {"data": value(rng)}
    dtype = np.dtype(rng.choice((*NUMBERS, *NUMBERS, *OTHERS)))
    shape = rng.choice(SHAPES if kind < 0.6 else HUGE)
    return {"shape": shape, "dtype": dtype, **layout(shape, rng), **_fill(dtype, rng)}


def layout(shape: tuple[int, ...], rng: Random) -> dict[str, Any]:
    """Options of `create_dataset` for where the data is."""
    kind = rng.random()
    if kind < 0.3 or not shape:
        return {}
    if kind < 0.35:
        return {"external": [("/nowhere/elsewhere", 0, h5py.h5f.UNLIMITED)]}
    most = rng.choice((1, 3, 64, 2**12, 2**31))
    chunks = tuple(max(1, min(n, most)) for n in shape)
    return {"chunks": chunks, "maxshape": (None,) * len(shape), **compression(rng)}


def compression(rng: Random) -> dict[str, Any]:
    """Filters."""
    found: dict[str, Any] = {}
    if rng.random() < 0.6:
        found["compression"] = rng.choice(("gzip", "lzf", "szip"))
    found["shuffle"] = rng.random() < 0.3
    found["fletcher32"] = rng.random() < 0.2
    if rng.random() < 0.05:
        found["scaleoffset"] = 3
    return found


def _fill(dtype: np.dtype, rng: Random) -> dict[str, Any]:
    if dtype.kind not in "iuf" or rng.random() < 0.5:
        return {}
    return {
        "fillvalue": rng.choice((0, 1, 100)),
        "fill_time": rng.choice(("alloc", "never", "ifset")),
    }


def reshaped(found: np.ndarray, rng: Random) -> np.ndarray:
    """The same data in another shape, or part of it, or more of it."""
    kind = rng.randrange(6)
    if kind == 0:
        return found.reshape(-1)
    if kind == 1:
        return found[None]
    if kind == 2:
        return found[..., None]
    if kind == 3 and found.ndim:
        return found[: rng.randrange(len(found) + 1)]
    if kind == 4 and found.ndim:
        return np.concatenate([found, found])
    return found.reshape(-1)[0] if found.size else found
