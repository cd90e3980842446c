"""Whether a program computes what the cell's own call does, on random numbers."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import fx

from nirx.dynamics.program import INPUT, OUTPUT, PARAMETER, STATE, Program
from nirx.execution.numpy_ops import NumpyOps
from nirx_torch.cell_trace import BATCH, Cell, StepGraph

__all__ = ["require_same"]

SCALES = (0.3, 3.0, 30.0)


def require_same(
    cell: Cell,
    graph: StepGraph,
    program: Program,
    parameters: Mapping[str, np.ndarray],
    states: Mapping[fx.Node, str],
    new: Mapping[str, fx.Node],
) -> None:
    """Compare one step of a program with the graph that it was written from, in float64.

    Arguments:
        parameters: by name.
        states: the placeholders of states, with their names.
        new: what the graph leaves in each state.

    **Raises**: `UnsupportedError` if the graph mixes neurons or samples in a way that no single
    operation shows, such as a broadcast.
    """
    ops = NumpyOps(np.dtype(np.float64))
    wanted = {OUTPUT: graph.outputs[0], **{STATE + name: node for name, node in new.items()}}
    results = program.expression.results
    names = {PARAMETER + name: np.asarray(v, np.float64) for name, v in parameters.items()}
    for seed, scale in enumerate(SCALES):
        random = np.random.default_rng(seed)
        given = [_drawn(node, random, scale) for node in graph.inputs]
        _, found = graph.run(given, list(wanted.values()))
        inputs = {INPUT: _placed(cell, given[0]), **names}
        for node, value in zip(graph.inputs, given, strict=True):
            if node in states:
                inputs[STATE + states[node]] = _placed(cell, value)
        with np.errstate(all="ignore"):
            values = program.computed(ops, {}, inputs, results.values())
        for name, node in wanted.items():
            own, theirs = np.broadcast_arrays(values[results[name]], _placed(cell, found[node]))
            if not np.allclose(own, theirs, rtol=1e-4, atol=1e-5, equal_nan=True):
                raise cell.refusal(
                    "its step mixes neurons or samples: alone, a neuron gives other numbers"
                )


def _drawn(node: fx.Node, random: np.random.Generator, scale: float) -> torch.Tensor:
    example = node.meta["val"]
    numbers = torch.from_numpy(np.asarray(scale * random.standard_normal(tuple(example.shape))))
    if example.dtype == torch.bool:
        return numbers > 0
    return numbers if example.dtype.is_floating_point else numbers.to(example.dtype)


def _placed(cell: Cell, value: torch.Tensor) -> np.ndarray:
    """Without axes of one element between those of the batch and of the neurons."""
    array = value.double().numpy()
    own = tuple(n for n in array.shape if n != 1)
    for shape in ((BATCH, *cell.shape), cell.shape):
        if own == tuple(n for n in shape if n != 1):
            return array.reshape(shape)
    return array
