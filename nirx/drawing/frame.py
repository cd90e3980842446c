"""What stands around the panels of a plot: title, axes, legend."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nirx.basics.printable import printable
from nirx.comparison.result import Comparison
from nirx.drawing.choice import Choice

__all__ = ["DIVERGENCE", "STYLE", "Words", "frame", "header_height", "short"]

DIVERGENCE = "#d7191c"
LONGEST_NAME = 32
STYLE: Any = {
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 10,
    "figure.constrained_layout.h_pad": 0.06,
    "figure.constrained_layout.w_pad": 0.12,
    "legend.fontsize": 9,
    "legend.frameon": False,
    "legend.title_fontsize": 9,
    "text.parse_math": False,  # a "$" in a name is not a formula
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
}
"""Matplotlib's settings while a plot is drawn."""


@dataclass(frozen=True)
class Words:
    """What the title says.

    Arguments:
        agree, diverge: of a comparison without and with a divergence.
        agreement: how far they agree; empty for the comparison's own tolerance.
    """

    agree: str = "all backends agree"
    diverge: str = "the backends diverge"
    agreement: str = ""


def short(name: object) -> str:
    """A name that fits beside a panel: its end is kept."""
    text = printable(name)
    return text if len(text) <= LONGEST_NAME else "…" + text[1 - LONGEST_NAME :]


def header_height(names: list[str]) -> float:
    """Inches for title, subtitle and a legend of backends."""
    return 0.45 + 0.18 * -(-len(names) // _columns(list(map(short, names))))


def _columns(labels: list[str]) -> int:
    return max(1, 110 // (max(map(len, labels), default=0) + 8))


def frame(
    header: Any, panels: list[Any], comparison: Comparison, choice: Choice, words: Words
) -> None:
    """Axes, title, a description of the divergence, and the legend."""
    panels[-1].xaxis.get_major_locator().set_params(integer=True)
    panels[-1].set_xlim(choice.start - 0.5, max(choice.stop, choice.start + 1) - 0.5)
    panels[-1].set_xlabel(f"step (dt = {comparison.discretization.dt:g})")
    first = comparison.first_divergence
    title, colour = words.agree, "#1b7837"
    if first is not None:
        title, colour = f"{words.diverge} at step {first.step}", DIVERGENCE
    elif not choice.rasters and not choice.traces:
        title, colour = "nothing to compare", "#444444"
    lines = {line.get_label(): line for panel in panels for line in panel.lines}
    named = [line for label, line in lines.items() if not label.startswith("_")]
    legend = header.legend(
        handles=named, ncols=_columns([line.get_label() for line in named]), loc="lower left",
        title=_subtitle(comparison, choice, words), alignment="left", borderpad=0, borderaxespad=0,
    )  # fmt: skip
    legend.set_in_layout(False)
    header.text(
        0, 1, title, va="top", transform=header.transAxes, in_layout=False,
        fontsize=13, weight="bold", color=colour,
    )  # fmt: skip
    header.axis("off")


def _subtitle(comparison: Comparison, choice: Choice, words: Words) -> str:
    first = comparison.first_divergence
    if first is not None:
        index = ", ".join(map(str, first.index))
        values = f"{first.reference:.7g} against {first.other:.7g}"
        parts = [f"first in {short(first.node)}[{index}]: {values}"]
    elif words.agreement:
        parts = [words.agreement]
    elif comparison.bitwise:
        parts = ["every recorded number is bit-equal"]
    else:
        largest = "each node's largest magnitude"
        parts = [f"all spikes equal, values within {comparison.tolerance:g} of {largest}"]
    if choice.batch:
        parts.append(f"batch element {', '.join(map(str, choice.batch))}")
    if choice.stop - choice.start < choice.steps:
        parts.append(f"steps {choice.start} to {choice.stop - 1} of {choice.steps:,}")
    return "; ".join(parts)
