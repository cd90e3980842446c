"""What a Zarr array says about itself, checked before anything is read or allocated.

**Source**: Zarr's core specification, versions 2 and 3.
"""

from __future__ import annotations

import json
import math
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from nirx.dynamics.ops import Shape
from nirx.errors import FileError
from nirx.files.limits import DATA_LIMITS

__all__ = ["METADATA", "ZarrArray", "is_group", "require_unpacked", "zarr_array"]

METADATA = {3: "zarr.json", 2: ".zarray"}
"""Version of the format -> the file that describes an array."""
TYPES = ("bool", *(f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)))
TYPES = (*TYPES, "float16", "float32", "float64")
MOST_JSON = 2**22
"""Bytes of metadata. Python's objects take some 50 times as much."""
COMPRESSORS = ("gzip", "zlib", "zstd", "blosc")
ZSTD = b"\x28\xb5\x2f\xfd"


@dataclass(frozen=True)
class ZarrArray:
    """The layout of an array.

    Arguments:
        compressor: of its chunks; empty for none.
    """

    version: int
    shape: Shape
    chunks: Shape
    dtype: np.dtype
    compressor: str

    @property
    def chunk_bytes(self) -> int:
        """Size of a chunk, unpacked; those at the edge have it too."""
        return math.prod(self.chunks) * self.dtype.itemsize


def zarr_array(version: int, content: bytes, where: str) -> ZarrArray:
    """The layout in an array's metadata.

    Arguments:
        content: of the file in `METADATA`.

    **Raises**: `FileError` for damaged metadata, sizes beyond `ReadLimits`, and codecs that could
    unpack to any size or that nirx does not know.
    """
    found = _object(content, where)
    read = _version_3 if version == 3 else _version_2
    try:
        shape, chunks, dtype, compressor = read(found)
        sizes = [*shape, *chunks]
        whole = all(isinstance(n, int) and not isinstance(n, bool) and n >= 0 for n in sizes)
        if not whole or len(shape) != len(chunks) or 0 in chunks or len(shape) > 32:
            raise ValueError(f"the shape {shape} in chunks of {chunks}")
        kind = np.dtype(dtype)
        if kind.name not in TYPES:
            raise ValueError(f"numbers of type {dtype!r}")
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise FileError(
            f"{where}: {error}; expected a Zarr array of real numbers in regular chunks, without "
            f"filters or shards, uncompressed or compressed by {', '.join(COMPRESSORS)}"
        ) from error
    own = ZarrArray(version, tuple(shape), tuple(chunks), kind, compressor)
    DATA_LIMITS.require("chunk_bytes", own.chunk_bytes, where)
    count = math.prod(-(-n // c) for n, c in zip(shape, chunks, strict=True))
    DATA_LIMITS.require("chunks", count, where)
    DATA_LIMITS.require("steps", shape[0] if shape else 0, where)
    return own


def is_group(content: bytes, where: str) -> bool:
    """Whether a `zarr.json` describes a group. **Raises** `FileError` if it is damaged."""
    return _object(content, where).get("node_type") == "group"


def require_unpacked(array: ZarrArray, content: bytes, where: str) -> None:
    """**Raises** `FileError` unless a chunk unpacks to its size."""
    try:
        size = _unpacked(array, content)
    except (zlib.error, ValueError) as error:
        raise FileError(f"{where}: a damaged chunk ({error})") from error
    if size != array.chunk_bytes:
        raise FileError(
            f"{where}: a chunk that unpacks to {'more' if size < 0 else size} bytes; expected "
            f"{array.chunk_bytes}, by the array's metadata"
        )


def _object(content: bytes, where: str) -> dict[str, Any]:
    if len(content) > MOST_JSON:
        raise FileError(f"{where}: {len(content)} bytes; expected at most {MOST_JSON} of metadata")
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise FileError(f"{where}: not JSON ({error}); expected the metadata of Zarr") from error
    if not isinstance(found, dict):
        raise FileError(f"{where}: a {type(found).__name__}; expected the metadata of Zarr")
    return found


def _version_3(found: dict[str, Any]) -> tuple[list[int], list[int], str, str]:
    if found["node_type"] != "array" or found["chunk_grid"]["name"] != "regular":
        raise ValueError("no array in regular chunks")
    if found.get("storage_transformers"):
        raise ValueError("storage transformers")
    names = [codec["name"] for codec in found["codecs"]]
    if names[:1] != ["bytes"] or len(names) > 2 or not {*names[1:]} <= {*COMPRESSORS}:
        raise ValueError(f"the codecs {names}")
    if found["data_type"] not in TYPES:
        raise ValueError(f"numbers of type {found['data_type']!r}")
    chunks = found["chunk_grid"]["configuration"]["chunk_shape"]
    return found["shape"], chunks, found["data_type"], "".join(names[1:])


def _version_2(found: dict[str, Any]) -> tuple[list[int], list[int], str, str]:
    if found.get("filters"):
        raise ValueError("filters")
    compressor = "" if found["compressor"] is None else found["compressor"]["id"]
    if compressor and compressor not in COMPRESSORS:
        raise ValueError(f"the compressor {compressor!r}")
    if not isinstance(found["dtype"], str):
        raise ValueError("records")
    return found["shape"], found["chunks"], found["dtype"], compressor


def _unpacked(array: ZarrArray, content: bytes) -> int:
    """Bytes that a chunk says it unpacks to; -1 for more than it may."""
    if array.compressor in ("gzip", "zlib"):
        stream = zlib.decompressobj(wbits=47)  # either of the two
        size = len(stream.decompress(content, array.chunk_bytes + 1))
        over = size > array.chunk_bytes or not stream.eof or stream.unused_data
        return -1 if over else size
    if array.compressor == "blosc":
        if len(content) < 16:
            raise ValueError("it ends too early")
        return int.from_bytes(content[4:8], "little")
    if array.compressor == "zstd":
        return _zstd_size(content)
    return len(content)


def _zstd_size(content: bytes) -> int:
    """The size in the header of a frame (RFC 8878, 3.1.1.1)."""
    if len(content) < 6 or not content.startswith(ZSTD):
        raise ValueError("no frame of zstd")
    flags = content[4]
    single, dictionary = flags >> 5 & 1, (0, 1, 2, 4)[flags & 3]
    length = (single, 2, 4, 8)[flags >> 6]
    begin = 5 + (not single) + dictionary
    if not length or len(content) < begin + length:
        raise ValueError("it does not say how large it is")
    return int.from_bytes(content[begin : begin + length], "little") + (256 if length == 2 else 0)
