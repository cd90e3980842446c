"""Changes of the structure of an HDF5 file that HDF5 itself makes."""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from random import Random
from typing import Any

import h5py
import numpy as np

from support.fuzzing import hdf5_values
from support.fuzzing.file_image import changed_file

__all__ = ["change_hdf5"]

MOST_CHANGES = 3
DEEP = 650
"""Groups within groups: more than nirx reads."""
MOST_NUMBERS = 10_000
"""In a dataset that is loaded to be changed."""
TEXTS = [
    "",
    "a",
    "input",
    "output",
    "lif",
    "NIRGraph",
    "LIF",
    "Conv2d",
    "Delay",
    "sub/in",
    "é",
    "~1",
]
TEXTS += ["nirx", "type", "nodes", "metadata", "edges", "\x1b[31m", "a/b", ".", "x" * 300]
DAMAGE = (
    *(OSError, RuntimeError, ValueError, TypeError),
    *(LookupError, AttributeError, OverflowError),
)
"""What h5py and NumPy raise for a change that cannot be made, which then is none."""

Change = Callable[[Any, Random, list[str]], None]


SMALL = 10_000
"""Elements of a dataset that is looked at while a file is changed."""


def change_hdf5(data: bytes, rng: Random) -> bytes:
    """An HDF5 file with one to three changes."""

    def change(file: h5py.File) -> None:
        names = list(_first_names(data))
        for number in range(rng.randint(1, MOST_CHANGES)):
            with suppress(*DAMAGE):
                rng.choice(CHANGES)(file, rng, _names(file) if number else names)
        if rng.random() < 0.1:  # at the end: HDF5 itself reads beyond such a chunk
            with suppress(*DAMAGE):
                _short_chunk(file, rng, _names(file))

    return changed_file(data, change)


@cache
def _first_names(data: bytes) -> tuple[str, ...]:
    """The names in a good file, of which there are few."""
    with h5py.File(io.BytesIO(data), "r") as file:
        return tuple(_names(file))


def _names(file: Any) -> list[str]:
    names: list[str] = []
    file.visit(names.append)
    return names or ["node"]


def _dataset(file: Any, rng: Random, names: list[str]) -> Any:
    found = [n for n in names if isinstance(file.get(n), h5py.Dataset)]
    return file[rng.choice(found or ["no dataset"])]


def _put(file: Any, name: str, options: dict[str, Any]) -> None:
    if name in file:
        del file[name]
    file.create_dataset(name, **options)


def _replace(file: Any, rng: Random, names: list[str]) -> None:
    """Any data in the place of a dataset or group."""
    _put(file, rng.choice(names), hdf5_values.dataset(rng))


def _store_otherwise(file: Any, rng: Random, names: list[str]) -> None:
    """The same data with another dtype, shape or layout."""
    item = _dataset(file, rng, names)
    if item.size is None or item.size > MOST_NUMBERS:
        return
    name, value = item.name, np.asarray(item[()])
    kind = rng.random()
    if kind < 0.4 and value.dtype.kind in "biuf":
        with np.errstate(all="ignore"):
            value = value.astype(rng.choice(hdf5_values.NUMBERS))
    elif kind < 0.7:
        value = hdf5_values.reshaped(value, rng)
    _put(file, name, {"data": value, "dtype": value.dtype, **hdf5_values.layout(value.shape, rng)})


def _set_numbers(file: Any, rng: Random, names: list[str]) -> None:
    item = _dataset(file, rng, names)
    if item.dtype.kind in "biuf" and item.size is not None and item.size <= MOST_NUMBERS:
        value = np.array(item[()])
        with np.errstate(all="ignore"):
            border = np.asarray(rng.choice(hdf5_values.BORDERS)).astype(value.dtype)
        value.reshape(-1)[rng.randrange(max(1, value.size)) if rng.random() < 0.5 else ...] = border
        item[...] = value


def _set_text(file: Any, rng: Random, names: list[str]) -> None:
    item = _dataset(file, rng, names)
    if item.dtype.kind == "O":
        text = rng.choice((*TEXTS, *names)).rsplit("/", 1)[-1]
        if not item.shape:
            item[()] = text
        elif item.size and item.size <= SMALL:  # else an earlier change declared it
            item[tuple(rng.randrange(n) for n in item.shape)] = text


def _edges(file: Any, rng: Random, names: list[str]) -> None:
    """More, fewer, repeated or exchanged edges."""
    found = [n for n in names if n.endswith("edges")]
    name = rng.choice(found or ["edges"])
    before = file[name]
    small = before.size is not None and before.size <= SMALL  # else an earlier change declared it
    value = np.asarray(before[()], object).reshape(-1, 2).tolist() if small else []
    ends = [end for edge in value for end in edge] + rng.sample(TEXTS, 1)
    for _ in range(rng.randint(1, 4)):
        if value and rng.random() < 0.4:
            value.pop(rng.randrange(len(value)))
        value.append([rng.choice(ends), rng.choice(ends)])
    _put(file, name, {"data": value, "dtype": h5py.string_dtype()})


def _attribute(file: Any, rng: Random, names: list[str]) -> None:
    item = file[rng.choice((*names, "/"))]
    name = rng.choice((*item.attrs, *TEXTS, "nirx_names"))
    item.attrs[name] = hdf5_values.value(rng)


def _move(file: Any, rng: Random, names: list[str]) -> None:
    file.move(rng.choice(names), _free(rng, names))


def _copy(file: Any, rng: Random, names: list[str]) -> None:
    name = rng.choice(names)
    if not _is_deep(names):
        file.copy(name, _free(rng, names))


def _remove(file: Any, rng: Random, names: list[str]) -> None:
    del file[rng.choice(names)]


def _group(file: Any, rng: Random, names: list[str]) -> None:
    name = rng.choice(names)
    if rng.random() < 0.5:
        del file[name]
        file.create_group(name)
    else:
        depth = 1 if _is_deep(names) else rng.choice((1, 2, DEEP))
        file.create_group(f"{name}/{'/'.join(rng.choices('abc', k=depth))}")


def _is_deep(names: list[str]) -> bool:
    """Whether there are deep groups already: HDF5 itself visits and copies by recursion."""
    return any(name.count("/") > DEEP // 2 for name in names)


def _link(file: Any, rng: Random, names: list[str]) -> None:
    target, name = rng.choice((*names, "/", "nowhere")), _free(rng, names)
    if rng.random() < 0.4 and name in file:
        del file[name]
    kind = rng.randrange(3)
    file[name] = (file[target], h5py.SoftLink(f"/{target}"), h5py.ExternalLink("x.h5", target))[
        kind
    ]


def _diamonds(file: Any, rng: Random, names: list[str]) -> None:
    """Groups that hold the next one twice: there are 2^depth ways to the last."""
    group = file[rng.choice(names)]
    for _ in range(rng.choice((1, 40))):
        below = group.create_group("d").create_group(rng.choice(("nodes", "e")))
        group["again"] = group["d"]
        group = below


def _named_type(file: Any, rng: Random, names: list[str]) -> None:
    name = rng.choice(names)
    del file[name]
    file[name] = np.dtype("f4")


def _short_chunk(file: Any, rng: Random, names: list[str]) -> None:
    """A chunk that holds less, or other bytes, than it says."""
    item = _dataset(file, rng, names)
    name, shape = item.name, item.shape or (4,)
    layout = {"chunks": tuple(max(1, n) for n in shape), **hdf5_values.compression(rng)}
    _put(file, name, {"shape": shape, "dtype": rng.choice(("f4", "f8", "i8")), **layout})
    piece = rng.randbytes(rng.choice((0, 1, 7, 64)))
    file[name].id.write_direct_chunk((0,) * len(shape), piece, rng.choice((0, 1)))


def _free(rng: Random, names: list[str]) -> str:
    """A new name, or one that may be taken."""
    above = rng.choice(names).rpartition("/")[0]
    return f"{above}/{rng.choice((*TEXTS, rng.choice(names).rsplit('/', 1)[-1]))}"


CHANGES: list[Change] = [_replace, _store_otherwise, _store_otherwise, _set_numbers, _set_numbers]
CHANGES += [_set_text, _edges, _attribute, _attribute, _move, _copy, _remove, _group, _link]
CHANGES += [_diamonds, _named_type]
