"""`python -m nirx_conformance.mutants [--markdown]`: every mutant and the cases that kill it."""

from __future__ import annotations

import argparse
import sys

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from nirx_conformance.cases import ALL_CASES
from nirx_conformance.cases.gradients import GRADIENT_CASES
from nirx_conformance.cases.integers import INTEGER_CASES
from nirx_conformance.mutants import (
    GRADIENT_MUTANTS,
    INTEGER_MUTANTS,
    MUTANTS,
    NEURON_MUTANTS,
    Kills,
    gradient_kill_table,
    integer_kill_table,
    kill_table,
    neuron_kill_table,
)
from nirx_conformance.recorded import RECORDED_CASES
from nirx_conformance.suite.page import markdown_table

COLUMNS = ("mutant", "what is wrong", "killed by values", "first", "killed by bits", "first")
OF_GRADIENTS = ("mutant of gradients", "what is wrong", "killed by gradients", "first")
OF_INTEGERS = ("mutant of integers", "what is wrong", "killed by integers", "first")
OF_NEURONS = ("mutant of tracing", "what is wrong", "killed by neurons", "first")


def rows(table: dict[str, Kills], columns: tuple[str, ...] = COLUMNS) -> list[tuple[str, ...]]:
    """One row per mutant, as long as the columns."""
    every = [
        (k.name, k.sentence, str(len(k.values)), _first(k.values), str(len(k.bits)), _first(k.bits))
        for k in table.values()
    ]
    return [row[: len(columns)] for row in every]


def _first(names: tuple[str, ...]) -> str:
    return names[0] if names else "none"


def markdown(table: dict[str, Kills], columns: tuple[str, ...] = COLUMNS) -> str:
    """The table for the docs."""
    escaped = [[cell.replace("|", "\\|") for cell in row] for row in rows(table, columns)]
    return "\n".join(markdown_table(columns, escaped))


def main(arguments: list[str] | None = None) -> int:
    """Print the table.

    Returns: 0 if every mutant is killed, else 1.
    """
    parser = argparse.ArgumentParser(prog="nirx_conformance.mutants", description=__doc__)
    parser.add_argument("--markdown", action="store_true", help="print the table for the docs")
    names = sorted([*MUTANTS, *GRADIENT_MUTANTS, *INTEGER_MUTANTS, *NEURON_MUTANTS])
    parser.add_argument("--mutant", action="append", choices=names, metavar="NAME")
    options = parser.parse_args(arguments)
    wanted = options.mutant or names
    chosen = [m for m in MUTANTS.values() if m.name in wanted]
    backwards = [m for m in GRADIENT_MUTANTS.values() if m.name in wanted]
    whole = [m for m in INTEGER_MUTANTS.values() if m.name in wanted]
    traced = [m for m in NEURON_MUTANTS.values() if m.name in wanted]
    errors = Console(stderr=True)
    found = []
    with Progress(console=errors, transient=True) as progress:
        if chosen:
            bar = progress.add_task("cases", total=len(ALL_CASES))
            table = kill_table(ALL_CASES, chosen, lambda _: progress.advance(bar))
            found.append((COLUMNS, table))
        if backwards:
            last = progress.add_task("gradients", total=len(GRADIENT_CASES))
            table = gradient_kill_table(GRADIENT_CASES, backwards, lambda _: progress.advance(last))
            found.append((OF_GRADIENTS, table))
        if whole:
            step = progress.add_task("integers", total=len(INTEGER_CASES))
            table = integer_kill_table(INTEGER_CASES, whole, lambda _: progress.advance(step))
            found.append((OF_INTEGERS, table))
        if traced:
            done = progress.add_task("neurons", total=len(RECORDED_CASES))
            table = neuron_kill_table(RECORDED_CASES, traced, lambda _: progress.advance(done))
            found.append((OF_NEURONS, table))
    for columns, table in found:
        if options.markdown:
            print(markdown(table, columns), end="\n\n" if len(found) > 1 else "\n")
        else:
            shown = Table(*columns)
            for row in rows(table, columns):
                shown.add_row(*row)
            Console().print(shown)
    alive = [k.name for _, table in found for k in table.values() if not (k.values or k.bits)]
    if alive:
        errors.print(f"alive: {', '.join(alive)}")
    return 1 if alive else 0


if __name__ == "__main__":
    sys.exit(main())
