"""Names of child modules: torch forbids dots, empty names and the attributes of a module."""

from __future__ import annotations

import keyword
from collections.abc import Iterable

import torch

from nirx.basics.paths import free_name

__all__ = ["child_names"]


def child_names(names: Iterable[str], reserved: Iterable[str] = ()) -> dict[str, str]:
    """A distinct child name for every node name.

    `"some.name"` becomes `"some_name"`, `"forward"` becomes `"forward_"`; valid names stay as
    they are.

    Arguments:
        names: of the nodes; their order does not matter.
        reserved: attributes of the parent in addition to those of every module.

    Returns: {node name: child name}.
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
            child = "nir_node_" + child  # an IF is often called "if"; nirtorch's name for it
        child = free_name(child, taken)
        taken.add(child)
        result[name] = child
    return result


def _is_plain(name: str) -> bool:
    # Python gives two leading underscores a meaning: a child `__deepcopy__` would be called.
    return "." not in name and not name.startswith("__") and not keyword.iskeyword(name)
