"""Nested tuples, dicts and records of the values in a trace."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any

from nirx.tracing.value import Value
from nirx_torch.lowering import Constant, LeafState, StateIn

__all__ = [
    "find",
    "flat",
    "is_nothing",
    "is_record",
    "is_state",
    "loop_name",
    "plain",
    "record",
]


def flat(tree: Any) -> list[Any]:
    """The leaves of a nest."""
    if isinstance(tree, dict):
        tree = tuple(tree.values())
    return [leaf for v in tree for leaf in flat(v)] if isinstance(tree, tuple | list) else [tree]


def plain(tree: Any) -> Any:
    """A nest of constants as the nest of what they hold."""
    if isinstance(tree, Constant):
        return tree.content
    if isinstance(tree, dict):
        return {k: plain(v) for k, v in tree.items()}
    return tuple(plain(part) for part in tree)


def is_nothing(part: Any) -> bool:
    """Whether a part of a state is a constant or zero: a module then starts afresh."""
    return isinstance(part, Constant) or (isinstance(part, Value) and not part.sources)


def is_state(part: Any, states: set[Any]) -> bool:
    """Whether a part of the result is not an output: None, or the state of a module."""
    if isinstance(part, StateIn):
        return isinstance(part.root, tuple) or part.root in states
    return isinstance(part, LeafState) or (isinstance(part, Constant) and part.content is None)


def find(tree: Any, path: tuple[Any, ...]) -> Any:
    """What is at the end of a path into a state, or contains that; None if nothing does."""
    for key in path:
        if isinstance(tree, StateIn | LeafState):
            break
        attribute = isinstance(key, str) and hasattr(tree, "_fields")
        try:
            tree = getattr(tree, key) if attribute else tree[key]
        except (KeyError, IndexError, TypeError, AttributeError):
            return None
    return tree


def is_record(target: Any) -> bool:
    """Whether it is the type of a NamedTuple or a dataclass."""
    return isinstance(target, type) and (hasattr(target, "_fields") or is_dataclass(target))


def record(kind: Any, arguments: Any, keywords: Any) -> Any:
    """A NamedTuple or a dataclass, which torch.fx records as a call, as a tuple or a dict."""
    if issubclass(kind, tuple):
        return kind(*arguments, **keywords)
    names = [field.name for field in fields(kind)]
    return {**dict(zip(names, arguments, strict=False)), **keywords}


def loop_name(root: Any, path: tuple[Any, ...]) -> str:
    """What a part of the state is called in errors."""
    if isinstance(root, tuple):
        root = ".".join(part for part in root if part)
    return ".".join(map(str, (root, *path)))
