"""Several runs of one graph against the first: where and how far they diverge."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import nir
import numpy as np

from nirx.basics.progress import stage
from nirx.comparison.divergence import differing, find_first
from nirx.comparison.result import BackendComparison, Comparison, NodeComparison, earliest
from nirx.comparison.silence import active, find_silence
from nirx.comparison.ulp import same_bits, ulp_distance
from nirx.comparison.whole_shift import MOST, shift_of
from nirx.dynamics.discretization import Discretization
from nirx.errors import InputError
from nirx.execution.assemble import LOW_PRECISION, dtype_name
from nirx.execution.backend import find_backend
from nirx.graphs.metadata import resolve_discretization
from nirx.graphs.recording import Probe, resolve_record
from nirx.graphs.schedule import Schedule, build_schedule
from nirx.graphs.state import map_tree, state_to_numpy

__all__ = ["TOLERANCE", "compare_runs", "dtypes_of", "holds_spikes", "in_dtype"]

TOLERANCE = {"float32": 1e-4, "float64": 1e-9, "bfloat16": 5e-2, "float16": 1e-2}
"""Relative to a node's largest magnitude: fast kernels may sum in another order. In low precision
it is about ten times the rounding of one number."""

DEEPEST = 64
"""Layers of neurons up to which a network may be a step later with each of them."""

Recordings = dict[str, np.ndarray]


def compare_runs(
    graph: nir.NIRGraph,
    xs: Any,
    backends: Sequence[str | Callable[..., Any]],
    *,
    reproducible: bool = False,
    discretization: Discretization | None = None,
    dtype: str | Sequence[str] = "float32",
    record: Any = "all",
    tolerance: float | None = None,
) -> Comparison:
    """`compare` of a graph, without a warning about silence."""
    backends = (backends,) if isinstance(backends, str) else tuple(backends)
    if len(backends) < 2:
        raise InputError(f"compare needs at least two backends, got {len(backends)}")
    chosen = resolve_discretization(graph, discretization)
    kinds = dtypes_of(dtype, len(backends))
    schedule, _ = build_schedule(graph, chosen)
    probes = resolve_record(schedule, record)
    keys = [probe.key for probe in probes]
    options = {"reproducible": True} if reproducible else {}
    recordings: dict[str, Recordings] = {}
    with stage("running", len(backends), "runs") as advance:
        for backend, kind in zip(backends, kinds, strict=True):
            if callable(backend):
                name = getattr(backend, "__name__", type(backend).__name__)
                found = _of_callable(schedule, name, backend(xs), keys)
            else:
                name = backend if not isinstance(dtype, list | tuple) else f"{backend} {kind}"
                run = find_backend(backend).prepare(graph, chosen, kind, **options)
                _, _, recorded = run(
                    xs if not isinstance(dtype, list | tuple) else in_dtype(xs, kind), None, keys
                )
                found = {str(key): np.asarray(recorded[key]) for key in keys}
            while name in recordings:
                name += "'"
            recordings[name] = found
            advance(1)
    if tolerance is None:
        exact = reproducible or chosen.in_integers
        tolerance = 0.0 if exact else max(TOLERANCE[kind] for kind in kinds)
    spiking = {str(probe.key) for probe in probes if holds_spikes(schedule, probe)}
    seen = [own for found in recordings.values() for own in active(found, probes)]
    (reference, expected), *others = recordings.items()
    # Where each neuron answers a step later, the last one is as many steps late.
    most = max(MOST, min(DEEPEST, sum(place.neuron for place in schedule.nodes)))
    return Comparison(
        reference,
        tuple(_backend(name, own, expected, spiking, tolerance, most) for name, own in others),
        recordings,
        tuple(key for key in expected if key in spiking),
        tolerance,
        schedule.discretization,
        reproducible,
        find_silence(graph, schedule, seen),
    )


def dtypes_of(dtype: str | Sequence[str], count: int) -> tuple[str, ...]:
    """The dtype of every backend, of one for all or one for each.

    **Raises**: `InputError` for another number of them, `UnsupportedError` for unknown ones.
    """
    given = [dtype] * count if not isinstance(dtype, list | tuple) else dtype
    if len(given) != count:
        raise InputError(f"dtype names {len(given)} dtypes for {count} backends; expected one each")
    return tuple(dtype_name(kind, LOW_PRECISION) for kind in given)


def in_dtype(xs: Any, kind: str) -> Any:
    """Floating inputs rounded to a dtype; for those that NumPy lacks, the backend does it."""
    target = "float32" if kind in LOW_PRECISION else kind

    def rounded(x: np.ndarray) -> np.ndarray:
        return x.astype(target, copy=False) if x.dtype.kind == "f" else x

    return map_tree(rounded, state_to_numpy(xs))


def _of_callable(schedule: Schedule, name: str, result: Any, keys: list[Any]) -> Recordings:
    """The recordings that a callable returned; outputs are filed under their nodes' keys."""
    outputs, *rest = result if isinstance(result, tuple) else (result,)
    recorded = rest[1] if len(rest) == 2 else {}
    found = {str(k): v for k, v in state_to_numpy(dict(recorded)).items()}
    names = [own for own, _ in schedule.outputs]
    outputs = outputs if isinstance(outputs, Mapping) else {names[0]: outputs}
    for own, position in schedule.outputs:
        if own in outputs:
            found.setdefault(schedule.nodes[position].name, state_to_numpy(outputs[own]))
    comparable = {str(key): found[str(key)] for key in keys if str(key) in found}
    if not comparable:
        raise InputError(
            f"backend {name!r} returned nothing that can be compared; expected {names}"
        )
    return comparable


def holds_spikes(schedule: Schedule, probe: Probe) -> bool:
    """Whether a recording is known to be spikes and not values."""
    return probe.variable is None and schedule.nodes[probe.position].spiking


def _backend(
    name: str,
    own: Recordings,
    expected: Recordings,
    spiking: set[str],
    tolerance: float,
    most: int,
) -> BackendComparison:
    nodes = []
    for key, a in expected.items():
        if key not in own:
            continue
        b = own[key]
        if a.shape != b.shape:
            raise InputError(
                f"backend {name!r} returned {key!r} in shape {b.shape}; expected {a.shape}"
            )
        nodes.append(_node(key, a, b.astype(a.dtype), key in spiking, tolerance, most))
    return BackendComparison(name, tuple(nodes), earliest(nodes))


def _node(
    key: str, a: np.ndarray, b: np.ndarray, spikes: bool, tolerance: float, most: int
) -> NodeComparison:
    unequal = ~same_bits(a, b)
    marked = differing(a, b, 0.0 if spikes else tolerance)
    with np.errstate(invalid="ignore"):
        error = np.where(unequal, np.abs(a.astype(np.float64) - b), 0.0)
    first = find_first([(key, marked, a, b)])
    later = 0 if first is None else shift_of(a, b, None if spikes else tolerance, most) or 0
    return NodeComparison(
        key,
        spikes,
        a.size,
        int(unequal.sum()),
        float(ulp_distance(a, b).max(initial=0)) if unequal.any() else 0.0,
        float(np.nan_to_num(error, nan=np.inf).max(initial=0)),
        first,
        later,
        spikes or not later or shift_of(a, b, 0.0, most) == later,
    )
