"""What stands around the panels of a plot: title, axes, legend."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nirx.basics.printable import printable
from nirx.comparison.divergence import Divergence
from nirx.comparison.plot_choice import Choice
from nirx.comparison.result import Comparison

__all__ = ["ABOVE", "BELOW", "DIVERGENCE", "GAP", "LEFT", "Words", "frame", "literal", "short"]

DIVERGENCE = "#d7191c"
LONGEST_NAME = 32
LEFT = 0.16
ABOVE, BELOW, GAP = 1.0, 0.6, 0.42
"""Inches above, below and between the panels."""


@dataclass(frozen=True)
class Words:
    """What the title says.

    Arguments:
        agree, part: of a comparison without and with a divergence.
        agreement: how far they agree; empty: by the comparison's own tolerance.
    """

    agree: str = "all backends agree"
    part: str = "the backends part"
    agreement: str = ""


def short(name: object) -> str:
    """A name that fits beside a panel: its end is kept."""
    text = printable(name)
    return text if len(text) <= LONGEST_NAME else "…" + text[1 - LONGEST_NAME :]


def literal(*texts: Any) -> None:
    """Text as it is: a "$" in a name is no formula."""
    for text in texts:
        text.set_parse_math(False)


def frame(figure: Any, panels: Any, comparison: Comparison, choice: Choice, words: Words) -> None:
    """Axes, title, what there is to say of the divergence, and the legend."""
    for panel in panels:
        panel.spines[["top", "right"]].set_visible(False)
        panel.tick_params(labelsize=8.5)
        panel.xaxis.get_major_locator().set_params(integer=True)
    panels[-1].set_xlim(choice.start - 0.5, max(choice.stop, choice.start + 1) - 0.5)
    panels[-1].set_xlabel(f"step (dt = {comparison.discretization.dt:g})")
    height = figure.get_figheight()
    first = comparison.first_divergence
    title, colour = words.agree, "#1b7837"
    if first is not None:
        title, colour = f"{words.part} at step {first.step}", DIVERGENCE
    elif not choice.rasters and not choice.traces:
        title, colour = "nothing to compare", "#444444"
    figure.text(LEFT, 1 - 0.30 / height, title, fontsize=13, weight="bold", color=colour)
    literal(
        figure.text(
            LEFT,
            1 - 0.53 / height,
            _subtitle(comparison, choice, first, words),
            fontsize=9,
            color="#444",
        )
    )
    handles = next((p.get_legend_handles_labels() for p in panels[::-1] if p.lines), ([], []))
    named = [(h, t) for h, t in zip(*handles, strict=True) if not t.startswith("_")]
    if named:
        legend = figure.legend(
            [h for h, _ in named], [t for _, t in named], loc="upper right", fontsize=9,
            bbox_to_anchor=(0.985, 1 - 0.1 / height), ncols=len(named), frameon=False,
        )  # fmt: skip
        literal(*legend.get_texts())


def _subtitle(
    comparison: Comparison, choice: Choice, first: Divergence | None, words: Words
) -> str:
    parts = []
    if first is not None:
        index = ", ".join(map(str, first.index))
        parts.append(
            f"first in {short(first.node)}[{index}]: {first.reference:.7g} against "
            f"{first.other:.7g}"
        )
    elif words.agreement:
        parts.append(words.agreement)
    elif comparison.bitwise:
        parts.append("every recorded number is bit-equal")
    else:
        parts.append(
            f"all spikes equal, values within {comparison.tolerance:g} of each node's largest"
        )
    if choice.batch:
        parts.append(f"batch element {', '.join(map(str, choice.batch))}")
    if choice.stop - choice.start < choice.steps:
        parts.append(f"steps {choice.start} to {choice.stop - 1} of {choice.steps:,}")
    return "; ".join(parts)
