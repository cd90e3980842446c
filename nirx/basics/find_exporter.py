"""`find_exporter`: the entry of a module's type, or one that it may inherit."""

from __future__ import annotations

import dis
import inspect
from collections.abc import Iterator, Mapping
from functools import lru_cache
from types import CodeType, FunctionType
from typing import Any

from nirx.basics.type_map import ABSENT, Handler

__all__ = ["find_exporter", "why_not_inherited"]


def find_exporter(kind: type, *maps: Mapping[type, Handler | None] | None) -> Any:
    """The entry of a type of modules, from the first map that has one.

    An entry of a base class counts only if the type computes what the base class computes: it
    overrides neither the base's call nor a method that the call uses.

    Arguments:
        kind: the type.
        maps: {type: function or None}.

    Returns: the function, None for a bypass, or `ABSENT`.
    """
    for entries in maps:
        for base in kind.__mro__:
            if entries and base in entries and not _overridden(kind, base):
                return entries[base]
    return ABSENT


def why_not_inherited(kind: type, *maps: Mapping[type, Handler | None] | None) -> str:
    """The clause that says why the entry of a base class does not count; empty if there is none."""
    for base in kind.__mro__:
        if any(base in entries for entries in maps if entries):
            names = " and ".join(_overridden(kind, base)[:3])
            return f" (it overrides {names} of {base.__name__}, whose entry does not count for it)"
    return ""


@lru_cache(maxsize=4096)
def _overridden(kind: type, base: type) -> tuple[str, ...]:
    """The methods of a base class that its call runs and that a type replaces."""
    if kind is base:
        return ()
    return tuple(n for n in _used_by_call(base) if _found(kind, n) is not _found(base, n))


@lru_cache(maxsize=4096)
def _used_by_call(kind: type) -> tuple[str, ...]:
    """`__call__` and the methods that it uses, without those that subclasses have to write."""
    used: dict[str, None] = {}
    left = ["__call__"]
    while left:
        name = left.pop()
        codes = [f.__code__ for f in _definitions(kind, name)]
        if codes and name not in used:
            used[name] = None
            left += [n for code in codes for n in _names(code, code.co_varnames[:1])]
    return tuple(n for n in used if not _is_abstract(_found(kind, n)))


def _definitions(kind: type, name: str) -> Iterator[FunctionType]:
    """The functions of this name of a type and its bases, which `super()` may call."""
    for base in kind.__mro__:
        function = _function(vars(base).get(name))
        if function is not None:
            yield function


def _found(kind: type, name: str) -> Any:
    return next((vars(base)[name] for base in kind.__mro__ if name in vars(base)), None)


def _function(value: Any) -> FunctionType | None:
    """The function in a class's entry. Frameworks wrap methods: static, compiled, checked, ..."""
    for _ in range(10):
        if isinstance(value, FunctionType) and not hasattr(value, "__wrapped__"):
            return value
        for wrapped in ("__wrapped__", "__func__", "method", "func"):
            inner = inspect.getattr_static(value, wrapped, None)
            if inner is not None and callable(found := getattr(value, wrapped, None)):
                value = found
                break
        else:
            break
    return value if isinstance(value, FunctionType) else None


def _names(code: CodeType, own: tuple[str, ...]) -> Iterator[str]:
    """The names of the attributes of `self`, which has the name `own`, that a function uses."""
    before = None
    for step in dis.get_instructions(code):
        of_super = step.opname.startswith("LOAD_SUPER")
        if of_super or (step.opname in ("LOAD_ATTR", "LOAD_METHOD") and before in own):
            yield str(step.argval)
        loaded = step.argval  # a pair, for two variables at once
        before = loaded[-1] if isinstance(loaded, tuple) and loaded else loaded
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _names(inner, own)


def _is_abstract(value: Any) -> bool:
    function = _function(value)
    if function is None or getattr(function, "__isabstractmethod__", False):
        return True
    return "NotImplementedError" in function.__code__.co_names
