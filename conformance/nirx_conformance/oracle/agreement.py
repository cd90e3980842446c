"""Agreement: does a backend's run match the oracle's?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from nirx_conformance.oracle.inlining import path_text
from nirx_conformance.oracle.network import OracleResult
from nirx_conformance.oracle.node import Array


class Agreement(NamedTuple):
    """The result of a comparison.

    Arguments:
        fault: the first difference in words; None if there is none.
        excused_at: the first step in which a spike differs that rounding may decide; nothing
            was compared from there on.
    """

    fault: str | None
    excused_at: int | None


def compare(
    result: OracleResult,
    recordings: Mapping[str, ArrayLike],
    state: Mapping[str, Any],
    tolerance: float = 1e-12,
) -> Agreement:
    """Compare recordings and the last state with the oracle's.

    Spikes must be equal, unless the oracle's membrane potential was within the tolerance of
    the decision. Everything else may differ by the tolerance times the largest magnitude of
    the node: of its output, v and i.

    Arguments:
        recordings: `record="all"`, keyed by text.
        state: the tree after the last step.
    """
    if set(recordings) != set(result.recordings):
        return Agreement(f"recorded keys differ: {set(recordings) ^ set(result.recordings)}", None)
    theirs = {key: np.asarray(value) for key, value in recordings.items()}
    for key, ours in result.recordings.items():
        if theirs[key].shape != ours.shape:
            return Agreement(f"{key}: shape {theirs[key].shape}, oracle {ours.shape}", None)
    scales = node_scales(result.recordings)
    stop = _first_excuse(result, theirs, scales, tolerance)
    for key, ours in result.recordings.items():
        limit = 0.0 if key in result.margins else tolerance * scales[key]
        fault = _difference(key, theirs[key][:stop], ours[:stop], limit)
        if fault:
            return Agreement(fault, stop)
    if stop is not None:
        return Agreement(None, stop)
    return Agreement(_state_fault(result.state, state, scales, tolerance), None)


def node_scales(recordings: Mapping[str, Array]) -> dict[str, float]:
    """Per recording the largest magnitude of its node: of its output, v and i."""
    each = {key: largest(value) for key, value in recordings.items()}
    scales = {}
    for key in each:
        node = key[:-2] if key.endswith((".v", ".i")) and key[:-2] in each else key
        scales[key] = max(each.get(node + end, 0.0) for end in ("", ".v", ".i"))
    return scales


def _first_excuse(
    result: OracleResult, theirs: Mapping[str, Array], scales: Mapping[str, float], tolerance: float
) -> int | None:
    steps = []
    for key, margin in result.margins.items():
        close = (margin <= tolerance * max(1.0, scales[key])) & (tolerance > 0)
        excused = close & (theirs[key] != result.recordings[key])
        steps += [int(index[0]) for index in np.argwhere(excused)[:1]]
    return min(steps, default=None)


def _state_fault(
    ours: Mapping[str, Any],
    theirs: Mapping[str, Any],
    scales: Mapping[str, float],
    tolerance: float,
) -> str | None:
    expected, found = dict(_leaves(ours)), dict(_leaves(theirs))
    if set(expected) != set(found):
        return f"state leaves differ: {set(expected) ^ set(found)}"
    for path, value in expected.items():
        # A state variable belongs to its node, the value on a feedback edge to the edge's source.
        owner = path[-1] if path[-2:-1] == ("feedback",) else path_text(path[:-1])
        scale = max(largest(value), scales.get(owner, 0.0))
        if found[path].shape != value.shape:
            return f"state {path}: shape {found[path].shape}, oracle {value.shape}"
        fault = _difference(f"state {path}", found[path], value, tolerance * scale)
        if fault:
            return fault
    return None


def _leaves(tree: Mapping[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[Any, Array]]:
    for name, value in tree.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, (*above, name))
        else:
            yield (*above, name), np.asarray(value)


def _difference(where: str, theirs: Array, ours: Array, limit: float) -> str | None:
    with np.errstate(invalid="ignore"):
        same = (theirs == ours) | (np.isnan(theirs) & np.isnan(ours))
        far = ~(same | (np.abs(theirs - ours) <= limit))
    if not far.any():
        return None
    index = tuple(int(i) for i in np.argwhere(far)[0])
    return f"{where}{list(index)}: {theirs[index]!r}, oracle {ours[index]!r} (limit {limit:.3g})"


def largest(values: Array) -> float:
    """The largest finite magnitude; 0 if there is none."""
    return float(np.max(np.abs(values), initial=0.0, where=np.isfinite(values)))
