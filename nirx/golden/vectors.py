"""Test vectors: what nirx computes for an input, step by step."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from nirx.basics.progress import stage
from nirx.errors import InputError
from nirx.execution.backend import find_backend
from nirx.golden.build import Built
from nirx.inputs.protocol import Source, whole

__all__ = ["Vectors", "make_vectors"]

MOST_VALUES = 2_000_000
"""Of all vectors together, so that a compiler gets through the file."""


@dataclass(frozen=True, eq=False)
class Vectors:
    """Arrays [samples, steps, elements] by the name of the member that they belong to.

    Arguments:
        inputs, outputs: of the structs of ports.
        states: of the struct of the state, after each step.
    """

    samples: int
    steps: int
    inputs: dict[str, np.ndarray]
    outputs: dict[str, np.ndarray]
    states: dict[str, np.ndarray]

    @property
    def compared(self) -> int:
        """Number of values that the bench compares."""
        return sum(array.size for array in (*self.outputs.values(), *self.states.values()))


def make_vectors(built: Built, graph: Any, source: Source, dtype: str) -> Vectors:
    """Run NumPy, in reproducible mode or in integers.

    Arguments:
        graph: that of the model.
        source: the input.

    **Raises**: `InputError` for input that is not whole in a network of integers, or too long.
    """
    model, samples = built.model, math.prod(source.batch)
    watched = [node for node in model.nodes if node.place.neuron]
    width = sum(node.takes for _, _, node in built.inputs)
    width += sum(node.gives for _, _, node in built.outputs)
    width += sum(node.gives * len(node.states) for node in watched)
    if width * samples * source.steps > MOST_VALUES:
        most = max(1, MOST_VALUES // max(1, width * samples))
        raise InputError(
            f"the test bench would hold {width * samples * source.steps:,} values; expected at "
            f"most {MOST_VALUES:,}: take up to {most:,} steps"
        )
    xs = whole(source)
    if model.numbers.dtype is None:
        _require_whole(xs)
    record = [(*node.place.path, name) for node in watched for name in node.states]
    rule = model.schedule.discretization
    run = find_backend("numpy").prepare(graph, rule, dtype, reproducible=True, execution="plain")
    with stage("running", 1, "runs"):
        outputs, _, recorded = run(xs, None, record)
    if len(built.outputs) == 1:
        outputs = {built.outputs[0][0]: outputs}
    states = {
        own.name: recorded[(*node.place.path, name)]
        for node in watched
        for name, own in node.states.items()
    }
    return Vectors(
        samples,
        source.steps,
        {member: _by_sample(xs[name], samples, node.takes) for name, member, node in built.inputs},
        {
            member: _by_sample(outputs[name], samples, node.gives)
            for name, member, node in built.outputs
        },
        {
            own.name: _by_sample(states[own.name], samples, node.gives)
            for node in watched
            for own in node.states.values()
        },
    )


def _by_sample(array: np.ndarray, samples: int, elements: int) -> np.ndarray:
    return np.asarray(array).reshape(len(array), samples, elements).swapaxes(0, 1)


def _require_whole(xs: dict[str, np.ndarray]) -> None:
    for name, array in xs.items():
        off = array != np.rint(array)
        if off.any():
            raise InputError(
                f"input {name!r} has {float(array[off][0]):g}, but the network computes in "
                "integers; expected whole numbers, such as those of poisson:rate=0.2"
            )
