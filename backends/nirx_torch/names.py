"""Names of child modules: torch allows no dots, no empty names and none of a module's own."""

from __future__ import annotations

import keyword
from collections.abc import Iterable

import torch

__all__ = ["child_names"]


def child_names(names: Iterable[str], reserved: Iterable[str] = ()) -> dict[str, str]:
    """A distinct child name for every node name.

    `"some.name"` becomes `"some_name"`, `"forward"` becomes `"forward_"`; names that need no
    change keep theirs. The result depends on the names alone, not on their order.

    Arguments:
        reserved: attributes of the parent beyond those of every module.
    """
    names = sorted(names)
    taken = {*dir(torch.nn.Module()), *reserved}
    plain = {name: name for name in names if _is_plain(name) and name not in taken}
    taken.update(plain)
    result = dict(plain)
    for name in names:
        if name in result:
            continue
        child = name.replace(".", "_")
        if child.startswith("__") or keyword.iskeyword(child):
            child = "nir_node_" + child  # an IF is often called "if"; nirtorch calls it so
        while child in taken:
            child += "_"
        taken.add(child)
        result[name] = child
    return result


def _is_plain(name: str) -> bool:
    # Names with two leading underscores are Python's own: a child `__deepcopy__` is found as hook.
    return "." not in name and not name.startswith("__") and not keyword.iskeyword(name)
