"""Writes into tensors during a trace: recorded, undone, and refused if the graph loses them."""

from __future__ import annotations

import copy
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import fx
from torch.fx.node import map_arg

from nirx.errors import UnsupportedError
from nirx_torch.held_values import held_values, remember_attributes, same_numbers
from nirx_torch.step_proxy import IN_PLACE

__all__ = ["kept_as_it_is", "line_of", "place_of", "require_no_lost_writes", "user_line"]


def place_of(node: fx.Node, root: torch.nn.Module) -> str:
    """Where in the model an operation is, for errors."""
    stack = node.meta.get("nn_module_stack") or {}
    path = next(reversed(stack), "")
    return f"at {path}" if path else f"in {type(root).__name__}.forward"


def line_of(node: fx.Node) -> str:
    """The line of the user's program that an operation is in, as `model.py:12`; else ""."""
    file, line = node.meta.get("line", ("", 0))
    return f"{Path(file).name}:{line}" if file else ""


def user_line() -> tuple[str, int]:
    """The innermost line on the stack that is neither torch's nor nirx's."""
    frame: Any = sys._getframe(1)
    while frame is not None:
        file = frame.f_code.co_filename
        if not file.startswith((TORCH, OWN, "<")):
            return file, frame.f_lineno
        frame = frame.f_back
    return "", 0


TORCH = str(Path(str(torch.__file__)).parent) + "/"
OWN = str(Path(__file__).parent) + "/"


@contextmanager
def kept_as_it_is(module: torch.nn.Module, free: tuple[str, ...] = ()) -> Iterator[None]:
    """Undo all changes that tracing and the module's own forward make to its attributes.

    Arguments:
        module: the module.
        free: paths of modules whose attributes forward may change: they are only undone.

    **Raises**: `UnsupportedError` if forward changes numbers that the graph has as constants,
    or draws random numbers.
    """
    put_attributes_back = remember_attributes(module)
    values = held_values(module)
    before = {
        key: (value, value.detach().clone() if isinstance(value, torch.Tensor) else value)
        for key, value in values.items()
        if isinstance(value, torch.Tensor | bool | int | float)
    }
    boxes = {k: (v, copy.copy(v)) for k, v in values.items() if isinstance(v, list | dict | set)}
    random = torch.random.get_rng_state()
    changed = []
    try:
        yield
        after = held_values(module)
        changed = [k for k, (_, v) in before.items() if k in after and _differs(v, after[k])]
        changed += [k for k, (box, content) in boxes.items() if not _same_items(box, content)]
        changed = [k for k in changed if not k.startswith(tuple(f"{path}." for path in free))]
    finally:
        is_random = not torch.equal(random, torch.random.get_rng_state())
        torch.random.set_rng_state(random)
        put_attributes_back()
        for box, content in boxes.values():
            if not _same_items(box, content):
                box.clear()
                box.extend(content) if isinstance(box, list) else box.update(content)
        with torch.no_grad():
            for value, content in before.values():
                if isinstance(value, torch.Tensor) and _differs(content, value):
                    value.copy_(content)  # pyright: ignore[reportArgumentType]
    if changed:
        raise UnsupportedError(
            f"{type(module).__name__}.forward changes {', '.join(map(repr, changed[:3]))}, which a "
            "graph cannot represent; keep state in tensors, and return new ones"
        )
    if is_random:
        raise UnsupportedError(
            f"{type(module).__name__}.forward draws random numbers; a graph would repeat them"
        )


def _same_items(a: Any, b: Any) -> bool:
    if len(a) != len(b):
        return False
    if isinstance(a, dict):
        return all(key in b and a[key] is b[key] for key in a)
    if isinstance(a, set):
        return a == b
    return all(x is y for x, y in zip(a, b, strict=True))


def _differs(before: Any, after: Any) -> bool:
    if isinstance(before, torch.Tensor) and isinstance(after, torch.Tensor):
        return not same_numbers(before, after)
    return type(before) is type(after) and before != after


def require_no_lost_writes(
    graph: fx.Graph, hidden: Mapping[Any, Any], root: torch.nn.Module
) -> None:
    """Refuse in-place writes to a tensor that something later reads under another name.

    **Raises**: `UnsupportedError`, with the operation.
    """
    nodes = list(graph.nodes)
    position = {node: i for i, node in enumerate(nodes)}
    owner: dict[fx.Node, fx.Node] = {}
    left: list[fx.Node] = []
    map_arg(tuple(hidden.values()), left.append)
    for node in nodes:
        source = _shared(node, root)
        owner[node] = node if source is None else owner[source]
    for node in nodes:
        if _writes(node, root):
            raise UnsupportedError(
                f"{_name(node)} {place_of(node, root)} writes into a tensor, which has no NIR "
                "node; use the form that returns a new one"
            )
        if node.target not in IN_PLACE or not isinstance(node.args[0], fx.Node):
            continue
        mine = _descendants(node, nodes, root)
        for other in nodes:
            if owner[other] is not owner[node] or other in mine:
                continue
            late = any(position[user] > position[node] for user in other.users)
            if late or other in left:
                raise UnsupportedError(
                    f"{_name(node)} {place_of(node, root)} writes into a tensor that is read again "
                    "later; use y = y + x instead of y += x"
                )


def _descendants(node: fx.Node, nodes: list[fx.Node], root: torch.nn.Module) -> set[fx.Node]:
    """The fx nodes that refer to the tensor after the write."""
    mine = {node}
    for other in nodes:
        if _shared(other, root) in mine:
            mine.add(other)
    return mine


SHARING = ("view", "reshape", "flatten", "detach", "contiguous", "squeeze", "unsqueeze", "dropout")


def _shared(node: fx.Node, root: torch.nn.Module) -> fx.Node | None:
    """The first argument, if the result may share its memory."""
    if node.op == "call_module":
        own = torch.nn.Identity, torch.nn.Flatten, torch.nn.modules.dropout._DropoutNd
        shares = isinstance(root.get_submodule(str(node.target)), own)
    else:
        is_call = node.op in ("call_method", "call_function")
        shares = node.target in IN_PLACE or (is_call and _name(node) in SHARING)
    source = node.args[0] if node.args else None
    return source if shares and isinstance(source, fx.Node) else None


def _name(node: fx.Node) -> str:
    return node.target if isinstance(node.target, str) else getattr(node.target, "__name__", "")


def _writes(node: fx.Node, root: torch.nn.Module) -> bool:
    if node.op == "call_module":
        module = root.get_submodule(str(node.target))
        dropout = isinstance(module, torch.nn.modules.dropout._DropoutNd)
        return bool(getattr(module, "inplace", False)) and not dropout and not node.users
    if node.op not in ("call_method", "call_function") or node.target in IN_PLACE:
        return False
    name = _name(node)
    written = ("__setitem__", "setitem", "__iadd__", "__isub__", "__imul__", "__itruediv__")
    if name in written or node.kwargs.get("out") is not None:
        return True
    return name.endswith("_") and not name.endswith("__")
