"""Changes of `.npy` and `.npz` files that keep their outer form."""

from __future__ import annotations

import io
import zipfile
from random import Random

import numpy as np

from support.fuzzing.byte_changes import change_bytes
from support.fuzzing.hdf5_values import BORDERS, NUMBERS, SHAPES, reshaped

__all__ = ["change_npy", "change_npz"]

HEADERS = [
    b"'shape': (-1,)",
    b"'shape': (2**40,)",
    b"'shape': (1099511627776, 3)",
    b"'shape': (0, -3)",
]
HEADERS += [
    b"'shape': (True, 3)",
    b"'shape': ()",
    b"'descr': '|O'",
    b"'descr': '<f2'",
    b"'descr': '<U9'",
]
HEADERS += [
    b"'descr': [('t', '<i8'), ('x', '<f4')]",
    b"'fortran_order': True",
    b"'fortran_order': 1",
]
HEADERS += [b"'descr': '<c8'", b"'descr': '<M8[us]'", b"'shape': [2, 3]", b"'descr': ('<f4', (3,))"]
HEADERS += [b"'shape': (" + b"1," * 70 + b")", b"'shape': (9" + b"9" * 5000 + b",)", b"[" * 9000]
NAMES = [
    "input",
    "input.npy",
    "x",
    "",
    "../x",
    "/etc/x",
    "é",
    "sub/lif",
    "li.v",
    "lif\x1b",
    "x" * 3000,
]


def change_npy(data: bytes, rng: Random) -> bytes:
    """Another array, another header, or other bytes."""
    kind = rng.random()
    if kind < 0.4:
        return change_bytes(data, rng)
    if kind < 0.6:
        head, found = rng.choice(HEADERS), data.find(b"'descr'")
        start = data.find(head.partition(b":")[0], 0, 128)
        start = found if start < 0 else start
        end = data.find(b"'", start + 9) if rng.random() < 0.5 else start + len(head)
        changed = data[:start] + head + b", " + data[end:]
        length = changed.find(b"\n", 0, 20_000) - 9
        return changed[:8] + max(0, length).to_bytes(4, "little")[:2] + changed[10:]
    with np.errstate(all="ignore"):
        try:
            array = np.load(io.BytesIO(data))
        except Exception:  # it was changed before, and NumPy raises anything
            return change_bytes(data, rng)
        if kind < 0.8 and array.dtype.kind in "biuf":
            array = array.astype(rng.choice((*NUMBERS, "c8", "U3", "M8[us]", "S2", "O")))
        elif array.dtype.kind in "biuf" and array.size and kind < 0.9:
            array = array.astype("f8")
            array.reshape(-1)[rng.randrange(array.size)] = rng.choice(BORDERS)
        else:
            array = reshaped(array, rng) if kind < 0.95 else np.ones(rng.choice(SHAPES), "f4")
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=True)
    return stream.getvalue()


def change_npz(data: bytes, rng: Random) -> bytes:
    """Other members, or other bytes."""
    if rng.random() < 0.25:
        return change_bytes(data, rng)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = [(info.filename, archive.read(info)) for info in archive.infolist()]
    for _ in range(rng.randint(1, 2)):
        place = rng.randrange(len(members))
        name, content = members[place]
        kind = rng.randrange(6)
        if kind < 3:
            members[place] = (name, change_npy(content, rng))
        elif kind == 3:
            members[place] = (f"{rng.choice(NAMES)}{rng.choice(('.npy', ''))}", content)
        elif kind == 4:
            members.append((f"{rng.choice(NAMES)}.npy", content))
        elif len(members) > 1:
            del members[place]
    return _zipped(members, rng)


def _zipped(members: list[tuple[str, bytes]], rng: Random) -> bytes:
    method = rng.choice(
        (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2)
    )
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, content in dict(members).items():
            info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))  # the same bytes at any time
            info.compress_type = method
            archive.writestr(info, content)
    found = stream.getvalue()
    return change_bytes(found, rng) if rng.random() < 0.15 else found
