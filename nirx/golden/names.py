"""Names of nodes as identifiers of C and C++."""

from __future__ import annotations

import re
from collections.abc import Iterable

from nirx.errors import InputError

__all__ = ["Names", "model_name", "require_name"]

LONGEST = 40
"""C99 tells names apart by 63 characters at least; suffixes are added to these."""

WORDS = (
    "alignas alignof and and_eq asm auto bitand bitor bool break case catch char class compl "
    "concept const consteval constexpr constinit const_cast continue co_await co_return co_yield "
    "decltype default delete do double dynamic_cast else enum explicit export extern false float "
    "for friend goto if inline int long mutable namespace new noexcept not not_eq nullptr "
    "operator or or_eq private protected public register reinterpret_cast requires restrict "
    "return short signed sizeof static static_assert static_cast struct switch template this "
    "thread_local throw true try typedef typeid typename typeof union unsigned using virtual void "
    "volatile wchar_t while xor xor_eq main NAN INFINITY NULL "
    "test_bench string math stdint stddef stdio inttypes "
)
KEYWORDS = frozenset(WORDS.split())
"""Of C and C++, macros, and names of files that a model must not have."""


def _identifier(text: str) -> str:
    name = re.sub(r"[^0-9A-Za-z]+", "_", text).strip("_")[:LONGEST]
    return name if name and not name[0].isdigit() else f"n{name}"


def model_name(text: str) -> str:
    """A name for a whole model, from that of a file."""
    name = _identifier(text).lower()
    return f"{name}_model" if name in KEYWORDS else name


def require_name(name: str) -> str:
    """The name that a user chose. **Raises** `InputError` unless it is an identifier."""
    good = isinstance(name, str) and re.fullmatch(r"[A-Za-z][0-9A-Za-z_]*", name) is not None
    if not good or name in KEYWORDS or len(name) > LONGEST:
        raise InputError(
            f"name={name!r:.80}; expected a name for C: letters, digits and _, at most {LONGEST}"
        )
    return name


class Names:
    """Names of one scope, each given out once.

    Arguments:
        taken: by others.
    """

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._taken: set[str] = set(taken)

    def new(self, text: str) -> str:
        """An identifier as near to a text as can be."""
        stem = name = _identifier(text)
        count = 1
        while name in self._taken or name in KEYWORDS:
            count += 1
            name = f"{stem}_{count}"
        self._taken.add(name)
        return name
