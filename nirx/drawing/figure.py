"""A picture of a comparison: spike rasters, membrane potentials, and where they diverge."""

from __future__ import annotations

import warnings
from io import BytesIO
from typing import Any

import numpy as np

from nirx.comparison.result import Comparison
from nirx.drawing.choice import Choice, Raster, Trace, choose
from nirx.drawing.frame import DIVERGENCE, STYLE, Words, frame, header_height, short
from nirx.drawing.marks import require_matplotlib, spike_strokes, value_line
from nirx.errors import InputError
from nirx.graphs.schedule import Schedule

__all__ = ["check_format", "draw"]

FORMATS = ("png", "pdf", "svg")
RASTER_COLOURS = ("#1f4e79", "#2e7d6b", "#7a4f9a", "#946200")
TRACE_COLOURS = ("#1f4e79", "#e08214", "#35978f", "#9970ab", "#6b6b6b")


def check_format(suffix: str) -> None:
    """Fail early if `draw` cannot work.

    Arguments:
        suffix: of the file, such as ".png".

    **Raises**: `UnsupportedError` without matplotlib, `InputError` for another suffix.
    """
    if suffix.lower().lstrip(".") not in FORMATS:
        known = ", ".join(f".{f}" for f in FORMATS)
        raise InputError(f"a plot ends in one of {known}; got {suffix!r}")
    require_matplotlib()


def draw(
    comparison: Comparison, schedule: Schedule, suffix: str = ".png", words: Words | None = None
) -> bytes:
    """Draw a comparison.

    One raster per backend over a few spiking nodes; below, membrane potentials of a few
    neurons, all backends in one panel; a line and circles mark the first divergence. All
    panels share the time axis and show the batch element of the first divergence, or the
    first one if the backends agree.

    Arguments:
        comparison: of `nirx.compare`.
        schedule: of the same graph and discretization.
        suffix: ".png", ".pdf" or ".svg".
        words: of the title, if something other than backends is compared.

    Returns: the content of the file.

    **Raises**: `UnsupportedError` without matplotlib, `InputError` for another suffix.
    """
    check_format(suffix)
    import matplotlib

    stream = BytesIO()
    with warnings.catch_warnings(), matplotlib.rc_context(STYLE):
        # A name may hold characters that no font here has: they are drawn as boxes.
        warnings.filterwarnings("ignore", message="Glyph|Matplotlib currently does not support")
        figure = _figure(comparison, choose(comparison, schedule), words or Words())
        figure.savefig(stream, format=suffix.lower().lstrip("."))
    return stream.getvalue()


def _figure(comparison: Comparison, choice: Choice, words: Words) -> Any:
    from matplotlib.figure import Figure  # not pyplot: it keeps figures and may open windows

    names = [comparison.reference, *(o.backend for o in comparison.others)]
    rasters = len(names) if choice.rasters else 0
    heights = [0.4 + 0.6 * len(choice.rasters)] * rasters + [1.1] * len(choice.traces) or [1.5]
    heights.insert(0, header_height(names))
    figure = Figure((11, sum(heights) + 0.35 * len(heights)), dpi=120, layout="constrained")
    header, *panels = figure.subplots(
        len(heights), sharex=True, gridspec_kw={"height_ratios": heights}
    )
    for name, panel in zip(names, panels[:rasters], strict=False):
        _raster(panel, name, comparison, choice)
    for trace, panel in zip(choice.traces, panels[rasters:], strict=False):
        _trace(panel, names, comparison, choice, trace)
    if not choice.rasters and not choice.traces:
        panels[0].text(0.5, 0.5, "nothing was recorded", ha="center", transform=panels[0].transAxes)
    _mark(panels, rasters, comparison, choice)
    frame(header, panels, comparison, choice, words)
    return figure


def _raster(panel: Any, name: str, comparison: Comparison, choice: Choice) -> None:
    width = min(max(250 / (choice.stop - choice.start), 0.8), 1.8)
    steps = np.arange(choice.start, choice.stop)
    for number, raster in enumerate(choice.rasters):  # each node a band of the same height
        colour = RASTER_COLOURS[number % len(RASTER_COLOURS)]
        spikes = choice.view(comparison.recordings[name][raster.key])[:, raster.neurons]
        spike_strokes(panel, spikes, steps, number, 1, color=colour, lw=width)
        if number:
            panel.axhline(number, color="#c8c8c8", lw=0.7, zorder=0)
    count = len(choice.rasters)
    panel.set_ylim(0, count)
    panel.set_yticks(np.arange(count) + 0.5, [_raster_label(raster) for raster in choice.rasters])
    panel.tick_params(axis="y", length=0)
    for text, colour in zip(panel.get_yticklabels(), RASTER_COLOURS, strict=False):
        text.set_color(colour)
    role = " (reference)" if name == comparison.reference else ""
    panel.set_title(f"spikes, {short(name)}{role}")


def _raster_label(raster: Raster) -> str:
    shown, total = len(raster.neurons), raster.total
    return f"{short(raster.key)}\n" + (
        f"{shown} of {total:,}" if shown < total else f"{total} neuron{'s' * (total != 1)}"
    )


def _trace(
    panel: Any, names: list[str], comparison: Comparison, choice: Choice, trace: Trace
) -> None:
    steps = np.arange(choice.start, choice.stop)
    for order, name in enumerate(names):
        if trace.key not in comparison.recordings[name]:
            continue
        values = choice.view(comparison.recordings[name][trace.key])[:, trace.neuron]
        # The reference is broad and pale, the others thin and dashed: all stay visible.
        style: dict[str, Any] = {"lw": 4.0, "alpha": 0.35, "ls": "-"}
        if order:
            style = {"lw": 1.3, "ls": ("-", (0, (4, 2)), (0, (1, 1.5)))[(order - 1) % 3]}
        colour = TRACE_COLOURS[order % len(TRACE_COLOURS)]
        label = short(name).lstrip("_") or name
        value_line(panel, values, steps, color=colour, label=label, **style)
    panel.margins(y=0.12)
    where = ", ".join(map(str, trace.index))
    title = f"{short(trace.key)}[{where}]" if where else short(trace.key)
    panel.set_title(f"membrane potential, {title}" if trace.key.endswith(".v") else title)


def _mark(panels: list[Any], rasters: int, comparison: Comparison, choice: Choice) -> None:
    first = comparison.first_divergence
    if first is None or choice.stop == choice.start:
        return
    for panel in panels:
        panel.axvline(first.step, color=DIVERGENCE, lw=1.1, ls=(0, (5, 2)), zorder=3)
    circle = {
        "marker": "o", "s": 150, "facecolors": "none", "edgecolors": DIVERGENCE, "lw": 1.6,
        "zorder": 5, "clip_on": False,
    }  # fmt: skip
    height = choice.raster_height()
    diverging = [True, *(o.first_divergence == first for o in comparison.others)]
    for panel, own in zip(panels[:rasters], diverging, strict=False):
        if height is not None and own:
            panel.scatter([first.step], [height], **circle)
    for panel, trace in zip(panels[rasters:], choice.traces, strict=False):
        if choice.is_at(trace):
            panel.scatter([first.step, first.step], [first.reference, first.other], **circle)
