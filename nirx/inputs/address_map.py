"""`AddressMap`: from the addresses on a chip to neurons."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nirx.dynamics.ops import Shape
from nirx.errors import FileError, InputError, NirxError
from nirx.inputs.address_file import read_address_file
from nirx.inputs.pixels import whole

__all__ = ["AddressMap", "Target", "address_map", "flat_index", "flat_places"]

AXES = {1: ("neuron",), 2: ("x", "y"), 3: ("x", "y", "p")}
"""What the parts of an address are, by their number."""
LIMIT = 2**62

Parts = tuple[np.ndarray, ...]
"""The columns that make the addresses of some events."""
Target = tuple[str | None, tuple[int, ...]]
"""The node, or None for a map of one layer, and the neuron: flat, or one index per axis."""


@dataclass(frozen=True)
class AddressMap:
    """Neurons by address.

    Arguments:
        name: of the map, for messages.
        axes: what the parts of an address are: neuron, or x, y, or x, y, p.
        targets: by address.
        sha256: of the file, or of the content of a map in memory.
    """

    name: str
    axes: tuple[str, ...]
    targets: Mapping[tuple[int, ...], Target]
    sha256: str = ""

    @property
    def names_nodes(self) -> bool:
        """Whether it says the layer of a neuron too."""
        return any(node is not None for node, _ in self.targets.values())

    @property
    def node_names(self) -> tuple[str, ...]:
        """The layers, each once, in the order of the map."""
        return tuple(dict.fromkeys(node for node, _ in self.targets.values() if node is not None))

    def columns(self, where: str, held: Iterable[str], ignore_p: bool) -> tuple[str, ...]:
        """The columns of a file that make its addresses.

        Arguments:
            held: what the file's columns hold.
            ignore_p: whether a polarity that the map does not have is left out.

        **Raises**: `InputError` if they are not the parts of this map's addresses.
        """
        own = tuple(what for what in ("neuron", "x", "y", "p") if what in held)
        if "p" in own and "p" not in self.axes and ignore_p:
            own = tuple(what for what in own if what != "p")
        if own == self.axes or (own == ("x",) and len(self.axes) == 1):
            return own
        more = " (polarity='ignore' leaves p out)" if own == (*self.axes, "p") else ""
        raise InputError(
            f"{where}: {self.name} goes by {_words(self.axes)}, but the events have "
            f"{', '.join(own) or 'no address'}{more}"
        )

    def find(
        self, where: str, parts: Parts
    ) -> tuple[list[tuple[tuple[int, ...], Target]], np.ndarray]:
        """Addresses with their targets, each once, and which one each event has.

        **Raises**: `InputError` for an address that is not in the map.
        """
        rows = np.stack([whole(where, n, p) for n, p in zip(self.axes, parts, strict=True)], 1)
        if not len(rows):
            return [], np.zeros(0, np.int64)
        unique, which = np.unique(rows, axis=0, return_inverse=True)
        found: list[tuple[tuple[int, ...], Target]] = []
        for address in map(tuple, unique.tolist()):
            if address not in self.targets:
                raise InputError(f"{where}: {self._unknown(address)}")
            found.append((address, self.targets[address]))
        return found, which.reshape(-1)

    def nodes(self, where: str, parts: Parts) -> np.ndarray:
        """The node of each event, as text. **Raises** `InputError`."""
        found, which = self.find(where, parts)
        return np.array([node for _, (node, _) in found], object)[which]

    def places(self, where: str, parts: Parts, features: Shape, owner: str) -> np.ndarray:
        """The flat index of each event in a layer. **Raises** `InputError`."""
        found, which = self.find(where, parts)
        places = [
            flat_index(f"{where}: address {_text(address)} of {self.name}", index, features, owner)
            for address, (_, index) in found
        ]
        return np.array(places, np.int64)[which]

    def _unknown(self, address: tuple[int, ...]) -> str:
        known = sorted(self.targets)
        span = _text(known[0])
        if len(known) > 1:
            span = f"{len(known)} addresses, {span} to {_text(known[-1])}"
        else:
            span = f"1 address, {span}"
        return f"address {_text(address)} is not in {self.name}, which has {span}"


def address_map(given: Any) -> AddressMap | None:
    """The map of an `EventFormat`: of a file, or of {address: neuron}.

    **Raises**: `FileError`, `InputError`.
    """
    if given is None:
        return None
    if isinstance(given, Mapping):
        text = repr(sorted((str(k), str(v)) for k, v in given.items()))
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
        return _checked("addresses", given.items(), digest, InputError)
    path = Path(os.fsdecode(given))
    items, digest = read_address_file(path)
    return _checked(str(path), items, digest, FileError)


def flat_index(where: str, index: tuple[int, ...], features: Shape, owner: str) -> int:
    """The flat index of a neuron. **Raises** `InputError` if the layer has no such neuron."""
    size = int(np.prod(features, dtype=np.int64))
    if len(index) == 1 and 0 <= index[0] < size:
        return index[0]
    fits = len(index) == len(features)
    if fits and all(0 <= i < n for i, n in zip(index, features, strict=True)):
        return int(np.ravel_multi_index(index, features))
    raise InputError(
        f"{where}: neuron {_text(index)} is not in {owner}; expected 0..{size - 1}, or an index "
        f"in {list(features)}"
    )


def flat_places(where: str, neurons: np.ndarray, features: Shape, owner: str) -> np.ndarray:
    """The flat index of each neuron of a file, int64. **Raises** `InputError`.

    Arguments:
        neurons: flat, `[events]`, or an index per axis, `[events, axes]`.
    """
    found = whole(where, "neuron", neurons)
    size = int(np.prod(features, dtype=np.int64))
    if found.ndim == 1:
        good = (found >= 0) & (found < size)
        if good.all():
            return found
    elif found.shape[1] == len(features):
        good = ((found >= 0) & (found < np.array(features))).all(axis=1)
        if good.all():
            return np.asarray(np.ravel_multi_index(tuple(found.T), features), np.int64)
    else:
        good = np.zeros(len(found), bool)
    odd = tuple(found[int(np.argmin(good))].reshape(-1).tolist())
    flat_index(where, odd, features, owner)  # raises, in its own words
    raise AssertionError("a neuron that is not there was found")


def _checked(
    name: str, items: Iterable[tuple[Any, Any]], sha256: str, error: type[NirxError]
) -> AddressMap:
    targets: dict[tuple[int, ...], Target] = {}
    lengths: dict[int, tuple[int, ...]] = {}
    for address, target in items:
        key, own = _numbers(address), _target(target)
        if key is None or len(key) not in AXES:
            raise error(
                f"{name}: the address {address!r:.80}; expected a whole number, or (x, y) or "
                "(x, y, p)"
            )
        if own is None:
            raise error(
                f"{name}: address {_text(key)} is {target!r:.80}; expected a neuron (a whole "
                "number, or an index per axis), or (node, neuron)"
            )
        if key in targets:
            raise error(f"{name}: the address {_text(key)} is there twice")
        targets[key] = own
        lengths.setdefault(len(key), key)
    if not targets:
        raise error(f"{name}: no addresses")
    if len(lengths) > 1:
        shown = " and ".join(map(_text, lengths.values()))
        raise error(f"{name}: addresses of different length, {shown}")
    if len({node is None for node, _ in targets.values()}) > 1:
        raise error(f"{name}: some neurons have a node, others have none")
    return AddressMap(name, AXES[next(iter(lengths))], targets, sha256)


def _numbers(value: Any) -> tuple[int, ...] | None:
    """A whole number or several as a tuple; None for anything else."""
    parts = value if isinstance(value, tuple | list) else (value,)
    found: list[int] = []
    for part in parts:
        if isinstance(part, bool | np.bool_) or not isinstance(part, int | np.integer):
            return None
        if abs(int(part)) >= LIMIT:
            return None
        found.append(int(part))
    return tuple(found) or None


def _target(value: Any) -> Target | None:
    pair = isinstance(value, tuple | list) and len(value) == 2 and isinstance(value[0], str)
    node, neuron = value if pair else (None, value)
    index = _numbers(neuron)
    return None if index is None else (node, index)


def _text(parts: tuple[int, ...]) -> str:
    return str(parts[0]) if len(parts) == 1 else f"({', '.join(map(str, parts))})"


def _words(axes: tuple[str, ...]) -> str:
    return "one number per address" if len(axes) == 1 else ", ".join(axes)
