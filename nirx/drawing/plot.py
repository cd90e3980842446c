"""Plots of recordings of any backend, on matplotlib axes.

Every function takes NumPy arrays, tensors or JAX arrays as `net.run(..., record=...)` returns them,
and `ax=`, the axes to draw on (None: new ones), and returns the axes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nirx.basics.foreign_arrays import numbers
from nirx.basics.printable import brief
from nirx.comparison.result import Comparison
from nirx.drawing.frame import DIVERGENCE, STYLE, short
from nirx.drawing.marks import COLOURS, require_matplotlib, spike_strokes, value_line
from nirx.errors import InputError, did_you_mean

__all__ = ["divergence", "membrane", "raster", "rates", "weights"]

AROUND = 50
"""Steps before and after a divergence."""


def raster(
    spikes: Any,
    *,
    ax: Any = None,
    sample: int | tuple[int, ...] | None = None,
    dt: float | None = None,
    unit: str = "s",
    color: str = COLOURS[0],
) -> Any:
    """A stroke for each spike: time to the right, neurons upwards.

    Arguments:
        spikes: [time, *batch, *features].
        ax: matplotlib axes; None for new ones.
        sample: which element of the batch; None for a recording without batch axes (else all of
            it is drawn, sample after sample).
        dt: length of a step, so that the axis is time; None for an axis in steps.
        unit: of dt.
        color: of the strokes.

    Returns: the axes.

    **Raises**: `InputError` if it is no recording, `UnsupportedError` without matplotlib.
    """
    array = _recording(spikes, sample, "spikes")
    ax = _axes(ax)
    spike_strokes(ax, array, _times(ax, array, dt, unit), -0.5, array.shape[1], color=color, lw=1.0)
    ax.set_ylim(-0.5, max(1, array.shape[1]) - 0.5)
    ax.yaxis.get_major_locator().set_params(integer=True)
    ax.set_ylabel("neuron")
    return ax


def membrane(
    values: Any,
    *,
    ax: Any = None,
    neurons: Sequence[int] = (0,),
    sample: int | tuple[int, ...] | None = None,
    dt: float | None = None,
    unit: str = "s",
    threshold: float | None = None,
    label: str = "",
) -> Any:
    """Membrane potentials, or other values, over time.

    Arguments:
        values: [time, *batch, *features].
        ax, sample, dt, unit: as in `raster`.
        neurons: flat indices in the features.
        threshold: draws a dashed line there.
        label: names the lines in a legend, with the neuron's index.

    Returns: the axes.

    **Raises**: `InputError` if it is no recording or lacks a neuron, `UnsupportedError` without
    matplotlib.
    """
    array = _recording(values, sample, "values")
    for neuron in neurons:
        if not 0 <= neuron < array.shape[1]:
            found = f"neuron {neuron}"
            raise InputError(f"neurons: {found}; expected 0 to {array.shape[1] - 1}")
    ax = _axes(ax)
    times, before = _times(ax, array, dt, unit), len(ax.lines)
    for number, neuron in enumerate(neurons, start=before):
        name = f"{label} [{neuron}]" if label else f"neuron {neuron}"
        colour = COLOURS[number % len(COLOURS)]
        value_line(ax, array[:, neuron], times, color=colour, lw=1.3, label=name)
    if threshold is not None:
        ax.axhline(threshold, color="#6b6b6b", lw=1.0, ls="--", label="threshold")
    ax.set_ylabel("membrane potential (unit of the threshold)")
    ax.legend()
    return ax


def divergence(comparison: Comparison, *, ax: Any = None, key: str | None = None) -> Any:
    """Both sides of the first divergence, in the steps around it, with a mark.

    Arguments:
        comparison: of `nirx.compare`, or `Move.comparison`.
        ax: matplotlib axes; None for new ones.
        key: another recording of the same element, such as `"lif.v"` where the spikes of `"lif"`
            diverge; None for the recording that diverges.

    Returns: the axes; where all agree, they say so.

    **Raises**: `InputError` for a key that was not recorded, `UnsupportedError` without
    matplotlib.
    """
    first = comparison.first_divergence
    ax = _axes(ax)
    if first is None:
        ax.text(0.5, 0.5, "all agree", ha="center", transform=ax.transAxes)
        return ax
    name = first.node if key is None else key
    recorded = comparison.recordings[comparison.reference]
    if name not in recorded:
        raise InputError(f"key={name!r} was not recorded; {did_you_mean(str(name), recorded)}")
    start = max(0, first.step - AROUND)
    diverging = [o.backend for o in comparison.others if o.first_divergence == first]
    for number, backend in enumerate([comparison.reference, *diverging]):
        array = np.asarray(comparison.recordings[backend][name])[start : first.step + AROUND + 1]
        if array.shape[1:] != recorded[first.node].shape[1:]:
            raise InputError(f"key={name!r} has another shape than {first.node!r}, which diverges")
        style = {"lw": 4.0, "alpha": 0.4} if not number else {"lw": 1.3, "ls": "--"}
        times, values = np.arange(start, start + len(array)), array[(slice(None), *first.index)]
        value_line(ax, values, times, color=COLOURS[number], label=short(backend), **style)
    ax.axvline(first.step, color=DIVERGENCE, lw=1.1, ls=(0, (5, 2)), label="first divergence")
    ax.set_xlabel(f"step (dt = {comparison.discretization.dt:g})")
    ax.set_ylabel(f"{short(name)}[{', '.join(map(str, first.index))}]")
    ax.legend()
    return ax


def weights(weight: Any, *, ax: Any = None) -> Any:
    """A weight as a picture: a row per output, white at 0.

    Arguments:
        weight: an array [outputs, ...], or a NIR node that has one; further axes, such as those of
            a kernel, are laid side by side.
        ax: matplotlib axes; None for new ones.

    Returns: the axes.

    **Raises**: `InputError` if there is no weight, `UnsupportedError` without matplotlib.
    """
    array = numbers(getattr(weight, "weight", weight), "weight")
    if array.ndim < 2 or not array.size:
        raise InputError(f"weight: {brief(array)}; expected [outputs, inputs, ...]")
    ax = _axes(ax)
    largest = float(np.abs(array[np.isfinite(array)]).max(initial=0.0)) or 1.0
    flat = array.reshape(len(array), -1)
    image = ax.imshow(
        flat, cmap="PuOr", vmin=-largest, vmax=largest, aspect="auto", interpolation="nearest"
    )
    ax.figure.colorbar(image, ax=ax, label="weight")
    ax.set_xlabel("input")
    ax.set_ylabel("output")
    return ax


def rates(recordings: Any, *, ax: Any = None, dt: float | None = None, unit: str = "Hz") -> Any:
    """Mean rate of each layer, as bars.

    Arguments:
        recordings: spikes by name, {name: [time, *batch, *features]}, or a `Comparison`, whose
            backends stand side by side.
        ax: matplotlib axes; None for new ones.
        dt: length of a step in seconds, so that rates are per second; None for spikes per neuron
            and step.
        unit: of the rate, where dt is given in another unit than seconds.

    Returns: the axes.

    **Raises**: `InputError` if there is no recording, `UnsupportedError` without matplotlib.
    """
    if isinstance(recordings, Comparison):
        sides = recordings.rates
    elif isinstance(recordings, Mapping):
        own = {str(k): numbers(a, f"recordings[{k!r}]") for k, a in recordings.items()}
        sides = {"": {k: float(a.mean()) if a.size else 0.0 for k, a in own.items()}}
    else:
        raise InputError(f"recordings: {brief(recordings)}; expected a dict or a Comparison")
    names = list(dict.fromkeys(name for own in sides.values() for name in own))
    if not names:
        raise InputError("recordings: there is none; record a layer that spikes")
    ax = _axes(ax)
    places, height = np.arange(len(names)), 0.8 / len(sides)
    for number, (side, own) in enumerate(sides.items()):
        values = [own.get(name, 0.0) / (dt or 1.0) for name in names]
        at = places + height * (number - (len(sides) - 1) / 2)
        ax.barh(at, values, height, color=COLOURS[number % len(COLOURS)], label=short(side))
    ax.set_yticks(places, [short(name) for name in names])
    ax.invert_yaxis()
    ax.set_xlabel("spikes per neuron and step" if dt is None else f"rate ({unit})")
    if len(sides) > 1:
        ax.legend()
    return ax


def _axes(ax: Any) -> Any:
    require_matplotlib()
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    with plt.rc_context(STYLE):
        return plt.subplots()[1]


def _recording(value: Any, sample: int | tuple[int, ...] | None, what: str) -> np.ndarray:
    """[time, neuron] of one sample."""
    array = numbers(value, what)
    if array.ndim == 0:
        raise InputError(f"{what}: a single number; expected [time, *batch, *features]")
    if sample is not None:
        try:
            array = array[(slice(None), *np.atleast_1d(sample))]
        except IndexError as error:
            raise InputError(f"sample={sample!r}: {what} has shape {array.shape}") from error
    return array.reshape(len(array), int(np.prod(array.shape[1:], dtype=int)))


def _times(ax: Any, array: np.ndarray, dt: float | None, unit: str) -> np.ndarray:
    """The times of the steps; the axis is named."""
    steps = np.arange(len(array))
    if dt is None:
        ax.set_xlabel("step")
        ax.xaxis.get_major_locator().set_params(integer=True)
        return steps
    ax.set_xlabel(f"time ({unit})")
    return steps * dt
