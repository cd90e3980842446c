"""A folder of `.npz` files, one per sample, each read when its sample is."""

from __future__ import annotations

import hashlib
import math
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from nirx.dynamics.ops import Shape
from nirx.errors import InputError
from nirx.files.archive import member_name
from nirx.files.archive_reading import Members
from nirx.inputs.arrays import ArraySource, common_lead, match_members
from nirx.inputs.folder import Folder
from nirx.inputs.options import Options
from nirx.inputs.protocol import SlicedSource, Wanted

__all__ = ["FolderSource", "folder_source"]

KEPT_BYTES = 2**28
"""What is kept of the samples that were read last: a run reads each of them in every chunk."""


def folder_source(wanted: Wanted, place: str, options: Options) -> FolderSource:
    """The samples in a folder of `.npz` files; pickles are never loaded.

    Arguments:
        place: a path or a URL of fsspec. Each file in it holds the arrays `[time, *features]` of
            one sample, named as the Inputs; their order is that of `Folder.names`.

    **Raises**: `FileError`, `InputError`, `UnsupportedError`; a bad file is named with its path.
    """
    folder = Folder(place)
    return FolderSource(replace(wanted, where=folder.place), folder, folder.names(".npz"))


class FolderSource(SlicedSource):
    """See `folder_source`. Every file is read once, checked and hashed; later reads of a sample
    load its file alone, here or in another process, and compare the hash."""

    portable = True

    def __init__(self, wanted: Wanted, folder: Folder, names: list[str]):
        self._folder, self._names = folder, names
        self._hashes: list[str] = []
        self._features = wanted.features
        self._kept: OrderedDict[int, dict[str, np.ndarray]] = OrderedDict()
        batch, length = wanted.batch_for(folder.place, (len(names),)), 0
        for number, name in enumerate(names):
            where, arrays = folder.where(name), self._arrays(number)
            own = self._steps_of(where, arrays)
            if not number:
                length = own
            elif wanted.steps is None and own != length:
                raise InputError(
                    f"{where} has {own} steps, but {names[0]} has {length}; expected the same in "
                    "all files, or a length that all of them have (steps=, --steps)"
                )
            alone = replace(wanted, batch=None, bare=False, where=where)
            sample = ArraySource(where, alone, arrays, "npz", {})
            sample.read(0, sample.steps)  # refuses what is no input
        steps = length if wanted.steps is None else wanted.steps
        sha256 = hashlib.sha256("".join(self._hashes).encode()).hexdigest()
        own = {"files": len(names), "sha256": sha256}
        super().__init__(wanted, "folder", steps, batch, own)

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_kept": OrderedDict()}

    def _values(self, name: str, start: int, stop: int) -> np.ndarray:
        return self._some_values(name, start, stop, 0, self._samples)

    def _some_values(self, name: str, start: int, stop: int, first: int, last: int) -> np.ndarray:
        shape = stop - start, math.prod(self._features[name])
        rows = [self._arrays(n)[name][start:stop].reshape(shape) for n in range(first, last)]
        return np.stack(rows, axis=1)

    def _steps_of(self, where: str, arrays: Mapping[str, np.ndarray]) -> int:
        shapes: dict[str, Shape] = {name: array.shape for name, array in arrays.items()}
        steps, *batch = common_lead(where, shapes, self._features)
        if math.prod(batch) != 1:
            raise InputError(
                f"{where} has a batch of {batch}; expected one sample per file, [time, *features]"
            )
        return steps

    def _arrays(self, number: int) -> dict[str, np.ndarray]:
        """The arrays of a sample by Input."""
        if number in self._kept:
            self._kept.move_to_end(number)
            return self._kept[number]
        name = self._names[number]
        if number == len(self._hashes):  # the first time
            content = self._folder.read(name)
            self._hashes.append(hashlib.sha256(content).hexdigest())
        else:
            content = self._folder.read_again(name, self._hashes[number])
        where = self._folder.where(name)
        members = Members(where, content)
        held = list(members)
        if number:  # what belongs to no Input is warned about once, not for every file
            known = {member_name(own) for own in self._features}
            held = [own for own in held if own in known] or held
        matched = match_members(where, held, list(self._features))
        found = {own: members[member] for own, member in matched.items() if member is not None}
        self._kept[number] = found
        size = sum(array.nbytes for own in self._kept.values() for array in own.values())
        while size > KEPT_BYTES and len(self._kept) > 1:
            _, oldest = self._kept.popitem(last=False)
            size -= sum(array.nbytes for array in oldest.values())
        return found
