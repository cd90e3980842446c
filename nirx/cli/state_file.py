"""States in files: the tree of `net.init_state`, one array per leaf.

A leaf is named by its path in the tree, written as a node's path is: the feedback from
`lif1/w_rec` into `lif1/lif` is `lif1/lif/feedback/lif1~1w_rec`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from nirx.basics.paths import Path as NodePath
from nirx.basics.paths import format_path, parse_path
from nirx.errors import InputError
from nirx.files.archive import member_name, save_arrays
from nirx.files.archive_reading import load_arrays
from nirx.graphs.schedule import Schedule
from nirx.inputs.arrays import as_dtype

__all__ = ["load_state", "save_state"]


def save_state(path: Path, state: Mapping[str, Any]) -> None:
    """Write a state.

    **Raises**: `FileError`.
    """
    save_arrays(path, {format_path(p): np.asarray(leaf) for p, leaf in _leaves(state)})


def load_state(path: Path, schedule: Schedule, dtype: str) -> dict[str, Any]:
    """Read what `save_state` wrote; the run checks its shapes.

    Returns: a state tree with arrays in the run's dtype.

    **Raises**: `FileError`, `InputError`.
    """
    found = load_arrays(path)
    if isinstance(found, np.ndarray):
        raise InputError(f"{path}: a single array; expected an .npz written by --state-out")
    known = {member_name(format_path(p)): p for p, _ in _leaves(schedule.state_spec)}
    tree: dict[str, Any] = {}
    for name, array in found.items():
        # An unknown name goes into the tree too: the run then reports what it expects instead.
        names = known.get(name) or parse_path(name)
        branch = tree
        for part in names[:-1]:
            branch = branch.setdefault(part, {})
            if not isinstance(branch, dict):
                raise InputError(f"{path}: {name!r} is below another array of the state")
        where = f"{path}: state {name!r}"
        branch[names[-1]] = own = as_dtype(array, dtype, where)
        if schedule.discretization.in_integers and (own != np.rint(own)).any():
            raise InputError(f"{where} holds fractions; the graph computes in integers")
    return tree


def _leaves(tree: Any, path: NodePath = ()) -> Iterator[tuple[NodePath, Any]]:
    if isinstance(tree, Mapping):
        for name, below in tree.items():
            yield from _leaves(below, (*path, name))
    else:
        yield path, tree
