"""A verification as a table with one row per recording, then where and how it fails."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from rich.table import Table

from nirx.basics.name_list import MOST_NAMES, name_list
from nirx.basics.printable import printable
from nirx.basics.tables import MOST_ROWS, cell
from nirx.verification.tolerance import units_text

if TYPE_CHECKING:
    from nirx.comparison.divergence import Divergence
    from nirx.verification.result import NodeVerdict, Verification

__all__ = ["percent", "place_text", "remarks", "verdict_table"]


def verdict_table(found: Verification) -> Table:
    """One row per recording."""
    table = Table(title=cell(f"{found.observed} against {found.reference}"), title_justify="left")
    for heading in ("recorded", "verdict", "from step", "differing", "of", "what"):
        numbers = heading in ("from step", "differing", "of")
        table.add_column(heading, justify="right" if numbers else "left")
    for node in found.nodes[:MOST_ROWS]:
        first = node.first_divergence
        table.add_row(
            cell(node.key + " (spikes)" * node.spikes),
            "FAILS" if node.verdict == "fails" else node.verdict,
            "" if first is None else str(first.step),
            f"{node.differing:,}",
            f"{node.elements:,}",
            cell(_what(node)),
        )
    if len(found.nodes) > MOST_ROWS:
        table.add_row(f"... and {len(found.nodes) - MOST_ROWS} more", "", "", "", "", "")
    return table


def remarks(found: Verification) -> list[str]:
    """Where the recording first differs, and what was and was not compared."""
    lines: list[object] = []
    if found.first_divergence is not None:
        first = found.first_divergence
        jitter, units = found.tolerance.jitter, found[first.node].units
        place = place_text(first, found.batch_axes, jitter, units)
        lines.append(f"first diverges at {place}")
    kinds = [f"{n.key}: {n.kind}" for n in found.nodes if n.kind and _says_why(n, found)]
    at_ends = [
        f"{node.key}: {node.at_ends:,} at the ends without a partner, not counted"
        for node in found.nodes
        if node.at_ends
    ]
    lines += [*kinds[:MOST_ROWS], *at_ends[:MOST_ROWS]]
    lines += _rounding(found)
    lines += found.why
    if found.not_observed:
        lines.append(f"not observed: {name_list(found.not_observed)}")
    lines += found.notes
    if said := found.silence.text():
        lines.append(said)
    part = "the first " if found.partial else ""
    samples = f"{found.samples} sample{'s' * (found.samples != 1)}"
    lines.append(f"compared: {part}{found.steps:,} steps of {samples}")
    lines.append(f"allowed: {found.tolerance}")
    lines.append(f"reference: SHA-256 {found.digest}")
    lines.append(f"verdict: {found.verdict}")
    return [printable(line) for line in lines]


def _says_why(node: NodeVerdict, found: Verification) -> bool:
    """Whether its `kind` is worth a sentence: the spikes of no other node explain it."""
    if not node.spikes or node.follows is None or node.follows.startswith(f"{node.key}."):
        return True
    return found[node.follows].off_by_rounding


def _rounding(found: Verification) -> list[str]:
    """A sentence on what is only off by the rounding of float32, with options that allow it."""
    off = [node for node in found.nodes if node.off_by_rounding]
    if not off:
        return []
    worst = max(off, key=lambda node: node.error / node.largest)
    verb, most = ("is", "") if len(off) == 1 else ("are", " at most")
    error = max(node.error for node in off) / (found.tolerance.membrane or 1)
    size = f"1e{math.ceil(math.log10(error))}"
    flags, python = f"--lsb {size} --membrane 1", f"lsb={size}, membrane=1"
    if found.tolerance.membrane:  # one size for all would also replace the sizes that were given
        keys = [node.key for node in off[:MOST_NAMES]]
        flags = " ".join(f"--lsb {key}={size}" for key in keys)
        python = f"lsb={{{', '.join(f'{key!r}: {size}' for key in keys)}}}"
    return [
        f"{name_list(node.key for node in off)} {verb} off by rounding only "
        f"({worst.error:.2g} of {worst.largest:.2g}{most}); "
        f"allow it with {flags} (Python: {python})"
    ]


def _what(node: NodeVerdict) -> str:
    if node.verdict == "exact":
        return ""
    text = _of_spikes(node) if node.spikes else _of_values(node)
    return text if node.follows is None else f"follows {node.follows}; {text}"


def _of_spikes(node: NodeVerdict) -> str:
    rate = f"rates {percent(node.rate_error)} off at most"
    if math.isinf(node.rate_error):
        rate = "a neuron spikes that should be silent"
    alone = f"{node.missing:,} missing, {node.extra:,} too many of {node.expected:,}"
    if node.by == "jitter":
        moved = f"spikes off by {node.jitter} step{'s' * (node.jitter != 1)} at most"
        ends = f"{node.at_ends:,} spike{'s' * (node.at_ends != 1)} at the ends not counted"
        return "; ".join([moved] * bool(node.jitter) + [ends] * bool(node.at_ends))
    if node.by == "rate":
        return f"passes by its rates only: {rate}; {alone}"
    return f"{node.kind}; {rate}" if node.missing + node.extra < 2 else f"{alone}; {rate}"


def _of_values(node: NodeVerdict) -> str:
    if node.units:
        return f"off by {units_text(node.error)} at most"
    text = f"off by {node.error:.4g} at most"
    return text if node.lsb_error is None else f"{text}, {node.lsb_error:.4g} LSB"


def place_text(found: Divergence, batch_axes: int, jitter: int, units: bool = False) -> str:
    """`"step 14, lif2, sample 1, neuron 0: reference 1, observed 0"`.

    Arguments:
        batch_axes: how many of the first axes of its index are samples.
        jitter: steps that a spike may be early or late.
        units: whether the values are the integers of a chip: `"it is 127, expected 128: 1 unit"`.
    """
    parts = [f"step {found.step}", found.node]
    axes = {"sample": found.index[:batch_axes], "neuron": found.index[batch_axes:]}
    parts += [f"{what} {own[0] if len(own) == 1 else own}" for what, own in axes.items() if own]
    expected, own = _number(found.reference), _number(found.other)
    if units:
        off = units_text(abs(found.other - found.reference))
        return f"{', '.join(parts)}: it is {own}, expected {expected}: {off}"
    values = f"reference {expected}, observed {own}"
    text = f"{', '.join(parts)}: {values}"
    if jitter and found.reference == found.other:
        text += " (the partner of an earlier spike)"
    return text


def percent(share: float) -> str:
    """`"52 %"`, `"0.04 %"`."""
    return f"{100 * share:,.0f} %" if share >= 0.1 else f"{100 * share:.2g} %"


def _number(value: float) -> str:
    """As few digits as identify the value; float32 values in their own digits."""
    if value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    with np.errstate(over="ignore"):
        single = np.float32(value)
    return str(single) if float(single) == value else repr(value)
