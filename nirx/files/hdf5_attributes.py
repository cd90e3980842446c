"""HDF5 attributes of untrusted files: small ones, of numbers or text."""

from __future__ import annotations

from typing import Any

from h5py import h5a, h5s, h5t  # pyright: ignore[reportAttributeAccessIssue] # compiled, no stubs

__all__ = ["attribute", "text_attribute"]

MOST_BYTES = 2**16
"""What an object header holds; larger attributes are never what nirx looks for."""
CLASSES = {h5t.INTEGER, h5t.FLOAT, h5t.STRING, h5t.ENUM}


def attribute(item: Any, name: str) -> Any:
    """The value of an attribute; None if it is missing, large, or neither numbers nor text.

    Of texts of any length there may be one only: several could all name the same large text.
    """
    key = name.encode("utf-8", "surrogateescape")
    if not h5a.exists(item.id, key):
        return None
    found = h5a.open(item.id, key)
    kind, space = found.get_type(), found.get_space()
    any_length = kind.get_class() == h5t.STRING and kind.is_variable_str()
    if kind.get_class() not in CLASSES or space.get_simple_extent_type() == h5s.NULL:
        return None
    count = space.get_simple_extent_npoints()
    if count * kind.get_size() > MOST_BYTES or (any_length and count != 1):
        return None
    return item.attrs[name]


def text_attribute(item: Any, name: str) -> str | None:
    """The text of an attribute; None if there is none."""
    found = attribute(item, name)
    if isinstance(found, bytes):
        found = found.decode("utf-8", "replace")
    return found if isinstance(found, str) else None
