"""The header of a reference file: where its numbers come from, and the hashes that hold them."""

from __future__ import annotations

import hashlib
import json
import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from nirx.errors import FileError

__all__ = ["FORMAT", "require_whole", "seal_of", "sealed", "software", "unsealed"]

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
    if known != FORMAT or isinstance(known, bool):
        raise FileError(f"{where}: format {known!r}; this nirx reads format {FORMAT}")
    if found != seal_of(header):
        raise FileError(
            f"{where}: the header does not match its seal: it was changed after it was written; "
            "get the file again from where it came"
        )
    return header


def require_whole(header: dict[str, Any], where: str) -> None:
    """Raise `FileError` unless every entry that is read has the type and range it needs."""
    known = {
        "steps": _is_count(header.get("steps")),
        "batch": _is_shape(header.get("batch")),
        "dtype": header.get("dtype") in ("float32", "float64"),
        "chunk_steps": _is_count(header.get("chunk_steps")),
        "digest": isinstance(header.get("digest"), str),
        "graph_sha256": isinstance(header.get("graph_sha256"), str),
        "graph_file_sha256": isinstance(header.get("graph_file_sha256"), str),
        "discretization": isinstance(header.get("discretization"), str),
        "recordings": isinstance(header.get("recordings"), list),
    }
    for name, good in known.items():
        if not good:
            raise FileError(
                f"{where}: the header has {name}={header.get(name)!r:.80}; it was changed, or "
                "written by an early nirx: make the reference again"
            )
    chunks = -(-header["steps"] // header["chunk_steps"])
    for entry in header["recordings"]:
        if not (isinstance(entry, dict) and _is_entry(entry, chunks)):
            raise FileError(f"{where}: the header has a recording that is none: {entry!r:.80}")


def _is_entry(entry: dict[str, Any], chunks: int) -> bool:
    return (
        isinstance(entry.get("key"), str)
        and _is_texts(entry.get("path"))
        and isinstance(entry.get("observable"), str)
        and _is_shape(entry.get("features"))
        and entry.get("form") in ("bool", "values", "events")
        and isinstance(entry.get("spiking"), bool)
        and isinstance(entry.get("digest"), str)
        and _is_texts(entry.get("chunks"))
        and len(entry["chunks"]) == chunks
    )


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _is_shape(value: Any) -> bool:
    return isinstance(value, list) and all(n == 0 or _is_count(n) for n in value)


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(text, str) for text in value)
