"""Mutants of the run around the steps: time, batch, state and returned values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from nirx.dynamics.ops import Array
from nirx.execution.numpy_ops import NumpyOps
from nirx.graphs.state import map_tree
from nirx_conformance.mutants.mutant import on_ops, on_run


@on_run
def time_reversed(run: Any, inputs: Any, state: Any, record: Any) -> Any:
    """The steps are computed in reverse order."""
    backwards = map_tree(lambda x: x[::-1], inputs)
    outputs, last, recordings = run(backwards, state, record)
    turned = map_tree(lambda y: y[::-1], (outputs, recordings))
    return turned[0], last, turned[1]


@on_run
def batch_rolled(run: Any, inputs: Any, state: Any, record: Any) -> Any:
    """Each sample of a batch gets its neighbour's input."""
    turned = map_tree(lambda x: np.roll(x, 1, axis=1) if x.ndim > 2 else x, inputs)
    return run(turned, state, record)


@on_run
def state_ignored(run: Any, inputs: Any, state: Any, record: Any) -> Any:
    """Every run starts from the initial state, whatever state it is given."""
    return run(inputs, None, record)


@on_run
def state_written_to(run: Any, inputs: Any, state: Any, record: Any) -> Any:
    """The state passed in is overwritten with the new one."""
    outputs, last, recordings = run(inputs, state, record)
    _overwrite(state, last)
    return outputs, last, recordings


def _overwrite(tree: Any, new: Any) -> None:
    for key, value in (tree or {}).items():
        if isinstance(value, dict):
            _overwrite(value, new[key])
        else:
            value[...] = new[key]


@on_run
def input_written_to(run: Any, inputs: Any, state: Any, record: Any) -> Any:
    """The input passed in is set to 0 after the run."""
    found = run(inputs, state, record)
    for leaf in inputs.values() if isinstance(inputs, dict) else [inputs]:
        leaf[...] = 0
    return found


@on_run
def last_state_lost(run: Any, inputs: Any, state: Any, record: Any) -> Any:
    """The returned state is the one before the last step."""
    found = run(inputs, state, record)
    _, before, _ = run(map_tree(lambda x: x[:-1], inputs), state, ())
    return found[0], before, found[2]


@on_run
def state_without_feedback(run: Any, inputs: Any, state: Any, record: Any) -> Any:
    """The returned state lacks the values on feedback edges."""
    outputs, last, recordings = run(inputs, state, record)
    return outputs, _without_feedback(last), recordings


def _without_feedback(tree: Any) -> Any:
    if not isinstance(tree, dict):
        return tree
    return {k: _without_feedback(v) for k, v in tree.items() if k != "feedback"}


@on_run
def recordings_one_step_late(run: Any, inputs: Any, state: Any, record: Any) -> Any:
    """Recordings are shifted by one step; the outputs are right."""
    outputs, last, recordings = run(inputs, state, record)
    return outputs, last, {k: np.roll(v, 1, axis=0) for k, v in recordings.items()}


@on_ops
class StateForgottenBetweenChunks(NumpyOps):
    """Every chunk of time steps starts from the run's initial state."""

    def scan_chunks(
        self,
        body: Callable[[Any, list[Array]], tuple[Any, list[Array]]],
        carry: Any,
        xs: list[Array],
        length: int,
        chunk: int,
    ) -> tuple[Any, list[Array]]:
        first = carry

        def forgetful(_: Any, part: list[Array]) -> tuple[Any, list[Array]]:
            return body(first, part)

        return super().scan_chunks(forgetful, carry, xs, length, chunk)
