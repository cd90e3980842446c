"""One digest for whatever nirx compares by content."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from functools import cache
from operator import attrgetter
from typing import Any

import numpy as np

__all__ = ["content_digest"]

PLAIN = frozenset({str, bytes, int, float, bool, complex, type(None)})
"""Types whose `repr` is exact, and quoted where it is text."""


def content_digest(value: Any, numbers: bool = True) -> str:
    """SHA-256 of nested dataclasses, mappings, sequences, arrays and plain values.

    Arguments:
        value: every field counts; the order of a mapping's keys does not.
        numbers: whether the elements of numeric arrays count. Dtypes and shapes always do.
    """
    latest: dict[type, tuple[Any, str]] = {}  # nodes share one rule: its form is made once

    def form(value: Any) -> str:
        kind = type(value)
        if kind in PLAIN:
            return repr(value)
        name, parts = _layout(kind)
        if parts is not None:
            known, text = latest.get(kind, (None, ""))
            if known is not value:
                own = parts(value)
                plain = PLAIN.issuperset(map(type, own))
                text = f"{name}({','.join(map(repr if plain else form, own))})"
                if parts is not tuple:
                    latest[kind] = value, text
            return text
        if isinstance(value, Mapping):
            items = sorted([f"{form(k)}:{form(v)}" for k, v in value.items()])
            return f"mapping({','.join(items)})"
        if hasattr(value, "dtype") and hasattr(value, "shape"):
            array = f"{_text(value.dtype)}{tuple(value.shape)}"
            if getattr(value.dtype, "kind", "") in ("O", "S", "U"):
                return array + form(np.asarray(value).tolist())
            return array + (np.asarray(value).tobytes().hex() if numbers else "")
        return f"{name}({repr(value)!r})"

    return hashlib.sha256(form(value).encode()).hexdigest()


_text = cache(str)  # the text of a NumPy dtype takes longer than its array


@cache
def _layout(kind: type) -> tuple[str, Callable[[Any], Sequence[Any]] | None]:
    """The name of a type and, of a sequence or a dataclass, a function that returns its parts."""
    if issubclass(kind, list | tuple):
        return kind.__name__, tuple
    name = f"{kind.__module__}.{kind.__qualname__}"
    if not is_dataclass(kind) or issubclass(kind, Mapping):
        return name, None
    names = [f.name for f in fields(kind)]
    if len(names) > 1:
        return name, attrgetter(*names)
    return name, lambda value: [getattr(value, n) for n in names]
