"""Address maps in .csv, .json and .npz files, which are not trusted."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from nirx.errors import FileError
from nirx.files.archive_reading import load_arrays
from nirx.files.csv_numbers import require_plain
from nirx.files.source import require_file

__all__ = ["read_address_file"]

MOST_BYTES = 256 * 2**20
NAMES = {"address": "address", "addr": "address", "neuron": "neuron", "index": "neuron"}
NAMES |= {"node": "node", "layer": "node", "x": "x", "y": "y", "p": "p"}
"""Names of columns and arrays."""


def read_address_file(path: Path) -> tuple[list[tuple[Any, Any]], str]:
    """(address, neuron) or (address, (node, neuron)) of a file, and its SHA-256.

    .csv: a header with address (or x, y and perhaps p), neuron, perhaps node, and a row each.
    .json: {"address": neuron}, or {"node": {"address": neuron}}; the parts of an address are
    separated by ";", as are those of an index with several axes in .csv. .npz: arrays of these
    names.

    **Raises**: `FileError`, `InputError`.
    """
    readers = {".csv": _of_csv, ".json": _of_json, ".npz": _of_npz}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise FileError(f"{path}: an address map of unknown format; expected .csv, .json or .npz")
    require_file(path)
    if path.stat().st_size > MOST_BYTES:
        raise FileError(f"{path}: an address map of more than {MOST_BYTES} bytes")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise FileError(f"{path}: {error.strerror or error}") from error
    return list(reader(path, content)), hashlib.sha256(content).hexdigest()


def _of_csv(path: Path, content: bytes) -> Iterable[tuple[Any, Any]]:
    try:
        text = content.decode("utf-8-sig")
        reader = csv.reader(text.splitlines(), strict=True)
        rows = [(reader.line_num, [cell.strip() for cell in row]) for row in reader if row]
    except (UnicodeDecodeError, csv.Error) as error:
        raise FileError(f"{path}: not a CSV file in UTF-8: {error}") from error
    if not rows:
        raise FileError(f"{path}: no rows; expected a header such as address,neuron")
    line, header = rows[0]
    parts, columns = _columns(f"{path}, line {line}", header)
    for line, row in rows[1:]:
        where = f"{path}, line {line}"
        if len(row) != len(header):
            raise FileError(f"{where}: expected {len(header)} fields, as the header has")
        address = tuple(_cell(where, name, row[columns[name]])[0] for name in parts)
        neuron = _cell(where, "neuron", row[columns["neuron"]])
        yield address, (row[columns["node"]], neuron) if "node" in columns else neuron


def _cell(where: str, name: str, text: str) -> tuple[int, ...]:
    """Whole numbers with ";" between them; an address has only one."""
    require_plain(where, name, text)
    try:
        found = tuple(map(int, text.split(";")))
    except ValueError:
        found = ()
    if not found or (name != "neuron" and len(found) > 1):
        raise FileError(f"{where}: {name} is {text!r:.80}; expected a whole number")
    return found


def _columns(where: str, names: Iterable[str]) -> tuple[tuple[str, ...], dict[str, Any]]:
    """The parts of an address, and where each column is."""
    found: dict[str, int] = {}
    for number, name in enumerate(names):
        what = NAMES.get(name.lower())
        if what is None or what in found:
            raise FileError(
                f"{where}: {name!r:.80} is not a column of an address map, or there twice; "
                "expected address (or x, y, p), neuron, and perhaps node"
            )
        found[what] = number
    parts = tuple(what for what in ("address", "x", "y", "p") if what in found)
    if "neuron" not in found or parts not in (("address",), ("x", "y"), ("x", "y", "p")):
        raise FileError(f"{where}: expected the columns address (or x, y, p) and neuron")
    return parts, found


def _of_json(path: Path, content: bytes) -> Iterable[tuple[Any, Any]]:
    try:
        found = json.loads(content, object_pairs_hook=_pairs)
    except (ValueError, RecursionError) as error:
        raise FileError(f"{path}: not JSON: {error}") from error
    if not isinstance(found, _Pairs):
        raise FileError(f'{path}: expected an object such as {{"17": 3}}')
    for key, value in found.items:
        if isinstance(value, _Pairs):
            for address, neuron in value.items:
                yield _cells(path, address), (key, neuron)
        else:
            yield _cells(path, key), value


class _Pairs:
    """An object of JSON with all its keys, also those that are there twice."""

    def __init__(self, items: list[tuple[str, Any]]):
        self.items = items


def _pairs(items: list[tuple[str, Any]]) -> _Pairs:
    return _Pairs(items)


def _cells(path: Path, text: str) -> tuple[int, ...]:
    return tuple(_cell(str(path), "address", part.strip())[0] for part in text.split(";"))


def _of_npz(path: Path, content: bytes) -> Iterable[tuple[Any, Any]]:
    del content  # NumPy reads the file itself
    arrays = load_arrays(path)
    if isinstance(arrays, np.ndarray):
        raise FileError(f"{path}: one array without a name; expected address and neuron")
    parts, columns = _columns(str(path), arrays)
    named = {what: arrays[list(arrays)[number]] for what, number in columns.items()}
    count = len(named["neuron"]) if named["neuron"].ndim else 0
    for what, array in named.items():
        axes = 2 if what == "neuron" else 1
        kinds = "U" if what == "node" else "iu"
        if array.dtype.kind not in kinds or not 1 <= array.ndim <= axes or len(array) != count:
            raise FileError(
                f"{path}: {what!r} is {array.dtype} {list(array.shape)}; expected "
                f"{'texts' if what == 'node' else 'whole numbers'}, one for each of {count}"
            )
    addresses = zip(*(named[part].tolist() for part in parts), strict=True)
    neurons = named["neuron"].tolist()
    targets = zip(named["node"].tolist(), neurons, strict=True) if "node" in named else neurons
    return list(zip(addresses, targets, strict=True))
