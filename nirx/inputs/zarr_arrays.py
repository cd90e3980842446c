"""Zarr arrays on a disk or in an object store; a process reads the chunks of its own samples."""

from __future__ import annotations

import hashlib
import itertools
import math
from dataclasses import replace
from importlib import import_module
from typing import Any

import numpy as np

from nirx.errors import FileError, NirxError, UnsupportedError
from nirx.files.limits import DATA_LIMITS
from nirx.inputs.arrays import common_lead, match_members
from nirx.inputs.folder import Folder
from nirx.inputs.options import Options
from nirx.inputs.protocol import SlicedSource, Wanted
from nirx.inputs.zarr_metadata import METADATA, ZarrArray, is_group, require_unpacked, zarr_array

__all__ = ["ZarrSource", "zarr_source"]


def zarr_source(wanted: Wanted, place: str, options: Options) -> ZarrSource:
    """One Zarr array, or a group of arrays that are named as the Inputs.

    Arguments:
        place: a path or a URL of fsspec. Arrays are `[time, *batch, *features]`.

    **Raises**: `FileError`, `InputError`, `UnsupportedError`.
    """
    try:
        import_module("zarr")
    except ImportError as error:
        raise UnsupportedError(
            f'{place}: zarr is not installed; install it with: pip install "nirx[cloud]"'
        ) from error
    folder = Folder(place)
    names = list(wanted.features)
    root = folder.find()
    content = folder.read("zarr.json") if "zarr.json" in root else b"{}"
    members: dict[str, str | None] = dict.fromkeys(names[:1])
    if ".zgroup" in root or is_group(content, folder.where("zarr.json")):
        endings = tuple(f"/{name}" for name in METADATA.values())
        held = {key.rpartition("/")[0] for key in root if key.endswith(endings)}
        members = match_members(folder.place, sorted(h for h in held if "/" not in h), names)
    elif not {*METADATA.values()} & {*root}:
        raise FileError(f"{folder.place}: no Zarr array or group; it has no zarr.json or .zarray")
    else:
        match_members(folder.place, [None], names)
    arrays = {name: _Stored(folder, member or "", root) for name, member in members.items()}
    return ZarrSource(replace(wanted, where=folder.place), arrays)


class ZarrSource(SlicedSource):
    """See `zarr_source`. All chunks are read once, checked and hashed; later, a process reads
    the chunks of its own samples and steps, and compares their hashes."""

    portable = True

    def __init__(self, wanted: Wanted, arrays: dict[str, _Stored]):
        shapes = {name: own.layout.shape for name, own in arrays.items()}
        steps, *batch = common_lead(wanted.where, shapes, wanted.features)
        steps = wanted.steps_for(wanted.where, steps)
        self._stored, self._lead = arrays, tuple(batch)
        sha256 = hashlib.sha256("".join(own.sha256 for own in arrays.values()).encode())
        shape = wanted.batch_for(wanted.where, self._lead)
        super().__init__(wanted, "zarr", steps, shape, {"sha256": sha256.hexdigest()})
        self._look_through()

    def _look_through(self) -> None:
        """Refuse what is no input, in blocks of about a chunk."""
        chunks = [own.layout.chunks for own in self._stored.values()]
        step = max(1, min(c[0] for c in chunks))
        alone = len(self._lead) == 1
        sample = max(1, min(c[1] for c in chunks)) if alone else self._samples
        starts = itertools.product(range(0, self._samples, sample), range(0, self.steps, step))
        for first, start in starts:
            span = first, min(first + sample, self._samples)
            self.read(start, min(start + step, self.steps), span)

    def _values(self, name: str, start: int, stop: int) -> np.ndarray:
        return self._some_values(name, start, stop, 0, self._samples)

    def _some_values(self, name: str, start: int, stop: int, first: int, last: int) -> np.ndarray:
        size = math.prod(self._wanted.features[name])
        if len(self._lead) == 1:
            found = self._stored[name].read((slice(start, stop), slice(first, last)))
            return found.reshape(stop - start, last - first, size)
        found = self._stored[name].read((slice(start, stop),))
        return found.reshape(stop - start, self._samples, size)[:, first:last]


class _Stored:
    """An array, its layout, and the hashes of its chunks; can be pickled.

    Arguments:
        folder: that it is in.
        path: in the folder; empty for the folder itself.
        root: the size of every file in the folder, by its path.
    """

    def __init__(self, folder: Folder, path: str, root: dict[str, int]):
        self._folder, self._prefix = folder, f"{path}/" if path else ""
        own = {k.removeprefix(self._prefix): n for k, n in root.items() if self._owns(k)}
        version = next((v for v, name in METADATA.items() if name in own), None)
        self.where = folder.where(path) if path else folder.place
        if version is None:
            raise FileError(f"{self.where}: it has no zarr.json or .zarray; expected an array")
        key = METADATA[version]
        where = folder.where(self._prefix + key)
        self._metadata = key, folder.read(self._prefix + key)
        self.layout: ZarrArray = zarr_array(version, self._metadata[1], where)
        needed = math.prod(self.layout.shape) * self.layout.dtype.itemsize
        DATA_LIMITS.require_size(needed, sum(own.values()), self.where)
        self._hashes: dict[str, str] = {}
        for chunk in sorted(own):
            if chunk[0] in "c0123456789":
                self._hashes[chunk] = hashlib.sha256(folder.read(self._prefix + chunk)).hexdigest()
        pairs = [hashlib.sha256(self._metadata[1]).hexdigest(), *map(str, self._hashes.items())]
        self.sha256 = hashlib.sha256("\n".join(pairs).encode()).hexdigest()
        self._opened: Any = None

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_opened": None}

    def read(self, place: tuple[slice, ...]) -> np.ndarray:
        """Some numbers. **Raises** `FileError` for a chunk that is damaged, or another one."""
        try:
            if self._opened is None:
                self._opened = _opened(self)
            return np.asarray(self._opened[place])
        except (MemoryError, NirxError):
            raise
        except Exception as error:  # codecs raise anything for damaged chunks
            raise FileError(f"{self.where}: {str(error) or type(error).__name__}") from error

    def get(self, key: str) -> bytes | None:
        """A file of the array as zarr asks for it; None if there is none."""
        if key == self._metadata[0]:
            return self._metadata[1]
        if key not in self._hashes:
            return None
        path = self._prefix + key
        content = self._folder.read_again(path, self._hashes[key])
        require_unpacked(self.layout, content, self._folder.where(path))
        return content

    def _owns(self, key: str) -> bool:
        return key.startswith(self._prefix)


def _opened(stored: _Stored) -> Any:
    """The array as zarr opens it, from a store that checks whatever it reads."""
    zarr = import_module("zarr")

    class Checked(zarr.storage.MemoryStore):
        async def get(self, key: str, prototype: Any = None, byte_range: Any = None) -> Any:
            content = stored.get(key)
            return None if content is None else prototype.buffer.from_bytes(content)

    version = stored.layout.version
    return zarr.open_array(Checked(read_only=True), mode="r", zarr_format=version)
