"""A layer of neurons over time in one loop: samples, steps, neurons."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from nirx.dynamics.base import Dynamics
from nirx.dynamics.expression import NotElementwise
from nirx.execution.kernels.compiled import array_type, compile_kernel
from nirx.execution.kernels.printing import Printed, print_expression
from nirx.execution.kernels.sequences import SEQUENCES, heading
from nirx.execution.kernels.threads import split, thread_count
from nirx.execution.kernels.trace import INPUT, OUTPUT, TracedStep, trace_step
from nirx.execution.reproducible import SMALLEST

__all__ = ["Layer", "fused_scan", "layer_text", "print_layer", "run_layer", "scan_source", "traced"]

LONGEST = 400
"""Operations of a step, at most; numba takes 3 s for 300 and half a minute for 900."""
LENGTH_OF_CALL = 15
"""A call of a sequence takes as long to compile as this many operations."""

NARROW = 64
"""Layers narrower than this run all samples in one inner loop, which the compiler can vectorize."""


@lru_cache(maxsize=4096)
def traced(dynamics: Dynamics, dtype: str, reproducible: bool, detach_reset: bool) -> TracedStep:
    """`trace_step`, remembered. **Raises**: `NotElementwise` for a step too long for a kernel."""
    step = trace_step(dynamics, dtype, reproducible, detach_reset, calls=True)
    operations = step.expression.operations
    calls = sum(operation.name in SEQUENCES for operation in operations)
    length = len(operations) + calls * (LENGTH_OF_CALL - 1)
    if length > LONGEST:
        raise NotElementwise(
            f"its step is as long as {length} operations, which take too long to compile"
        )
    return step


@lru_cache(maxsize=1024)
def scan_source(step: TracedStep, dtype: str, record: tuple[str, ...]) -> str:
    """The text of a kernel.

    Its arguments are x and y [time, samples, neurons], coefficients [neurons], states
    [samples, neurons] (which it replaces), recordings [time, samples, neurons], and the ranges
    of samples and of neurons.
    """
    results = step.expression.results
    printed = print_layer(step, dtype)
    body = [f"v{i} = s{i}[j, n]" for i in range(len(step.states))]
    body += printed.lines
    body.append(f"y[t, j, n] = {printed.value(results[OUTPUT])}")
    new = {name: printed.value(results[f"s.{name}"]) for name in step.states}
    body += [f"s{i}[j, n] = {new[name]}" for i, name in enumerate(step.states)]
    body += [f"r{i}[t, j, n] = {new[name]}" for i, name in enumerate(record)]
    arguments = ["x", "y"]
    for letter, names in (("c", step.coefficients), ("s", step.states), ("r", record)):
        arguments += [f"{letter}{i}" for i in range(len(names))]
    return layer_text(dtype, arguments, body)


def print_layer(step: TracedStep, dtype: str) -> Printed:
    """The lines of one step of one neuron: x[t, j, n], coefficients c0[n], ..., states v0, ..."""
    inputs = {INPUT: "x[t, j, n]"}
    inputs |= {f"c.{name}": f"c{i}[n]" for i, name in enumerate(step.coefficients)}
    inputs |= {f"s.{name}": f"v{i}" for i, name in enumerate(step.states)}
    wanted = list(step.expression.results.values())
    return print_expression(step.expression, inputs, wanted, repr(SMALLEST[dtype]))


def layer_text(
    dtype: str, arguments: Sequence[str], body: Sequence[str], backwards: bool = False
) -> str:
    """The text of a kernel over samples j, steps t (in their order or backwards) and neurons n."""
    step = "np.uint64(x.shape[0]) - np.uint64(1) - i" if backwards else "i"
    return "\n".join(
        [
            *heading(body, dtype),
            f"def kernel({', '.join(arguments)}, j0, j1, n0, n1):",
            "    for j in range(j0, j1):",
            "        for i in range(np.uint64(0), np.uint64(x.shape[0])):",
            f"            t = {step}",
            "            for n in range(n0, n1):",
            *(f"                {line}" for line in body),
            "",
        ]
    )


class Layer:
    """Arrays of one run in the layout of a kernel: [time, samples, neurons]."""

    def __init__(self, xs: np.ndarray, features: tuple[int, ...]):
        self.shape = xs.shape
        time, size = xs.shape[0], math.prod(features)
        samples = math.prod(xs.shape[1 : xs.ndim - len(features)])
        self.tiles = samples if size < NARROW else 1
        self.features = features
        self.flat = (time, samples // max(self.tiles, 1) if self.tiles else 0, size * self.tiles)

    def over_time(self, array: np.ndarray) -> np.ndarray:
        """[time, *batch, *features] as the kernel takes it."""
        return np.require(array, requirements=["C", "W"]).reshape(self.flat)

    def state(self, array: np.ndarray) -> np.ndarray:
        """A copy of a state [*batch, *features], for the kernel to replace."""
        own = np.empty(self.shape[1:], array.dtype)
        own[...] = array
        return own.reshape(self.flat[1:])

    def coefficient(self, array: np.ndarray) -> np.ndarray:
        """A copy of a coefficient, for each neuron."""
        own = np.empty((self.tiles, *self.features), array.dtype)
        own[...] = array
        return own.reshape(-1)

    def summed(self, array: np.ndarray) -> np.ndarray:
        """The sum over samples of [samples, neurons], as [*features]."""
        # An array even without features, where NumPy's sum is a scalar.
        return np.asarray(array.reshape((-1, *self.features)).sum(axis=0))


def run_layer(source: str, arrays: Sequence[np.ndarray], layer: Layer) -> None:
    """Run a kernel of `layer_text` on slices of the samples, or of the neurons of few samples."""
    kernel = compile_kernel(source, (*map(array_type, arrays), *["uint64"] * 4))
    _, samples, neurons = layer.flat
    work = math.prod(layer.flat)
    if samples >= thread_count():
        split(lambda a, b: kernel(*arrays, a, b, 0, neurons), samples, work)
    else:
        split(lambda a, b: kernel(*arrays, 0, samples, a, b), neurons, work)


def fused_scan(
    step: TracedStep,
    coefficients: Mapping[str, Any],
    xs: np.ndarray,
    state: Mapping[str, np.ndarray],
    features: tuple[int, ...],
    record: tuple[str, ...],
) -> tuple[np.ndarray, dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Many steps of a layer; see `Dynamics.chunk`.

    Arguments:
        xs: [time, *batch, *features], of the run's dtype.
        state: by name, [*batch, *features]; not changed.
        features: the layer's shape.
        record: names of the state variables to record.
    """
    dtype = xs.dtype
    if not xs.size:
        empty = np.empty_like(xs)
        return empty, {k: np.array(v) for k, v in state.items()}, {k: empty.copy() for k in record}
    layer = Layer(xs, features)
    y = np.empty(layer.flat, dtype)
    states = {name: layer.state(state[name]) for name in step.states}
    recordings = {name: np.empty(layer.flat, dtype) for name in record}
    arrays = [layer.over_time(xs), y]
    arrays += [layer.coefficient(coefficients[name]) for name in step.coefficients]
    arrays += [*states.values(), *recordings.values()]
    run_layer(scan_source(step, dtype.name, record), arrays, layer)
    return (
        y.reshape(xs.shape),
        {name: s.reshape(xs.shape[1:]) for name, s in states.items()},
        {name: r.reshape(xs.shape) for name, r in recordings.items()},
    )
