"""One digest for whatever nirx compares by content."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

__all__ = ["content_digest"]

PLAIN = (str, bytes, int, float, bool, complex, type(None))
"""Types whose `repr` is exact, and quoted where it is text."""


def content_digest(value: Any, numbers: bool = True) -> str:
    """SHA-256 of nested dataclasses, mappings, sequences, arrays and plain values.

    Arguments:
        value: every field counts; the order of a mapping's keys does not.
        numbers: whether the elements of numeric arrays count. Dtypes and shapes always do.
    """
    return hashlib.sha256(_form(value, numbers).encode()).hexdigest()


def _form(value: Any, numbers: bool) -> str:
    kind = type(value)
    if kind in PLAIN:
        return repr(value)
    if isinstance(value, list | tuple):
        return f"{kind.__name__}({','.join([_form(part, numbers) for part in value])})"
    if isinstance(value, Mapping):
        items = [f"{_form(k, numbers)}:{_form(v, numbers)}" for k, v in value.items()]
        return f"mapping({','.join(sorted(items))})"
    if hasattr(value, "dtype") and hasattr(value, "shape"):
        array = f"{value.dtype}{tuple(value.shape)}"
        if getattr(value.dtype, "kind", "") in ("O", "S", "U"):
            return array + _form(np.asarray(value).tolist(), numbers)
        return array + (np.asarray(value).tobytes().hex() if numbers else "")
    name = f"{kind.__module__}.{kind.__qualname__}"
    if is_dataclass(kind):
        own = [_form(getattr(value, f.name), numbers) for f in fields(kind)]
        return f"{name}({','.join(own)})"
    return f"{name}({repr(value)!r})"
