"""The plot of a failure, as SVG that can share an HTML page with many others.

It contains no text from a case: names appear in the page, where they are escaped.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from io import BytesIO
from typing import Any
from xml.etree import ElementTree

import numpy as np

__all__ = ["can_draw", "draw"]

COLOURS = {
    "#1f4e79": "var(--expected)",
    "#e08214": "var(--found)",
    "#d7191c": "var(--divergence)",
    "#333333": "var(--ink)",
    "#999999": "var(--line)",
}
"""Matplotlib's colours and the page's variables for them, for light and dark mode."""

EXPECTED, FOUND, DIVERGENCE, INK, LINE = COLOURS

SETTINGS: dict[Any, Any] = {
    "svg.fonttype": "none",  # text stays text: smaller, and the page's own font
    "svg.hashsalt": "nirx",  # else ids differ from run to run
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 8.5,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": LINE,
    "xtick.color": INK,
    "ytick.color": INK,
    "text.parse_math": False,
    "path.simplify": False,
}

LARGEST = 1e300
"""Matplotlib's arithmetic overflows beyond it; such values are drawn at the edge."""


def can_draw() -> bool:
    """Whether matplotlib is installed."""
    try:
        import matplotlib.figure  # noqa: F401  # pyright: ignore[reportUnusedImport]
    except ImportError:
        return False
    return True


def draw(plot: Mapping[str, Any], prefix: str) -> str:
    """Draw both traces around the first divergence, and mark it.

    Arguments:
        plot: of a `Result`: step, from, expected and found.
        prefix: makes the ids in the SVG unique in the page.

    Returns: one `<svg>` element, without namespaces, with the page's variables as colours.
    """
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    sides = [_drawable(plot[side]) for side in ("expected", "found")]
    stream = BytesIO()
    with matplotlib.rc_context(SETTINGS), warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # about ranges near the limits of float64
        spikes = all(np.isin(side, (0.0, 1.0)).all() for side in sides)
        figure = Figure(figsize=(6.4, 1.7 if spikes else 2.5))
        FigureCanvasSVG(figure)  # without pyplot: no global state, no window
        _panels(figure, plot, sides[0], sides[1], spikes)
        figure.savefig(stream, format="svg", transparent=True)
    return _for_page(stream.getvalue(), prefix)


def _panels(figure: Any, plot: Mapping[str, Any], ours: Any, theirs: Any, spikes: bool) -> None:
    """Both traces; below, unless they are spikes, their difference."""
    heights = [1] if spikes else [2, 1]
    panels = figure.subplots(
        len(heights), 1, sharex=True, squeeze=False, gridspec_kw={"height_ratios": heights}
    )[:, 0]
    figure.subplots_adjust(left=0.13, right=0.98, top=0.88, bottom=0.18, hspace=0.25)
    steps, first = np.arange(plot["from"], plot["from"] + len(ours)), plot["step"]
    style = "steps-mid" if spikes else "default"
    # Expected is wide and pale, found is thin and dashed, so that both stay visible.
    panels[0].plot(steps, ours, color=EXPECTED, lw=4, alpha=0.45, label="expected", drawstyle=style)
    panels[0].plot(
        steps, theirs, color=FOUND, lw=1.6, ls=(0, (3, 1.5)), label="found", drawstyle=style
    )
    if not spikes:
        panels[1].plot(steps, theirs - ours, color=INK, lw=1)
        panels[1].set_ylabel("difference")
    at = first - plot["from"]
    circles = panels[0].plot(
        [first, first], [ours[at], theirs[at]], ls="", marker="o", ms=9, mfc="none",
        mec=DIVERGENCE, mew=1.5, label="first divergence", clip_on=False, zorder=5,
    )  # fmt: skip
    for panel in panels:
        panel.axvline(first, color=DIVERGENCE, lw=1.1, ls=(0, (1, 1.5)), zorder=1)
        panel.spines[["top", "right"]].set_visible(False)
        panel.margins(y=0.15)
        panel.locator_params(axis="y", nbins=4)
        panel.xaxis.get_major_locator().set_params(integer=True)
    handles = [*panels[0].lines[:2], *circles]
    figure.legend(handles=handles, loc="upper right", ncols=3, frameon=False, fontsize=8.5)
    panels[-1].set_xlim(steps[0] - 0.5, steps[-1] + 0.5)
    panels[-1].set_xlabel("step")


def _drawable(values: Any) -> np.ndarray:
    found = np.asarray(values, np.float64)
    return np.clip(np.where(np.isfinite(found), found, np.nan), -LARGEST, LARGEST)


def _for_page(svg: bytes, prefix: str) -> str:
    """Without what HTML does not need, and with ids unique to the figure."""
    root = ElementTree.fromstring(svg)
    used = set(re.findall(r'(?:url\(|href=")#([^)"]+)', svg.decode()))
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag.endswith(("}metadata", "}style")):  # a style would affect the whole page
                parent.remove(child)
    for element in root.iter():
        element.tag = element.tag.partition("}")[2]
        element.attrib = {
            name.rpartition("}")[2]: _own(name, value, prefix)
            for name, value in element.attrib.items()
            if name != "id" or value in used
        }
    box = root.attrib["viewBox"]
    root.attrib = {"viewBox": box, "aria-hidden": "true", "focusable": "false"}
    return ElementTree.tostring(root, encoding="unicode")


def _own(name: str, value: str, prefix: str) -> str:
    if name == "id":
        return f"{prefix}-{value}"
    if name == "style":
        for fixed, variable in COLOURS.items():
            value = value.replace(fixed, variable)
    if name in ("d", "x", "y", "transform"):  # a hundredth of a point is enough
        return re.sub(r"(\.\d\d)\d+", r"\1", value)
    if name.endswith("}href"):
        return value.replace("#", f"#{prefix}-", 1)
    return value.replace("url(#", f"url(#{prefix}-")
