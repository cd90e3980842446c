"""Mutants that misread a node's parameters."""

from __future__ import annotations

from typing import Any

import nir
import numpy as np

from nirx_conformance.mutants.mutant import on_node

CONVOLUTIONS = (nir.Conv1d, nir.Conv2d)


def _fill(node: Any, name: str, value: float) -> None:
    if getattr(node, name, None) is not None:
        setattr(node, name, np.full_like(getattr(node, name), value))


@on_node
def reset_to_zero(node: Any, dt: float) -> None:
    """The reset goes to 0 instead of v_reset."""
    _fill(node, "v_reset", 0.0)


@on_node
def input_weight_dropped(node: Any, dt: float) -> None:
    """w_in is taken as 1."""
    _fill(node, "w_in", 1.0)


@on_node
def resistance_dropped(node: Any, dt: float) -> None:
    """r is taken as 1."""
    _fill(node, "r", 1.0)


@on_node
def leak_dropped(node: Any, dt: float) -> None:
    """v_leak is taken as 0."""
    _fill(node, "v_leak", 0.0)


@on_node
def time_constant_in_another_unit(node: Any, dt: float) -> None:
    """Time constants are read in milliseconds."""
    for name in ("tau", "tau_mem", "tau_syn"):
        if hasattr(node, name):
            setattr(node, name, 1000.0 * getattr(node, name))


@on_node
def time_constants_swapped(node: Any, dt: float) -> None:
    """tau_syn and tau_mem are swapped."""
    if hasattr(node, "tau_syn"):
        node.tau_syn, node.tau_mem = node.tau_mem, node.tau_syn


@on_node
def one_neuron_for_all(node: Any, dt: float) -> None:
    """Every neuron of a layer has the threshold of the first one."""
    if hasattr(node, "v_threshold") and node.v_threshold.size:
        _fill(node, "v_threshold", node.v_threshold.flat[0])


@on_node
def threshold_at_zero(node: Any, dt: float) -> None:
    """A Threshold node compares with 0."""
    if isinstance(node, nir.Threshold):
        _fill(node, "threshold", 0.0)


@on_node
def scale_squared(node: Any, dt: float) -> None:
    """Scale is applied twice."""
    if isinstance(node, nir.Scale):
        node.scale = node.scale**2


@on_node
def bias_of_affine_dropped(node: Any, dt: float) -> None:
    """Affine does not add its bias."""
    if isinstance(node, nir.Affine):
        _fill(node, "bias", 0.0)


@on_node
def bias_of_convolution_dropped(node: Any, dt: float) -> None:
    """A convolution does not add its bias."""
    if isinstance(node, CONVOLUTIONS):
        _fill(node, "bias", 0.0)


@on_node
def weight_transposed(node: Any, dt: float) -> None:
    """Square weights are transposed."""
    if isinstance(node, nir.Linear | nir.Affine) and node.weight.shape[-1] == node.weight.shape[-2]:
        node.weight = np.swapaxes(node.weight, -1, -2)


@on_node
def kernel_flipped(node: Any, dt: float) -> None:
    """A true convolution instead of a cross-correlation."""
    if isinstance(node, CONVOLUTIONS):
        node.weight = np.flip(node.weight, tuple(range(2, node.weight.ndim)))


@on_node
def dilation_ignored(node: Any, dt: float) -> None:
    """The kernel's elements are adjacent, at the start of the dilated span."""
    if isinstance(node, CONVOLUTIONS):
        kernel = node.weight.shape[2:]
        dilation = np.broadcast_to(node.dilation, len(kernel))
        span = [int(d) * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True)]
        dense = np.zeros((*node.weight.shape[:2], *span), node.weight.dtype)
        dense[(..., *(slice(k) for k in kernel))] = node.weight
        node.weight, node.dilation = dense, 1


@on_node
def groups_ignored(node: Any, dt: float) -> None:
    """Every group of a convolution reads the channels of the first group."""
    if isinstance(node, CONVOLUTIONS):
        out, into, *kernel = node.weight.shape
        full = np.zeros((out, into * node.groups, *kernel), node.weight.dtype)
        full[:, :into] = node.weight
        node.weight, node.groups = full, 1


def _steps(node: nir.Delay, dt: float) -> np.ndarray:
    return np.asarray(node.delay, np.float64) / dt


@on_node
def delay_too_long(node: Any, dt: float) -> None:
    """Every delay is one step too long."""
    if isinstance(node, nir.Delay):
        node.delay = (np.rint(_steps(node, dt)) + 1) * dt


@on_node
def delay_too_short(node: Any, dt: float) -> None:
    """Every delay of two or more steps is one step too short."""
    if isinstance(node, nir.Delay):
        steps = np.rint(_steps(node, dt))
        node.delay = np.where(steps >= 2, steps - 1, steps) * dt


@on_node
def delay_rounded_down(node: Any, dt: float) -> None:
    """Delays are rounded down instead of to the nearest step."""
    if isinstance(node, nir.Delay):
        node.delay = np.floor(_steps(node, dt) * (1 + 1e-9)) * dt


@on_node
def delay_of_half_a_step_rounded_up(node: Any, dt: float) -> None:
    """A delay of n + 1/2 steps is rounded up instead of to even."""
    if isinstance(node, nir.Delay):
        node.delay = np.floor(_steps(node, dt) + 0.5) * dt


@on_node
def delay_of_the_mean(node: Any, dt: float) -> None:
    """All elements are delayed by the mean of the delays."""
    if isinstance(node, nir.Delay) and np.size(node.delay):
        node.delay = np.full_like(node.delay, np.mean(node.delay))
