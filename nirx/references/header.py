"""The header of a reference file: where its numbers come from, and the hashes that hold them."""

from __future__ import annotations

import hashlib
import json
import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from nirx.errors import FileError

__all__ = ["FORMAT", "seal_of", "sealed", "software", "unsealed"]

FORMAT = 1
"""Version of the layout of the file."""

PACKAGES = {
    "numpy": ("numpy", "nir", "h5py"),
    "torch": ("numpy", "nir", "h5py", "torch"),
    "jax": ("numpy", "nir", "h5py", "jax", "jaxlib", "equinox"),
}


def software(backend: str) -> dict[str, str]:
    """What the numbers were computed with; in reproducible mode they do not depend on it."""
    names = ("nirx", *PACKAGES.get(backend, PACKAGES["numpy"]))
    found = {"backend": backend, "python": platform.python_version()}
    return {**found, **{name: _version(name) for name in names}}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "unknown"


def seal_of(header: dict[str, Any]) -> str:
    """SHA-256 of everything else in the header."""
    content = {k: v for k, v in header.items() if k != "seal"}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def sealed(header: dict[str, Any]) -> str:
    """The header as the text that stands in the file."""
    return json.dumps({**header, "seal": seal_of(header)}, sort_keys=True, indent=1)


def unsealed(text: str, where: str) -> dict[str, Any]:
    """The header of a file. **Raises** `FileError` if it was changed, or is of another format."""
    try:
        header = json.loads(text)
        found, known = header["seal"], header["format"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise FileError(f"{where}: the header is damaged: {error}") from error
    if known != FORMAT:
        raise FileError(f"{where}: format {known!r}; this nirx reads format {FORMAT}")
    if found != seal_of(header):
        raise FileError(
            f"{where}: the header does not match its seal: it was changed after it was written; "
            "get the file again from where it came"
        )
    return header
