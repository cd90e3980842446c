"""What the proof of a loop asks of the operations of a trace."""

from __future__ import annotations

from typing import Any

import torch
from torch import fx

from nirx_torch.in_place_writes import line_of, place_of
from nirx_torch.loop_trace import time_step

__all__ = ["ZEROS", "at", "both_nodes", "is_size", "label", "leaves", "name_of", "pairs_of", "same"]


def is_size(node: fx.Node) -> bool:
    """Whether it gives a shape, or another property that is the same in every step."""
    if name_of(node) == "getattr":
        return node.args[1] in ("shape", "device", "dtype", "ndim")
    return node.op == "call_method" and node.target in ("size", "dim", "numel", "nelement")


ZEROS = ("zeros", "zeros_like", "new_zeros")


def leaves(tree: Any) -> list[Any]:
    if isinstance(tree, dict):
        tree = list(tree.values())
    if isinstance(tree, list | tuple):
        return [leaf for part in tree for leaf in leaves(part)]
    return [tree]


def pairs_of(a: Any, b: Any) -> list[tuple[Any, Any]] | None:
    """The leaves of two nests of one form, in pairs; None if the forms differ.

    A start value may stand for a whole nest: (None, (v, i)).
    """
    if isinstance(a, tuple | list) and isinstance(b, tuple | list) and len(a) == len(b):
        parts = [pairs_of(x, y) for x, y in zip(a, b, strict=True)]
    elif isinstance(a, dict) and isinstance(b, dict) and list(a) == list(b):
        parts = [pairs_of(a[key], b[key]) for key in a]
    elif isinstance(a, tuple | list | dict) or isinstance(b, tuple | list | dict):
        if a is not None:
            return None
        return [(None, leaf) for leaf in leaves(b)]
    else:
        return [(a, b)]
    return None if None in parts else [pair for part in parts for pair in part or ()]


def same(a: Any, b: Any) -> bool:
    if isinstance(a, torch.Tensor) and isinstance(b, torch.Tensor):
        return a.shape == b.shape and a.dtype == b.dtype and torch.equal(a, b)
    return type(a) is type(b) and not isinstance(a, torch.Tensor) and bool(a == b)


def both_nodes(a: Any, b: Any) -> bool:
    return isinstance(a, fx.Node) and isinstance(b, fx.Node)


def name_of(node: Any) -> str:
    target = node.target
    return target if isinstance(target, str) else getattr(target, "__name__", "")


def label(value: Any) -> str:
    if not isinstance(value, fx.Node):
        return repr(value)[:40]
    if value.target is time_step:
        return f"step {value.args[1]} of the input"
    if value.op in ("placeholder", "get_attr"):
        return str(value.target)
    return f"a call of {name_of(value)}"


def at(node: fx.Node, root: torch.nn.Module) -> str:
    line = line_of(node)
    return f"{line} ({place_of(node, root)})" if line else place_of(node, root)
