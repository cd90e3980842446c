"""Names inside HDF5 files: percent-encoded if HDF5 cannot store them.

HDF5 reads "/" as a path separator, a lone "." as the group itself and NUL as the end. If any name
in a file needs encoding, all its names are encoded and an attribute marks the file. Other files,
and files of other tools, contain every name unchanged.
"""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

__all__ = ["MARK", "decode_name", "encode_name", "needs_encoding"]

MARK = "nirx_names"
MARK_VALUE = "percent-encoded"

_BAD = re.compile("[/%\x00\ud800-\udfff]")


def needs_encoding(name: str) -> bool:
    """Whether HDF5 cannot store the name."""
    return name == "." or re.search("[/\x00\ud800-\udfff]", name) is not None


def encode_name(name: str) -> str:
    """Percent-encode the characters that HDF5 cannot store, and "%" itself."""
    if name == ".":
        return "%2E"
    return _BAD.sub(lambda m: _percent(m.group().encode("utf-8", "surrogatepass")), name)


def decode_name(name: str) -> str:
    """The inverse of `encode_name`."""
    return unquote_to_bytes(name).decode("utf-8", "surrogatepass")


def _percent(data: bytes) -> str:
    return "".join(f"%{byte:02X}" for byte in data)
