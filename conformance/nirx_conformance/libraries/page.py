"""The matrix as Markdown, for docs/libraries.md."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

from nirx_conformance.libraries.matrix import COLUMNS, Measured
from nirx_conformance.libraries.rows import ROWS
from nirx_conformance.libraries.verdict import Outcome, Verdict

__all__ = ["COMMAND", "HEADINGS", "SECTION", "summary", "text"]

SECTION = "libraries"

COMMAND = ".venv-libraries/bin/python -m nirx_conformance.libraries --page docs/libraries.md"

HEADINGS = {
    "importer": "its own importer",
    "bridge": "nirx's bridge, NIR's step",
    "own steps": "nirx's bridge, its own steps",
    "taken": "its own importer",
}

BESIDE = ("nirx", "nir", "nirtorch", "numpy", "torch", "jax")
"""Packages that every library is measured with."""


def text(found: Sequence[Measured], event_based: Sequence[Measured] = ()) -> str:
    """The generated part of the page: a summary, and one table per library."""
    parts = [f"Made by `{COMMAND}`, with {_versions()}.", "", *_summary(found)]
    for part in found:
        parts += ["", f"### {part.library.name}", "", *_introduction(part), "", *_table(part)]
    for part in event_based:
        parts += ["", f"### {part.library.name}", "", *_taken(part)]
    return "\n".join(parts) + "\n"


def summary(part: Measured, column: str) -> str:
    """ "20 exact, 4 rounding, 2 refused, 16 by nirx": one column of one library, counted."""
    verdicts = [own[column] for own in part.cells.values()]
    counts = Counter(v.outcome for v in verdicts if not _left_to_nirx(v))
    if counts[Outcome.NONE]:
        return "none"
    words = [f"{counts[outcome]} {outcome}" for outcome in Outcome if counts[outcome]]
    left = sum(map(_left_to_nirx, verdicts))
    return ", ".join([*words, f"{left} by nirx"] if left else words)


def _left_to_nirx(verdict: Verdict) -> bool:
    """Whether the library has no part in a row that goes well."""
    return verdict.by_nirx and verdict.outcome in (Outcome.EXACT, Outcome.ROUNDING)


def _versions() -> str:
    found = []
    for name in BESIDE:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return ", ".join(found)


def _summary(found: Sequence[Measured]) -> list[str]:
    lines = [
        f"Of {len(ROWS)} rows:",
        "",
        "| library | " + " | ".join(HEADINGS[column] for column in COLUMNS) + " |",
        "|---" * (len(COLUMNS) + 1) + "|",
    ]
    for part in found:
        counts = " | ".join(summary(part, column) for column in COLUMNS)
        lines.append(f"| [{part.library.name}](#{part.library.name}) | {counts} |")
    return lines


def _introduction(part: Measured) -> list[str]:
    library = part.library
    steps = {step: None for own in part.cells.values() for step in own["own steps"].steps}
    names = ", ".join(f"`{step}`" for step in steps) or "none"
    gain = "r = tau/dt and w_in = tau_syn/dt" if library.unit_gain else "r = w_in = 1"
    about = f"{library.versions}; dt = {library.dt:g}; where a row is not about neurons, {gain}."
    return [about, f"Its own steps: {names}."]


def _table(part: Measured) -> list[str]:
    columns = list(next(iter(part.cells.values())))
    lines = [
        "| row | " + " | ".join(HEADINGS[column] for column in columns) + " |",
        "|---" * (len(columns) + 1) + "|",
    ]
    notes: dict[str, int] = {}
    for row, own in part.cells.items():
        lines.append(f"| {row} | " + " | ".join(_cell(own[c], notes) for c in columns) + " |")
    if notes:
        lines += ["", *(f"{number}. {_escaped(note)}" for note, number in notes.items())]
    return lines


def _taken(part: Measured) -> list[str]:
    """Which rows an importer takes, and for each refusal which rows it is for."""
    taken = [row for row, own in part.cells.items() if own["taken"].outcome is Outcome.TAKEN]
    refused: dict[str, list[str]] = {}
    for row, own in part.cells.items():
        if row not in taken:
            refused.setdefault(own["taken"].detail, []).append(row)
    count = f"{len(taken)} of {len(part.cells)} rows"
    lines = [f"{part.library.versions}; it has no time steps. Its importer takes {count}."]
    lines += ["", "| row | what it says |", "|---|---|"]
    lines += [f"| {row} | taken |" for row in taken]
    return lines + [f"| {'; '.join(rows)} | {_escaped(text)} |" for text, rows in refused.items()]


def _cell(verdict: Verdict, notes: dict[str, int]) -> str:
    """The outcome, who ran it, and the number of its note, which equal texts share."""
    words = [str(verdict.outcome)]
    words += ["by nirx"] if verdict.by_nirx else []
    words += [f"({notes.setdefault(verdict.detail, len(notes) + 1)})"] if verdict.detail else []
    return " ".join(words)


def _escaped(note: str) -> str:
    """A note as code: libraries' texts hold `<`, `_` and `*`."""
    return "`" + note.replace("`", "'").replace("|", "/") + "`"
