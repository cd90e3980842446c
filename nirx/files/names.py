"""Names inside HDF5 files: what HDF5 cannot hold is percent-encoded.

HDF5 takes "/" for a path, a lone "." for the group itself and NUL for the end. If any
name of a file needs encoding, all its names are encoded and the file says so in an
attribute; other files, and other tools' files, hold every name as it is.
"""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

__all__ = ["MARK", "decode_name", "encode_name", "needs_encoding"]

MARK = "nirx_names"
MARK_VALUE = "percent-encoded"

_BAD = re.compile("[/%\x00\ud800-\udfff]")


def needs_encoding(name: str) -> bool:
    """Whether HDF5 cannot hold the name."""
    return name == "." or re.search("[/\x00\ud800-\udfff]", name) is not None


def encode_name(name: str) -> str:
    """Percent-encode what HDF5 cannot hold, and "%" itself."""
    if name == ".":
        return "%2E"
    return _BAD.sub(lambda m: _percent(m.group().encode("utf-8", "surrogatepass")), name)


def decode_name(name: str) -> str:
    """The inverse of `encode_name`."""
    return unquote_to_bytes(name).decode("utf-8", "surrogatepass")


def _percent(data: bytes) -> str:
    return "".join(f"%{byte:02X}" for byte in data)
