"""A loss from the gradients that it is to have: what the backends' gradients as arrays share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["inputs_by_name", "weighted"]


def inputs_by_name(schedule: Any, inputs: Any) -> dict[str, Any]:
    """The inputs of a run by Input."""
    return dict(inputs) if isinstance(inputs, Mapping) else {schedule.inputs[0][0]: inputs}


def weighted(values: Any, weights: Any) -> Iterator[tuple[Any, Any]]:
    """The leaves of a result, each with its weight in a loss; None weighs nothing.

    Arguments:
        values: arrays in nested dicts and tuples.
        weights: in the same form, or None in place of a part.
    """
    if weights is None:
        return
    if isinstance(weights, Mapping):
        for key, weight in weights.items():
            yield from weighted(values[key], weight)
    elif isinstance(weights, tuple | list):
        for value, weight in zip(values, weights, strict=True):
            yield from weighted(value, weight)
    else:
        yield values, weights
