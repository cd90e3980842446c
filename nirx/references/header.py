"""The header of a reference file: where its numbers come from, and the hashes that protect them."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from nirx.errors import FileError
from nirx.execution.backend import find_backend
from nirx.references.damage import CHANGED
from nirx.references.layout import Observable

__all__ = [
    "FORMAT",
    "MOST_CHUNK_STEPS",
    "WHOLE",
    "entry_of",
    "observable_of",
    "require_fields",
    "sealed",
    "software",
    "unsealed",
]

FORMAT = 1
"""Version of the layout of the file."""
WHOLE = "int64"
"""The dtype of a reference whose graph computes in integers."""
MOST_CHUNK_STEPS = 1024
"""Of a chunk, which is in memory as a whole."""


def software(backend: str) -> dict[str, str]:
    """Versions that computed the numbers, which in reproducible mode do not depend on them."""
    packages = getattr(find_backend(backend), "packages", ())
    names = ("nirx", "numpy", "nir", "h5py", *packages)
    found = {"backend": backend, "python": platform.python_version()}
    return {**found, **{name: _version(name) for name in names}}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "unknown"


def sealed(header: dict[str, Any]) -> str:
    """The text of the header in the file, with its seal."""
    return json.dumps({**header, "seal": _seal_of(header)}, sort_keys=True, indent=1)


def unsealed(text: str, where: str) -> dict[str, Any]:
    """The header of a file. **Raises** `FileError` if it was changed, or is of another format."""
    try:
        header = json.loads(text)
        found, known = header["seal"], header["format"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise FileError(f"{where}: the header is damaged: {error}") from error
    if known != FORMAT or isinstance(known, bool):
        raise FileError(f"{where}: format {known!r}; this nirx reads format {FORMAT}")
    if found != _seal_of(header):
        raise FileError(f"{where}: the header does not match its seal: {CHANGED}")
    return header


def _seal_of(header: dict[str, Any]) -> str:
    """SHA-256 of everything else in the header."""
    content = {k: v for k, v in header.items() if k != "seal"}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def entry_of(observable: Observable, digest: str, chunks: Sequence[str]) -> dict[str, Any]:
    """The header's entry of a recording, with the digests of it and of its chunks."""
    return {
        "key": observable.key,
        "path": list(observable.path),
        "observable": observable.name,
        "features": list(observable.features),
        "form": observable.form,
        "spiking": observable.spiking,
        "digest": digest,
        "chunks": list(chunks),
    }


def observable_of(entry: dict[str, Any]) -> Observable:
    """The recording of an entry."""
    path, features = tuple(entry["path"]), tuple(entry["features"])
    return Observable(
        entry["key"], path, entry["observable"], features, entry["form"], entry["spiking"]
    )


def require_fields(header: dict[str, Any], where: str) -> None:
    """Raise `FileError` unless every field that is read has the type and range it needs."""
    bad = _first_bad(FIELDS, header)
    if bad is not None:
        raise FileError(
            f"{where}: the header has {bad}={header.get(bad)!r:.80}; it was changed, or "
            "written by an early nirx: make the reference again"
        )
    if header["chunk_steps"] > MOST_CHUNK_STEPS:  # all steps of a chunk are read at once
        raise FileError(
            f"{where}: the header has chunks of {header['chunk_steps']} steps; expected at most "
            f"{MOST_CHUNK_STEPS}: it was changed, or not written by nirx"
        )
    chunks = -(-header["steps"] // header["chunk_steps"])
    for entry in header["recordings"]:
        whole = isinstance(entry, dict) and _first_bad(ENTRY_FIELDS, entry) is None
        if not whole or len(entry["chunks"]) != chunks:
            raise FileError(f"{where}: the header has an invalid recording: {entry!r:.80}")


def _first_bad(fields: dict[str, Callable[[Any], bool]], values: dict[str, Any]) -> str | None:
    return next((name for name, good in fields.items() if not good(values.get(name))), None)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _is_shape(value: Any) -> bool:
    return isinstance(value, list) and all(n == 0 or _is_count(n) for n in value)


FIELDS: dict[str, Callable[[Any], bool]] = {
    "steps": _is_count,
    "batch": _is_shape,
    "dtype": lambda value: value in ("float32", "float64", WHOLE),
    "chunk_steps": _is_count,
    "digest": _is_text,
    "graph_sha256": _is_text,
    "graph_file_sha256": _is_text,
    "discretization": _is_text,
    "recordings": lambda value: isinstance(value, list),
}
ENTRY_FIELDS: dict[str, Callable[[Any], bool]] = {
    "key": _is_text,
    "path": _is_texts,
    "observable": _is_text,
    "features": _is_shape,
    "form": lambda value: value in ("bool", "values", "events"),
    "spiking": lambda value: isinstance(value, bool),
    "digest": _is_text,
    "chunks": _is_texts,
}
