"""Weights and biases in units: W * (unit of its output) / (unit of its input)."""

from __future__ import annotations

from typing import Any

import nir
import numpy as np

from nirx.dynamics.ops import Shape
from nirx.dynamics.parameters import parameter
from nirx.errors import Fault, GraphError
from nirx.graphs.schedule import ScheduledNode

__all__ = [
    "bias_and_unit",
    "largest_bias",
    "largest_units",
    "one_if_alike",
    "scales_of",
    "weight_name",
    "weight_of",
]


def weight_name(node: Any) -> str:
    """The name of the parameter that holds the weights."""
    return "scale" if isinstance(node, nir.Scale) else "weight"


def weight_of(node: Any) -> np.ndarray:
    """The weights in float64."""
    return np.asarray(parameter(node, weight_name(node)), np.float64)


def is_convolution(node: Any) -> bool:
    """Whether its weights are [out, in / groups, *kernel]."""
    return isinstance(node, nir.Conv1d | nir.Conv2d)


def scales_of(
    place: ScheduledNode, node: Any, unit_in: np.ndarray, unit_out: np.ndarray
) -> np.ndarray:
    """What every weight is multiplied with, in a shape that broadcasts to the weights'.

    **Raises**: `GraphError` if a convolution's channel has more than one unit.
    """
    if isinstance(node, nir.Scale):
        return unit_out / unit_in
    if not is_convolution(node):
        into = np.broadcast_to(unit_in, place.input_shape)[..., None, :]
        out = np.broadcast_to(unit_out, place.output_shape)[..., :, None]
        return out / into
    weight = weight_of(node)
    into = _per_channel(place, unit_in, place.input_shape)
    out = _per_channel(place, unit_out, place.output_shape)
    outs, takes = weight.shape[:2]
    group = np.arange(outs)[:, None] // (outs // int(node.groups))
    scales = out[:, None] / into[group * takes + np.arange(takes)[None, :]]
    return scales.reshape(outs, takes, *(1,) * (weight.ndim - 2))


def largest_units(
    place: ScheduledNode, node: Any, unit_in: np.ndarray, low: float, high: float
) -> np.ndarray:
    """The largest unit of each output (of each channel, for convolutions) with which its weights
    stay in a range; infinite where they are all 0. Its shape broadcasts to the output's."""
    scaled = weight_of(node) * scales_of(place, node, unit_in, np.ones(()))
    with np.errstate(divide="ignore"):
        room = np.where(scaled > 0, high / scaled, np.where(scaled < 0, low / scaled, np.inf))
    if isinstance(node, nir.Scale):
        return np.broadcast_to(room, place.output_shape)
    if is_convolution(node):
        per_channel = room.reshape(len(room), -1).min(axis=1, initial=np.inf)
        return per_channel.reshape(-1, *(1,) * (len(place.output_shape) - 1))
    return room.min(axis=-1, initial=np.inf)


def bias_and_unit(
    place: ScheduledNode, node: Any, unit_out: np.ndarray
) -> tuple[np.ndarray, np.ndarray] | None:
    """The bias and its units, which broadcast; None without one."""
    if getattr(node, "bias", None) is None:
        return None
    bias = np.asarray(parameter(node, "bias"), np.float64)
    if is_convolution(node):
        return bias, _per_channel(place, unit_out, place.output_shape)
    return bias, unit_out


def largest_bias(node: Any) -> float:
    """The magnitude of the largest bias; 0 without one."""
    if getattr(node, "bias", None) is None:
        return 0.0
    return float(np.abs(np.asarray(parameter(node, "bias"), np.float64)).max(initial=0.0))


def one_if_alike(unit: np.ndarray) -> np.ndarray:
    """A single number for all, where all are the same."""
    alike = unit.size and np.allclose(unit, unit.flat[0], rtol=1e-9, atol=0.0)
    return np.array(unit.flat[0]) if alike else unit


def _per_channel(place: ScheduledNode, unit: np.ndarray, shape: Shape) -> np.ndarray:
    """The unit of each channel [channels]."""
    channels = np.broadcast_to(unit, shape).reshape(shape[0], -1)
    if channels.size and not np.allclose(channels, channels[:, :1], rtol=1e-9, atol=0.0):
        raise GraphError(
            [
                Fault(
                    place.name,
                    "its input has more than one unit within a channel (neurons of unlike "
                    "gain before it, which put out membrane potentials)",
                    "one unit per channel",
                    "give these neurons one tau and one r per channel",
                )
            ]
        )
    return channels[:, 0] if channels.size else np.ones(shape[0])
