"""`nirx.compare`: one graph, one input, several backends; where and how far they part."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from nirx.comparison.digest import digest
from nirx.comparison.divergence import Divergence, differing, find_first
from nirx.comparison.ulp import same_bits, ulp_distance
from nirx.dynamics.discretization import Discretization
from nirx.dynamics.node_types import type_named
from nirx.errors import InputError
from nirx.execution.assemble import dtype_name, load
from nirx.execution.backend import Prepared, find_backend
from nirx.graphs.metadata import resolve_discretization
from nirx.graphs.recording import Probe, resolve_record
from nirx.graphs.schedule import Schedule, build_schedule
from nirx.graphs.state import state_to_numpy

__all__ = [
    "BackendComparison",
    "Comparison",
    "Fidelity",
    "NodeComparison",
    "assert_equivalent",
    "compare",
]

Fidelity = Literal["exact", "rounding", "different"]

TOLERANCE = {"float32": 1e-4, "float64": 1e-9}
"""Of a node's largest magnitude: what fast kernels may differ by in the order of their sums."""


@dataclass(frozen=True)
class NodeComparison:
    """One recording of one backend against the reference.

    Arguments:
        key: path of the node, or path and state variable.
        spikes: whether it holds spikes.
        elements: how many numbers were compared.
        differing: number of elements that are not the same number.
        max_ulp, max_error: largest distance in ULP and in absolute terms.
        first_divergence: where it first leaves the tolerance; None where it never does.
    """

    key: str
    spikes: bool
    elements: int
    differing: int
    max_ulp: float
    max_error: float
    first_divergence: Divergence | None = None

    @property
    def fidelity(self) -> Fidelity:
        """`"exact"`: the same numbers; `"rounding"`: spikes equal, values within the tolerance;
        else `"different"`."""
        if self.first_divergence is not None:
            return "different"
        return "rounding" if self.differing else "exact"


@dataclass(frozen=True)
class BackendComparison:
    """One backend against the reference.

    Arguments:
        backend: its name.
        nodes: one entry per recording.
        first_divergence: where it first leaves the tolerance; None where it never does.
    """

    backend: str
    nodes: tuple[NodeComparison, ...]
    first_divergence: Divergence | None

    @property
    def bitwise(self) -> bool:
        """Whether every recorded number is the same."""
        return not any(n.differing for n in self.nodes)

    @property
    def max_ulp(self) -> float:
        """Largest distance of any two recorded numbers."""
        return max((n.max_ulp for n in self.nodes), default=0.0)

    @property
    def spike_mismatches(self) -> int:
        """Number of spikes that only one of the two has (or has more of)."""
        return sum(n.differing for n in self.nodes if n.spikes)


@dataclass(frozen=True)
class Comparison:
    """The result of `nirx.compare`; prints as a table.

    Arguments:
        reference: name of the first backend.
        others: the other backends, each against the first.
        recordings: backend -> key -> array [time, *batch, *features].
        spiking: keys that hold spikes.
        tolerance: of a node's largest magnitude; 0 in reproducible mode.
        discretization: what all of them ran with.
        reproducible: whether the same bits were asked for.
    """

    reference: str
    others: tuple[BackendComparison, ...]
    recordings: Mapping[str, Mapping[str, np.ndarray]]
    spiking: tuple[str, ...]
    tolerance: float
    discretization: Discretization
    reproducible: bool = False

    @property
    def digests(self) -> dict[str, str]:
        """Per backend the SHA-256 of all its recordings (`nirx.digest`)."""
        return {name: digest(own) for name, own in self.recordings.items()}

    @property
    def agree(self) -> bool:
        """No spike differs, and no value by more than the tolerance."""
        return all(o.first_divergence is None for o in self.others)

    @property
    def bitwise(self) -> bool:
        """Whether all backends give the same numbers."""
        return all(o.bitwise for o in self.others)

    @property
    def max_ulp(self) -> float:
        """Largest distance of any backend from the reference."""
        return max((o.max_ulp for o in self.others), default=0.0)

    @property
    def spike_mismatches(self) -> int:
        """Spikes that differ from the reference's, over all backends."""
        return sum(o.spike_mismatches for o in self.others)

    @property
    def first_divergence(self) -> Divergence | None:
        """The earliest divergence of any backend; None where all agree."""
        found = [o.first_divergence for o in self.others if o.first_divergence]
        return min(found, key=lambda d: d.step, default=None)

    def __str__(self) -> str:
        from nirx.comparison.table import comparison_table

        return comparison_table(self)


def compare(
    graph: Any,
    xs: Any,
    backends: Sequence[str | Callable[..., Any]] = ("numpy", "torch", "jax"),
    *,
    reproducible: bool = False,
    discretization: Discretization | None = None,
    dtype: str = "float32",
    record: Any = "all",
    tolerance: float | None = None,
) -> Comparison:
    """Run one graph on several backends and compare what they give.

    Arguments:
        graph: a `nir.NIRGraph` or a path.
        xs: [time, *batch, *features], or a dict {Input: array}.
        backends: names, or callables `f(xs)` that give the outputs, or outputs and state, or
            outputs, state and recordings (a dict by path). The first is the reference.
        reproducible: run in reproducible mode and ask for the same bits.
        discretization: as in `nirx.from_nir`.
        record: what to compare, as in `net.run`.
        tolerance: of a node's largest magnitude, for values; spikes have to be equal. Default:
            1e-4 in float32, 1e-9 in float64, 0 in reproducible mode.

    Returns: a `Comparison`: `agree`, `bitwise`, `max_ulp`, `spike_mismatches`,
    `first_divergence`, and everything that was recorded.

    **Raises**: `GraphError`, `FileError`, `InputError`, `UnsupportedError`.
    """
    backends = (backends,) if isinstance(backends, str) else tuple(backends)
    if len(backends) < 2:
        raise InputError(f"compare needs at least two backends, got {len(backends)}")
    graph = load(graph)
    chosen = resolve_discretization(graph, discretization)
    kind = dtype_name(dtype)
    schedule, _ = build_schedule(graph, chosen)
    probes = resolve_record(schedule, record)
    keys = [probe.key for probe in probes]
    options = {"reproducible": True} if reproducible else {}
    recordings: dict[str, dict[str, np.ndarray]] = {}
    for backend in backends:
        if callable(backend):
            name = getattr(backend, "__name__", type(backend).__name__)
            found = _of_callable(schedule, name, backend(xs), keys)
        else:
            name = backend
            run = find_backend(backend).prepare(graph, chosen, kind, **options)
            found = _of_prepared(run, xs, keys)
        while name in recordings:
            name += "'"
        recordings[name] = found
    if tolerance is None:
        tolerance = 0.0 if reproducible else TOLERANCE[kind]
    return _judge(schedule, probes, recordings, tolerance, reproducible)


def assert_equivalent(graph: Any, xs: Any, *args: Any, **options: Any) -> Comparison:
    """`compare`, and an `AssertionError` with the table and the first divergence if they differ.

    Arguments: as in `compare`.

    Returns: the `Comparison`.

    **Raises**: `AssertionError`, and what `compare` raises.
    """
    comparison = compare(graph, xs, *args, **options)
    if not comparison.agree:
        raise AssertionError(f"the backends differ\n{comparison}")
    return comparison


def _of_prepared(run: Prepared, xs: Any, keys: list[Any]) -> dict[str, np.ndarray]:
    _, _, recordings = run(xs, None, keys)
    return {str(key): np.asarray(recordings[key]) for key in keys}


def _of_callable(
    schedule: Schedule, name: str, result: Any, keys: list[Any]
) -> dict[str, np.ndarray]:
    outputs, _, recordings = (
        result
        if isinstance(result, tuple) and len(result) == 3
        else ((result[0], None, {}) if isinstance(result, tuple) else (result, None, {}))
    )
    found = {str(k): v for k, v in state_to_numpy(dict(recordings)).items()}
    names = [own for own, _ in schedule.outputs]
    outputs = outputs if isinstance(outputs, Mapping) else {names[0]: outputs}
    for own, position in schedule.outputs:
        if own in outputs:
            found.setdefault(schedule.nodes[position].name, state_to_numpy(outputs[own]))
    wanted = [str(key) for key in keys]
    if not any(key in found for key in wanted):
        raise InputError(f"backend {name!r} gave nothing that can be compared; expected {names}")
    return {key: found[key] for key in wanted if key in found}


def _judge(
    schedule: Schedule,
    probes: list[Probe],
    recordings: dict[str, dict[str, np.ndarray]],
    tolerance: float,
    reproducible: bool,
) -> Comparison:
    (reference, first), *others = recordings.items()
    spiking = [
        str(p.key)
        for p in probes
        if p.variable is None and _spikes(schedule.nodes[p.position].type_name)
    ]
    results = []
    for name, own in others:
        keys = [key for key in first if key in own]
        pairs = [(key, first[key], _like(name, key, own[key], first[key])) for key in keys]
        nodes = tuple(_node(key, a, b, key in spiking, tolerance) for key, a, b in pairs)
        parted = [node.first_divergence for node in nodes if node.first_divergence]
        first_of_all = min(parted, key=lambda d: d.step, default=None)  # of one step, the first
        results.append(BackendComparison(name, nodes, first_of_all))
    return Comparison(
        reference,
        tuple(results),
        recordings,
        tuple(key for key in first if key in spiking),
        tolerance,
        schedule.discretization,
        reproducible,
    )


def _spikes(type_name: str) -> bool:
    entry = type_named(type_name)
    return entry is not None and entry.dynamics is not None and entry.dynamics.spiking


def _like(name: str, key: str, own: np.ndarray, reference: np.ndarray) -> np.ndarray:
    if own.shape != reference.shape:
        raise InputError(
            f"backend {name!r} gave {key!r} in shape {own.shape}; expected {reference.shape}"
        )
    return own.astype(reference.dtype)


def _node(key: str, a: np.ndarray, b: np.ndarray, spikes: bool, tolerance: float) -> NodeComparison:
    marked = differing(a, b, 0.0 if spikes else tolerance)
    with np.errstate(invalid="ignore"):
        error = np.where(same_bits(a, b), 0.0, np.abs(a.astype(np.float64) - b))
    unequal = int((~same_bits(a, b)).sum())
    return NodeComparison(
        key,
        spikes,
        a.size,
        unequal,
        float(ulp_distance(a, b).max(initial=0)) if unequal else 0.0,
        float(np.nan_to_num(error, nan=np.inf).max(initial=0)),
        find_first([(key, marked, a, b)]),
    )
