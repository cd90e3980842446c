"""Nests: tuples, dicts and records of what flows through a trace."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any

from nirx.tracing.value import Value
from nirx_torch.lowering import Constant, LeafState, StateIn

__all__ = [
    "after",
    "flat",
    "is_nothing",
    "is_record",
    "is_state",
    "loop_name",
    "named",
    "plain",
    "record",
]


def flat(tree: Any) -> list[Any]:
    if isinstance(tree, dict):
        return [leaf for part in tree.values() for leaf in flat(part)]
    if isinstance(tree, tuple | list):
        return [leaf for part in tree for leaf in flat(part)]
    return [tree]


def plain(tree: Any) -> Any:
    if isinstance(tree, Constant):
        return tree.content
    if isinstance(tree, dict):
        return {k: plain(v) for k, v in tree.items()}
    return tuple(plain(part) for part in tree)


def is_nothing(part: Any) -> bool:
    return isinstance(part, Constant) or (isinstance(part, Value) and not part.sources)


def is_state(part: Any, states: set[Any]) -> bool:
    """Whether a part of the result is no output: None, or the state of a module."""
    if isinstance(part, StateIn):
        return isinstance(part.root, tuple) or part.root in states
    return isinstance(part, LeafState) or (isinstance(part, Constant) and part.content is None)


def named(result: Any, name: str = "output") -> list[tuple[str, Any]]:
    """The leaves of what forward returns, each with a name."""
    if isinstance(result, dict):
        return [pair for k, v in result.items() for pair in named(v, str(k))]
    if isinstance(result, tuple | list):
        return [pair for i, v in enumerate(result) for pair in named(v, f"{name}_{i}")]
    return [(name, result)]


def at(tree: Any, key: Any) -> Any:
    try:
        return (
            getattr(tree, key) if isinstance(key, str) and hasattr(tree, "_fields") else tree[key]
        )
    except (KeyError, IndexError, TypeError, AttributeError):
        return None


def after(tree: Any, path: tuple[Any, ...]) -> Any:
    """What stands at the end of a path into a state, or around it."""
    for key in path:
        if isinstance(tree, StateIn | LeafState):
            break
        tree = at(tree, key)
    return tree


def is_record(target: Any) -> bool:
    return isinstance(target, type) and (hasattr(target, "_fields") or is_dataclass(target))


def record(kind: Any, arguments: Any, keywords: Any) -> Any:
    """A NamedTuple or a dataclass, which torch.fx takes for a call; as a tuple or a dict."""
    if issubclass(kind, tuple):
        return kind(*arguments, **keywords)
    names = [field.name for field in fields(kind)]
    return {**dict(zip(names, arguments, strict=False)), **keywords}


def loop_name(root: Any, path: tuple[Any, ...]) -> str:
    if isinstance(root, tuple):
        root = ".".join(part for part in root if part)
    return ".".join(map(str, (root, *path)))
