"""`nirx.compare`: one graph, one input, several backends; where and how far they diverge."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from nirx.bridging.movable import graph_of
from nirx.comparison.integers import compare_integers
from nirx.comparison.result import Comparison
from nirx.comparison.runs import compare_runs
from nirx.dynamics.discretization import Discretization
from nirx.errors import InputError, warn_caller

__all__ = ["assert_equivalent", "compare"]


def compare(
    graph: Any,
    xs: Any,
    backends: Sequence[str | Callable[..., Any]] = ("numpy", "torch", "jax"),
    *,
    reproducible: bool = False,
    discretization: Discretization | None = None,
    dtype: str | Sequence[str] = "float32",
    record: Any = "all",
    tolerance: float | None = None,
    source: str | None = None,
    input_shape: Any = None,
    arithmetic: Any = None,
) -> Comparison:
    """Run one graph on several backends and compare the results.

    Arguments:
        graph: a `nir.NIRGraph`, a path, or a model of a library that nirx has a bridge for, which
            is exported once.
        xs: [time, *batch, *features], or a dict {Input: array}.
        backends: names, or callables `f(xs)` that return the outputs, or outputs and state, or
            outputs, state and recordings (a dict by path). The first is the reference.
        reproducible: run in reproducible mode and require the same bits.
        discretization: as in `nirx.from_nir`; None takes the model's own.
        dtype: of all backends, or one for each: `compare(graph, xs, ["torch", "torch"],
            dtype=["float32", "bfloat16"])` says what low precision does to spikes. With several,
            floating inputs are rounded to each; ULP are those of the first.
        record: what to compare, as in `net.run`.
        tolerance: for values, relative to a node's largest magnitude; spikes must be equal.
            Default: 1e-4 in float32, 1e-9 in float64, 5e-2 in bfloat16, 1e-2 in float16 (the
            largest of the dtypes), 0 in reproducible mode and in integers.
        source, input_shape: for a model, as in `nirx.move`.
        arithmetic: as in `nirx.quantize`. The graph in floating point is compared with itself in
            integers, and with one cause of the difference at a time, on the first backend and in
            float64. All layers that spike are compared (without any, the Outputs).

    Returns: a `Comparison`: `agree`, `bitwise`, `max_ulp`, `spike_mismatches`,
    `first_divergence`, `silent`, `nothing_compared`, and everything that was recorded. Layers that
    never spiked are named by a `NirxWarning`. With `arithmetic` an `IntegerComparison`, which has
    `causes` and `quantization` too.

    **Raises**: `GraphError`, `FileError`, `InputError`, `UnsupportedError`.
    """
    own = graph_of(graph, source, input_shape, xs)
    if arithmetic is None:
        found = compare_runs(
            own,
            xs,
            backends,
            reproducible=reproducible,
            discretization=discretization,
            dtype=dtype,
            record=record,
            tolerance=tolerance,
        )
    else:
        if reproducible or record != "all" or tolerance is not None:
            raise InputError(
                "with arithmetic=, compare takes no reproducible=, record= or tolerance=: integers "
                "are exact, and the layers that spike are compared"
            )
        first = backends if isinstance(backends, str) else next(iter(backends), "numpy")
        if not isinstance(first, str):
            raise InputError("with arithmetic=, backends[0] has to be the name of a backend")
        found = compare_integers(own, xs, arithmetic, backend=first, discretization=discretization)
    if said := found.silence.text():
        warn_caller(said)
    return found


def assert_equivalent(graph: Any, xs: Any, *args: Any, **options: Any) -> Comparison:
    """`compare`, and an `AssertionError` with the table and the first divergence if they differ.

    Arguments:
        graph, xs: as in `compare`; so is all the rest.

    Returns: the `Comparison`.

    **Raises**: `AssertionError`, and what `compare` raises.
    """
    comparison = compare(graph, xs, *args, **options)
    if not comparison.agree:
        raise AssertionError(f"the backends differ\n{comparison}")
    return comparison
