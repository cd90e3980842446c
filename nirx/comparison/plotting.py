"""A picture of a comparison: spike rasters, membrane potentials, and where they part."""

from __future__ import annotations

import warnings
from io import BytesIO
from typing import Any

import numpy as np

from nirx.comparison.plot_choice import Choice, Raster, choose
from nirx.comparison.plot_frame import (
    ABOVE,
    BELOW,
    DIVERGENCE,
    GAP,
    LEFT,
    Words,
    frame,
    literal,
    short,
)
from nirx.comparison.result import Comparison
from nirx.errors import InputError, UnsupportedError
from nirx.graphs.schedule import Schedule

__all__ = ["check_format", "draw"]

FORMATS = ("png", "pdf", "svg")
RASTER_COLOURS = ("#1f4e79", "#2e7d6b", "#7a4f9a", "#946200")
TRACE_COLOURS = ("#1f4e79", "#e08214", "#35978f", "#9970ab", "#6b6b6b")


def check_format(suffix: str) -> None:
    """Say early whether `draw` can work.

    Arguments:
        suffix: of the file, such as ".png".

    **Raises**: `UnsupportedError` without matplotlib, `InputError` for another suffix.
    """
    if suffix.lower().lstrip(".") not in FORMATS:
        known = ", ".join(f".{f}" for f in FORMATS)
        raise InputError(f"a plot ends in one of {known}; got {suffix!r}")
    _figure_class()


def draw(
    comparison: Comparison, schedule: Schedule, suffix: str = ".png", words: Words | None = None
) -> bytes:
    """Draw a comparison.

    One raster per backend over a few spiking nodes; below, membrane potentials of a few
    neurons, all backends in one panel; a line and circles mark the first divergence. All
    panels share the time axis and show the batch element of the first divergence, or the
    first one where the backends agree.

    Arguments:
        comparison: of `nirx.compare`.
        schedule: of the same graph and discretization.
        suffix: ".png", ".pdf" or ".svg".
        words: of the title, where it is not backends that are compared.

    Returns: the content of the file.

    **Raises**: `UnsupportedError` without matplotlib, `InputError` for another suffix.
    """
    check_format(suffix)
    choice = choose(comparison, schedule)
    names = [comparison.reference, *(o.backend for o in comparison.others)]
    rasters = len(names) if choice.rasters else 0
    tall = 0.4 + 0.6 * len(choice.rasters)
    heights = [tall] * rasters + [1.1] * len(choice.traces) or [1.5]
    whole = sum(heights) + GAP * (len(heights) - 1) + ABOVE + BELOW
    figure = _figure_class()(figsize=(11, whole), dpi=120)
    panels = figure.subplots(
        len(heights), 1, sharex=True, squeeze=False, gridspec_kw={"height_ratios": heights}
    )[:, 0]
    figure.subplots_adjust(
        left=LEFT,
        right=0.98,
        top=1 - ABOVE / whole,
        bottom=BELOW / whole,
        hspace=GAP / (sum(heights) / len(heights)),
    )
    for name, panel in zip(names, panels[:rasters], strict=False):
        _raster(panel, name, comparison, choice)
    for number, panel in enumerate(panels[rasters:][: len(choice.traces)]):
        _trace(panel, names, comparison, choice, number)
    if not choice.rasters and not choice.traces:
        panels[0].text(0.5, 0.5, "nothing was recorded", ha="center", transform=panels[0].transAxes)
    _mark(panels, rasters, comparison, choice)
    frame(figure, panels, comparison, choice, words or Words())
    stream = BytesIO()
    with warnings.catch_warnings():
        # A name may hold characters that no font here has: they are drawn as boxes.
        warnings.filterwarnings("ignore", message="Glyph|Matplotlib currently does not support")
        figure.savefig(stream, format=suffix.lower().lstrip("."))
    return stream.getvalue()


def _figure_class() -> Any:
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise UnsupportedError(
            f'plots need matplotlib ({error}); install it with: pip install "nirx[plot]"'
        ) from error

    class AggFigure(Figure):  # without pyplot: no global state, no window
        def __init__(self, **options: Any):
            super().__init__(**options)
            FigureCanvasAgg(self)

    return AggFigure


def _raster(panel: Any, name: str, comparison: Comparison, choice: Choice) -> None:
    count = len(choice.rasters)
    width = min(max(250 / (choice.stop - choice.start), 0.8), 1.8)
    for number, raster in enumerate(choice.rasters):  # each node a band of the same height
        colour = RASTER_COLOURS[number % len(RASTER_COLOURS)]
        spikes = choice.view(comparison.recordings[name][raster.key])[:, raster.neurons]
        steps, neurons = np.nonzero(spikes > 0)
        low, high = (number + (neurons + part) / len(raster.neurons) for part in (0.1, 0.9))
        panel.vlines(steps + choice.start, low, high, color=colour, lw=width)
        if number:
            panel.axhline(number, color="#c8c8c8", lw=0.7, zorder=0)
    panel.set_ylim(0, count)
    ticks = [number + 0.5 for number in range(count)]
    panel.set_yticks(ticks, [_raster_label(raster) for raster in choice.rasters])
    panel.tick_params(axis="y", length=0)
    for text, number in zip(panel.get_yticklabels(), range(count), strict=True):
        text.set_color(RASTER_COLOURS[number % len(RASTER_COLOURS)])
    literal(*panel.get_yticklabels())
    role = " (reference)" if name == comparison.reference else ""
    literal(panel.set_title(f"spikes, {short(name)}{role}", loc="left", fontsize=10))


def _raster_label(raster: Raster) -> str:
    shown, total = len(raster.neurons), raster.total
    return f"{short(raster.key)}\n" + (
        f"{shown} of {total:,}" if shown < total else f"{total} neuron{'s' * (total != 1)}"
    )


def _trace(
    panel: Any, names: list[str], comparison: Comparison, choice: Choice, number: int
) -> None:
    trace = choice.traces[number]
    steps = np.arange(choice.start, choice.stop)
    for order, name in enumerate(names):
        if trace.key not in comparison.recordings[name]:
            continue
        values = choice.view(comparison.recordings[name][trace.key])[:, trace.neuron]
        # The reference is broad and pale, the others thin and broken: all stay visible.
        style: dict[str, Any] = {"lw": 4.0, "alpha": 0.35, "ls": "-"}
        if order:
            style = {"lw": 1.3, "ls": ("-", (0, (4, 2)), (0, (1, 1.5)))[(order - 1) % 3]}
        colour = TRACE_COLOURS[order % len(TRACE_COLOURS)]
        (line,) = panel.plot(steps, values, color=colour, **style)
        line.set_label(short(name).lstrip("_") or name)
    panel.margins(y=0.12)
    where = ", ".join(map(str, trace.index))
    title = f"{short(trace.key)}[{where}]" if where else short(trace.key)
    if trace.key.endswith(".v"):
        title = f"membrane potential, {title}"
    literal(panel.set_title(title, loc="left", fontsize=10))


def _mark(panels: Any, rasters: int, comparison: Comparison, choice: Choice) -> None:
    first = comparison.first_divergence
    if first is None or choice.stop == choice.start:
        return
    for panel in panels:
        panel.axvline(first.step, color=DIVERGENCE, lw=1.1, ls=(0, (5, 2)), zorder=3)
    circle = {
        "marker": "o", "s": 150, "facecolors": "none", "edgecolors": DIVERGENCE, "lw": 1.6,
        "zorder": 5, "clip_on": False,
    }  # fmt: skip
    height = choice.raster_height(first)
    parted = [o.first_divergence == first for o in comparison.others]
    for panel, own in zip(panels[:rasters], [True, *parted], strict=True):
        if height is not None and own:
            panel.scatter([first.step], [height], **circle)
    for panel, trace in zip(panels[rasters:], choice.traces, strict=False):
        if choice.is_at(trace, first):
            panel.scatter([first.step, first.step], [first.reference, first.other], **circle)
