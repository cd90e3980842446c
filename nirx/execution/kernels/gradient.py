"""A layer of neurons over time with its states kept, and the same loop backwards in time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from nirx.execution.kernels.adjoint import print_adjoint
from nirx.execution.kernels.scan import Layer, layer_text, print_layer, run_layer
from nirx.execution.kernels.surrogate import trace_surrogate
from nirx.execution.kernels.trace import INPUT, OUTPUT, TracedStep

__all__ = ["Kept", "backward_scan", "kept_again", "kept_scan"]


@dataclass(frozen=True)
class Kept:
    """What the way back needs.

    Arguments:
        layer: the layout.
        xs: [time, samples, neurons].
        coefficients: [neurons], by name.
        traces: every state before each step and after the last, [time + 1, samples, neurons].
    """

    layer: Layer
    xs: np.ndarray
    coefficients: dict[str, np.ndarray]
    traces: dict[str, np.ndarray]


def _arguments(step: TracedStep, first: Sequence[str]) -> list[str]:
    """Names of arguments: some, then the coefficients and the traces."""
    coefficients, traces = range(len(step.coefficients)), range(len(step.states))
    return [*first, *(f"c{i}" for i in coefficients), *(f"k{i}" for i in traces)]


@lru_cache(maxsize=1024)
def kept_source(step: TracedStep, dtype: str) -> str:
    """The text of a kernel that keeps every state: x, y, coefficients, traces."""
    results = step.expression.results
    printed = print_layer(step, dtype)
    body = [f"v{i} = k{i}[t, j, n]" for i in range(len(step.states))]
    body += printed.lines
    body.append(f"y[t, j, n] = {printed.value(results[OUTPUT])}")
    body += [
        f"k{i}[t + np.uint64(1), j, n] = {printed.value(results[f's.{name}'])}"
        for i, name in enumerate(step.states)
    ]
    return layer_text(dtype, _arguments(step, ["x", "y"]), body)


@lru_cache(maxsize=1024)
def backward_source(
    step: TracedStep,
    dtype: str,
    surrogate: Callable[[Any], Any],
    wanted: tuple[str, ...],
    recorded: tuple[str, ...],
) -> str:
    """The text of the kernel that runs time backwards.

    Its arguments are x, the gradients of y and of x, coefficients, traces, the gradients of the
    last states (which it replaces by those of the first), of the recorded states after each step
    [time, samples, neurons], and of the wanted coefficients [samples, neurons].
    """
    results = step.expression.results
    printed = print_layer(step, dtype)
    seeds: dict[int, list[str]] = {results[OUTPUT]: ["gy[t, j, n]"]}
    for i, name in enumerate(step.states):
        seeds.setdefault(results[f"s.{name}"], []).append(f"h{i}[j, n]")
    for i, name in enumerate(recorded):
        seeds[results[f"s.{name}"]].append(f"d{i}[t, j, n]")
    gradient = print_adjoint(
        printed,
        {position: " + ".join(texts) for position, texts in seeds.items()},
        frozenset(wanted) | {INPUT, *(f"s.{name}" for name in step.states)},
        trace_surrogate(surrogate),
    )
    parameters = [w for w in wanted if w.startswith("c.")]
    body = [f"v{i} = k{i}[t, j, n]" for i in range(len(step.states))]
    body += printed.lines
    body.append(f"gx[t, j, n] = {gradient.get(INPUT, 'F(0)')}")
    body += [
        f"h{i}[j, n] = {gradient.get(f's.{name}', 'F(0)')}" for i, name in enumerate(step.states)
    ]
    body += [f"p{i}[j, n] += {gradient.get(name, 'F(0)')}" for i, name in enumerate(parameters)]
    arguments = _arguments(step, ["x", "gy", "gx"])
    for letter, names in (("h", step.states), ("d", recorded), ("p", parameters)):
        arguments += [f"{letter}{i}" for i in range(len(names))]
    return layer_text(dtype, arguments, body, backwards=True)


def kept_scan(
    step: TracedStep,
    coefficients: Mapping[str, np.ndarray],
    xs: np.ndarray,
    state: Mapping[str, np.ndarray],
    features: tuple[int, ...],
) -> tuple[np.ndarray, Kept]:
    """As `fused_scan`, but keeps what the gradient needs.

    Returns: y, and the rest; the last states are the last entries of its traces.
    """
    layer = Layer(xs, features)
    time, *rest = layer.flat
    traces = {name: np.empty((time + 1, *rest), xs.dtype) for name in step.states}
    for name, trace in traces.items():
        trace[0] = layer.state(state[name])
    kept = Kept(
        layer,
        layer.over_time(xs),
        {name: layer.coefficient(coefficients[name]) for name in step.coefficients},
        traces,
    )
    y = np.empty(layer.flat, xs.dtype)
    arrays = [kept.xs, y, *kept.coefficients.values(), *traces.values()]
    run_layer(kept_source(step, xs.dtype.name), arrays, layer)
    return y.reshape(layer.shape), kept


def kept_again(
    coefficients: Mapping[str, np.ndarray],
    xs: np.ndarray,
    traces: Mapping[str, np.ndarray],
    features: tuple[int, ...],
) -> Kept:
    """What `kept_scan` kept, from arrays of the run's own shapes."""
    layer = Layer(xs, features)
    flat = (layer.flat[0] + 1, *layer.flat[1:])
    return Kept(
        layer,
        layer.over_time(xs),
        {name: layer.coefficient(c) for name, c in coefficients.items()},
        {name: np.require(t, requirements=["C", "W"]).reshape(flat) for name, t in traces.items()},
    )


def backward_scan(
    step: TracedStep,
    kept: Kept,
    surrogate: Callable[[Any], Any],
    wanted: tuple[str, ...],
    gradient: np.ndarray,
    of_states: Mapping[str, np.ndarray],
    of_last: Mapping[str, np.ndarray],
) -> tuple[np.ndarray, dict[str, np.ndarray], dict[str, np.ndarray]]:
    """The gradients of a layer.

    Arguments:
        wanted: the coefficients whose gradient is wanted, as "c.NAME".
        gradient: of the output, [time, *batch, *features].
        of_states: of recorded states after each step, by name, likewise.
        of_last: of the last states, [*batch, *features]; absent ones are zero.

    Returns: the gradients of xs, of the states before the first step, and of the wanted
    coefficients, each [*features].
    """
    layer = kept.layer
    dtype = kept.xs.dtype
    gx = np.empty(layer.flat, dtype)
    arrays = [kept.xs, layer.over_time(gradient), gx]
    arrays += [*kept.coefficients.values(), *kept.traces.values()]
    nothing = np.zeros((), dtype)
    first = {name: layer.state(of_last.get(name, nothing)) for name in step.states}
    arrays += [*first.values(), *(layer.over_time(g) for g in of_states.values())]
    parameters = {w: np.zeros(layer.flat[1:], dtype) for w in wanted}
    arrays += parameters.values()
    source = backward_source(step, dtype.name, surrogate, wanted, tuple(of_states))
    run_layer(source, arrays, layer)
    return (
        gx.reshape(layer.shape),
        {name: g.reshape(layer.shape[1:]) for name, g in first.items()},
        {w: layer.summed(g) for w, g in parameters.items()},
    )
