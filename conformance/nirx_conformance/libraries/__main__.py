"""`python -m nirx_conformance.libraries [--library NAME] [--json OUT] [--page PAGE]`."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from nirx.files.whole_file import write_whole
from nirx_conformance.libraries import page
from nirx_conformance.libraries.library import EVENT_BASED, LIBRARIES, installed
from nirx_conformance.libraries.matrix import COLUMNS, Measured, measure, payload
from nirx_conformance.libraries.rows import ROWS
from nirx_conformance.libraries.verdict import Outcome
from nirx_conformance.suite.page import write_section

BAD = (Outcome.DIFFERENT, Outcome.CRASH)


def main(arguments: list[str] | None = None) -> int:
    """Measure and print.

    Returns: 0 if no bridge differs or crashes, else 1.
    """
    names = [library.name for library in (*LIBRARIES, *EVENT_BASED)]
    parser = argparse.ArgumentParser(prog="nirx_conformance.libraries", description=__doc__)
    parser.add_argument("--library", action="append", choices=names, metavar="NAME")
    parser.add_argument("--json", type=Path, metavar="OUT", help="write every cell as JSON")
    parser.add_argument("--page", type=Path, metavar="PAGE", help="write the tables into the page")
    options = parser.parse_args(arguments)
    chosen = options.library or names
    missing = [x.name for x in (*LIBRARIES, *EVENT_BASED) if x.name in chosen and not installed(x)]
    if missing:
        parser.error(f"not installed here: {', '.join(missing)}; `make libraries` installs them")
    if options.page and options.library:
        parser.error("the page needs all libraries; leave out --library")
    stepping = [library for library in LIBRARIES if library.name in chosen]
    events = [library for library in EVENT_BASED if library.name in chosen]
    with Progress(console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("rows", total=len(ROWS) * (len(stepping) + len(events)))
        found = measure(stepping, done=lambda: progress.advance(bar))
        taken = measure(events, ("taken",), done=lambda: progress.advance(bar))
    console = Console()
    for part in (*found, *taken):
        console.print(_table(part))
    if options.json:
        text = json.dumps(payload([*found, *taken]), indent=2) + "\n"
        write_whole(options.json, text.encode())
    if options.page:
        write_section(options.page, page.SECTION, page.text(found, taken))
    bridged = [own[c].outcome for part in found for own in part.cells.values() for c in COLUMNS[1:]]
    return 1 if any(outcome in BAD for outcome in bridged) else 0


def _table(part: Measured) -> Table:
    columns = list(next(iter(part.cells.values())))
    table = Table("row", *(page.HEADINGS[c] for c in columns), title=part.library.versions)
    for row, own in part.cells.items():
        cells = [f"{own[c].outcome} {'by nirx' if own[c].by_nirx else ''}" for c in columns]
        table.add_row(row, *cells)
    return table


if __name__ == "__main__":
    sys.exit(main())
