"""Agreement in integers: every number is the same, or there is a first difference."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from nirx_conformance.oracle.integers.network import IntegerResult
from nirx_conformance.oracle.integers.numbers import flat, plain, shape_of


def difference(
    result: IntegerResult, recordings: Mapping[str, Any], state: Mapping[str, Any] | None = None
) -> str | None:
    """The first difference from the oracle in words; None if there is none.

    Arguments:
        recordings: `record="all"`, keyed by text.
        state: the tree after the last step; not compared if None.
    """
    if set(recordings) != set(result.recordings):
        return f"recorded keys differ: {sorted(set(recordings) ^ set(result.recordings))}"
    for key, ours in result.recordings.items():
        fault = first_difference(key, ours, recordings[key])
        if fault:
            return fault
    if state is None:
        return None
    expected, found = dict(_leaves(result.state)), dict(_leaves(state))
    if set(expected) != set(found):
        return f"state leaves differ: {sorted(set(expected) ^ set(found))}"
    faults = (first_difference(f"state {p}", expected[p], found[p]) for p in expected)
    return next((fault for fault in faults if fault), None)


def first_difference(where: str, ours: Any, theirs: Any) -> str | None:
    """The first place at which two nested lists or arrays differ, in time first."""
    ours, theirs = plain(ours), plain(theirs)
    if shape_of(ours) != shape_of(theirs):
        return f"{where}: shape {shape_of(theirs)}, oracle {shape_of(ours)}"
    for at, (expected, found) in enumerate(zip(flat(ours), flat(theirs), strict=True)):
        if expected != found:
            return f"{where}{_index(at, shape_of(ours))}: {found}, oracle {expected}"
    return None


def _index(at: int, shape: tuple[int, ...]) -> list[int]:
    index = []
    for size in reversed(shape):
        index.append(at % size)
        at //= size
    return index[::-1]


def _leaves(tree: Mapping[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[Any, Any]]:
    for name, value in tree.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, (*above, name))
        else:
            yield (*above, name), value
