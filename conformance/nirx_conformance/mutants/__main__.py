"""`python -m nirx_conformance.mutants [--markdown]`: every mutant and the cases that kill it."""

from __future__ import annotations

import argparse
import sys

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from nirx_conformance.cases import ALL_CASES
from nirx_conformance.mutants import MUTANTS, Kills, kill_table
from nirx_conformance.suite.page import markdown_table

COLUMNS = ("mutant", "what is wrong", "killed by values", "first", "killed by bits", "first")


def rows(table: dict[str, Kills]) -> list[tuple[str, ...]]:
    """One row per mutant."""
    return [
        (k.name, k.sentence, str(len(k.values)), _first(k.values), str(len(k.bits)), _first(k.bits))
        for k in table.values()
    ]


def _first(names: tuple[str, ...]) -> str:
    return names[0] if names else "none"


def markdown(table: dict[str, Kills]) -> str:
    """The table for the docs."""
    escaped = [[cell.replace("|", "\\|") for cell in row] for row in rows(table)]
    return "\n".join(markdown_table(COLUMNS, escaped))


def main(arguments: list[str] | None = None) -> int:
    """Print the table.

    Returns: 0 if every mutant is killed, else 1.
    """
    parser = argparse.ArgumentParser(prog="nirx_conformance.mutants", description=__doc__)
    parser.add_argument("--markdown", action="store_true", help="print the table for the docs")
    parser.add_argument("--mutant", action="append", choices=sorted(MUTANTS), metavar="NAME")
    options = parser.parse_args(arguments)
    chosen = [m for m in MUTANTS.values() if not options.mutant or m.name in options.mutant]
    errors = Console(stderr=True)
    with Progress(console=errors, transient=True) as progress:
        bar = progress.add_task("cases", total=len(ALL_CASES))
        table = kill_table(ALL_CASES, chosen, lambda _: progress.advance(bar))
    if options.markdown:
        print(markdown(table))
    else:
        shown = Table(*COLUMNS)
        for row in rows(table):
            shown.add_row(*row)
        Console().print(shown)
    alive = [k.name for k in table.values() if not (k.values or k.bits)]
    if alive:
        errors.print(f"alive: {', '.join(alive)}")
    return 1 if alive else 0


if __name__ == "__main__":
    sys.exit(main())
