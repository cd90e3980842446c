"""The command line of the fuzzer."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

from support.fuzzing.batch import Failure, Found
from support.fuzzing.campaign import campaign
from support.fuzzing.one_input import KINDS, one_input

__all__ = ["main"]

MOST_SHOWN = 20
"""Different failures that are printed with a traceback."""


def main(arguments: list[str] | None = None) -> int:
    """Run it. Returns: 0 if every input was accepted or refused, else 1."""
    options = _parser().parse_args(arguments)
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as name:
        folder = Path(name)
        if options.only:
            return _one(options.only, folder, options.save)
        began = time.monotonic()
        seconds = 0 if options.inputs else 60 * options.minutes
        found = campaign(
            options.kind or list(KINDS),
            options.seed,
            options.jobs,
            folder,
            inputs=options.inputs,
            seconds=seconds,
            save=lambda failure: print(_line(failure), file=sys.stderr, flush=True),
        )
        print(_table(found, time.monotonic() - began))
        failures = [failure for own in found.values() for failure in own.failures]
        if options.save:
            for failure in failures:
                _save(failure, folder / "save", options.save)
    _show(failures)
    return 1 if failures else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m support.fuzzing", description=__doc__)
    add = parser.add_argument
    add("--minutes", type=float, default=10, help="how long; default 10")
    add("--inputs", type=int, help="how many of each kind, instead of a time")
    add("--seed", type=int, default=0, help="of the first input of each kind")
    add("--jobs", type=int, default=os.cpu_count() or 1, help="processes at a time")
    add("--kind", action="append", choices=list(KINDS), help="may be repeated; default all")
    add("--save", type=Path, help="folder for the files of inputs that fail")
    add(
        "--only", metavar="KIND:SEED", help="use one input in this process, and say what came of it"
    )
    return parser


def _one(text: str, folder: Path, save: Path | None) -> int:
    kind, _, seed = text.partition(":")
    if kind not in KINDS or not seed.isdecimal():
        print(f"--only {text}: expected a kind and a seed, such as nir-bytes:17", file=sys.stderr)
        return 2
    if save:
        _save(Failure(kind, int(seed), ""), folder / "save", save)
    what, trace = one_input(KINDS[kind], int(seed), folder)
    print(f"{text}: {what}", trace, sep="\n")
    return 1 if trace else 0


def _save(failure: Failure, folder: Path, save: Path) -> None:
    """Make an input again, where it is kept."""
    from support.fuzzing.kind import random_of

    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    KINDS[failure.kind].make(random_of(failure.kind, failure.seed), folder)
    shutil.copytree(folder, save / f"{failure.kind}-{failure.seed}", dirs_exist_ok=True)


def _line(failure: Failure) -> str:
    return f"{failure.kind}:{failure.seed}: {failure.what}"


def _table(found: dict[str, Found], seconds: float) -> str:
    lines = [
        f"{'kind':<18}{'inputs':>9}{'accepted':>10}{'refused':>9}{'failed':>8}"
        f"{'slowest':>10} {'(seed)':<12}{'largest':>10} (seed)"
    ]
    total = 0
    for kind, own in found.items():
        counts = own.counts
        count = sum(counts.values())
        total += count
        lines.append(
            f"{kind:<18}{count:>9}{counts['accepted']:>10}{counts['refused']:>9}"
            f"{counts['failed']:>8}{own.slowest[0]:>8.2f} s {own.slowest[1]:<12}"
            f"{own.largest[0] / 2**20:>6.0f} MiB {own.largest[1]}"
        )
    lines.append(f"{total} inputs in {seconds:.0f} s, {total / max(seconds, 1e-9):.0f} a second")
    return "\n".join(lines)


def _show(failures: list[Failure]) -> None:
    """Failures, of which those with equal words are shown once."""
    kinds: dict[str, list[Failure]] = {}
    for failure in failures:
        place = failure.what.partition(": ")[0]
        kinds.setdefault(f"{failure.kind} {place}", []).append(failure)
    for alike in list(kinds.values())[:MOST_SHOWN]:
        seeds = ", ".join(str(failure.seed) for failure in alike[:8])
        print(f"\n{len(alike)} x {_line(alike[0])}\nseeds {seeds}\n{alike[0].trace}")
