"""Changes of the header of a reference, with a new seal: whoever can change a file can make one."""

from __future__ import annotations

import json
from copy import deepcopy
from random import Random
from typing import Any

import h5py
import numpy as np

from nirx.references.header import sealed
from nirx.references.layout import HEADER
from support.fuzzing.file_image import changed_file
from support.fuzzing.hdf5_values import BORDERS

__all__ = ["change_header"]

OTHERS: list[Any] = [
    None,
    True,
    "",
    "a",
    "float64",
    "output",
    [],
    {},
    [1],
    [[]],
    {"a": 1},
    "9" * 400,
]
OTHERS += [10**400, "sub/lif", "\x00", "[" * 500, [2**62, 2**62], -1]
MOST_CHANGES = 3


def change_header(data: bytes, rng: Random) -> bytes:
    """A reference whose header says something else."""

    def change(file: h5py.File) -> None:
        header = json.loads(np.asarray(file[HEADER]).tobytes())
        for _ in range(rng.randint(1, MOST_CHANGES)):
            _change(header, rng)
        header.pop("seal", None)
        del file[HEADER]
        file[HEADER] = np.frombuffer(sealed(header).encode(), np.uint8)

    return changed_file(data, change)


def _change(value: Any, rng: Random) -> None:
    """Another value, a missing or a new one, anywhere in a tree of JSON."""
    while True:
        keys = list(value) if isinstance(value, dict) else range(len(value))
        if not keys:
            return
        key = rng.choice(keys)
        if not isinstance(value[key], dict | list) or rng.random() < 0.3:
            break
        value = value[key]
    kind = rng.random()
    if kind < 0.15:
        del value[key]
    elif kind < 0.25 and isinstance(value, dict):
        value[rng.choice(("a", "", "steps", "seal"))] = deepcopy(rng.choice(OTHERS))
    elif kind < 0.4:
        value[key] = deepcopy(rng.choice([value[k] for k in keys]))
    else:
        value[key] = deepcopy(rng.choice((*OTHERS, *BORDERS)))
