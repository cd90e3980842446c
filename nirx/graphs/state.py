"""State trees: nested dicts that mirror the graph, and the flat form that the executor uses."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from nirx.basics.foreign_arrays import to_numpy
from nirx.basics.name_list import name_list
from nirx.basics.paths import Path, format_path
from nirx.dynamics.ops import Shape
from nirx.errors import InputError, did_you_mean

if TYPE_CHECKING:
    from nirx.graphs.schedule import Schedule, ScheduledNode

__all__ = ["NodeState", "batch_of", "map_tree", "nest", "state_to_numpy", "unnest"]


LATE_INTO_MODULES = ""
"""Key for feedback into users' modules, whose own state may have any form. It cannot be the name
of a node."""

FEEDBACK = "feedback"

NodeState = tuple[Any, dict[str, Any]]
"""A node's own state, and the values of the feedback edges into it, by source path."""


def nest(
    nodes: Sequence[ScheduledNode], states: Sequence[NodeState], foreign: frozenset[int]
) -> dict[str, Any]:
    """A tree from one entry per node; nodes without state are absent.

    Arguments:
        nodes: in the order of the schedule.
        states: per node its own state (None or {} for none) and its feedback values.
        foreign: positions of users' modules, whose state may have any form.
    """
    tree: dict[str, Any] = {}
    for position, (node, (own, late)) in enumerate(zip(nodes, states, strict=True)):
        if position in foreign:
            if late:
                tree.setdefault(LATE_INTO_MODULES, {})[node.name] = late
        elif late:
            own = {**own, FEEDBACK: late}
        if own is None or (position not in foreign and not own):
            continue
        branch = tree
        for name in node.path[:-1]:
            branch = branch.setdefault(name, {})
        branch[node.path[-1]] = own
    return tree


def unnest(schedule: Schedule, tree: Any, foreign: frozenset[int]) -> list[NodeState]:
    """One entry per node from a caller's tree, which is not changed.

    **Raises**: `InputError` with the name of what is missing or unknown.
    """
    if not isinstance(tree, Mapping):
        raise InputError(f"state is a {type(tree).__name__}; expected the dict of init_state()")
    into_modules = _into_modules(schedule, tree, foreign)
    known: dict[Path, bool] = {(LATE_INTO_MODULES,): True}  # path -> is it a node?
    states: list[NodeState] = []
    for position, node in enumerate(schedule.nodes):
        own: Any = tree
        for name in node.path:
            own = own.get(name) if isinstance(own, Mapping) else None
        shapes = dict(schedule.node_state_shapes(node))
        late_shapes = shapes.pop(FEEDBACK, {})
        if position in foreign:
            late = _checked(node.name, into_modules.get(node.name), late_shapes)
        else:
            found = dict(own) if isinstance(own, Mapping) else {}
            late = _checked(f"{node.name}.{FEEDBACK}", found.pop(FEEDBACK, None), late_shapes)
            own = _checked(node.name, found if own is not None else None, shapes)
        states.append((own, late))
        if shapes or late_shapes or position in foreign:
            for length in range(1, len(node.path)):
                known.setdefault(node.path[:length], False)
            known[node.path] = True
    _refuse_unknown(tree, (), known)
    return states


def _into_modules(
    schedule: Schedule, tree: Mapping[str, Any], foreign: frozenset[int]
) -> Mapping[str, Any]:
    late = tree.get(LATE_INTO_MODULES, {})
    nodes = ((i, schedule.nodes[i]) for i in sorted(foreign))
    known = {n.name: None for _, n in nodes if FEEDBACK in schedule.node_state_shapes(n)}
    if not isinstance(late, Mapping) or any(name not in known for name in late):
        is_map = isinstance(late, Mapping)
        found = name_list(sorted(map(str, late))) if is_map else type(late).__name__
        wanted = name_list(map(repr, known)) or "nothing"
        raise InputError(f"state has {found} under {LATE_INTO_MODULES!r}; expected {wanted}")
    return late


def _checked(where: str, own: Any, expected: Mapping[str, Any]) -> dict[str, Any]:
    if not expected and own is None:
        return {}
    if not isinstance(own, Mapping):
        raise InputError(
            f"state of {where!r} is missing; expected {name_list(map(repr, expected))}"
        )
    for name in own:
        if name not in expected:
            raise InputError(
                f"state of {where!r} has {name!r}; {did_you_mean(str(name), expected)}"
            )
    for name in expected:
        if name not in own:
            raise InputError(f"state of {where!r} lacks {name!r}; start from init_state()")
    return {name: own[name] for name in expected}


def _refuse_unknown(tree: Mapping[str, Any], path: Path, known: Mapping[Path, bool]) -> None:
    for name, below in tree.items():
        own = (*path, name)
        if own not in known:
            names = [p[-1] for p in known if p[:-1] == path and p[-1]]
            where = format_path(tuple(map(str, own)))
            raise InputError(f"state has {where!r}; {did_you_mean(str(name), names)}")
        if not known[own] and isinstance(below, Mapping):
            _refuse_unknown(below, own, known)


def map_tree(function: Callable[[Any], Any], tree: Any) -> Any:
    """Apply a function to every leaf of nested dicts, lists and tuples; None stays None."""
    if isinstance(tree, Mapping):
        return {k: map_tree(function, v) for k, v in tree.items()}
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return type(tree)(*(map_tree(function, v) for v in tree))
    if isinstance(tree, list | tuple):
        return type(tree)(map_tree(function, v) for v in tree)
    return None if tree is None else function(tree)


def state_to_numpy(state: Any) -> Any:
    """A copy of a state (or any tree of outputs) with NumPy arrays as leaves.

    Arguments:
        state: a tree from any backend; its arrays may be on a device or carry gradients.

    Returns: the same tree; leaves keep their shapes [*batch, *features] and dtypes
    (except bfloat16, which NumPy lacks and which becomes float32).
    """
    return map_tree(to_numpy, state)


def batch_of(where: str, shape: Shape, features: Shape, time: bool = False) -> Shape:
    """The batch axes of an array's shape.

    Arguments:
        where: what the array is, for the error.
        features: the expected last axes.
        time: whether the first axis is time, for the error.

    **Raises**: `InputError` if the last axes are different.
    """
    split = len(shape) - len(features)
    if split < 0 or tuple(shape[split:]) != tuple(features):
        axes = ["time", "*batch"] if time else ["*batch"]
        wanted = ", ".join([*axes, *map(str, features)])
        raise InputError(f"{where} has shape {tuple(shape)}; expected [{wanted}]")
    return tuple(shape[:split])
