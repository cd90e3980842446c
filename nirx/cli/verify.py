"""`nirx verify`: a recording, or a backend, against a reference file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nirx.basics.tables import cell
from nirx.cli.options import Json
from nirx.cli.progress import BarAdvance, Bars, bars
from nirx.cli.report import Report
from nirx.errors import InputError
from nirx.verification.table import remarks, verdict_table
from nirx.verification.verify import open_reference, verify

__all__ = ["verify_command"]

FAILS = 1


def verify_command(
    reference: Annotated[
        Path, typer.Argument(metavar="REF.h5", help="A file of `nirx reference`.")
    ],
    observed: Annotated[
        Path | None,
        typer.Argument(
            metavar="OBSERVED",
            help="What was recorded: .h5 (a reference, NIRData, or datasets named by record "
            "key), .npz or .csv.",
        ),
    ] = None,
    backend: Annotated[
        str | None,
        typer.Option(
            "--backend", help="Instead of OBSERVED: run the reference's graph and input on it."
        ),
    ] = None,
    jitter: Annotated[
        int,
        typer.Option("--jitter", metavar="N", help="Steps that a spike may be early or late."),
    ] = 0,
    rate: Annotated[
        float,
        typer.Option(
            "--rate",
            metavar="X",
            help="Relative error of a neuron's number of spikes with which a node passes "
            "whatever single spikes do; below 1: 0.05 is 5 %.",
        ),
    ] = 0.0,
    lsb: Annotated[
        list[str] | None,
        typer.Option(
            "--lsb",
            metavar="[KEY=]X",
            help="Size of one LSB of values, of all or of one recording; repeatable.",
        ),
    ] = None,
    membrane: Annotated[
        float, typer.Option("--membrane", metavar="N", help="LSB that a value may be off.")
    ] = 0.0,
    partial: Annotated[
        bool,
        typer.Option("--partial", help="Compare the steps and samples that both have."),
    ] = False,
    why: Annotated[
        bool, typer.Option("--why", help="If it fails, look for the rule that explains it.")
    ] = False,
    plot: Annotated[
        Path | None,
        typer.Option("--plot", metavar="OUT.png", help="Draw the first divergence."),
    ] = None,
    json: Json = False,
) -> Report:
    """Compare a recording with a reference: exactly, or within a stated tolerance.

    Exit status 0 if it is exact or within the tolerance, 1 if it fails, 2 for bad input; a
    file whose content does not match its digests is bad input.
    """
    sizes = _sizes(lsb)
    with open_reference(reference) as file, bars(file.steps) as shown:
        found = verify(
            file,
            observed,
            backend=backend,
            jitter=jitter,
            rate=rate,
            lsb=sizes,
            membrane=membrane,
            partial=partial,
            why=why,
            plot=plot,
            advance=_Progress(shown),
        )
    payload = {**found.to_dict(), "plot": None if plot is None else str(plot)}
    parts = [verdict_table(found), "\n".join(remarks(found))]
    if plot is not None:
        parts.append(f"plot: {cell(plot)}")
    return Report(0 if found.agree else FAILS, payload, tuple(parts), json)


class _Progress:
    """One bar for each part of the work, from when it begins."""

    def __init__(self, shown: Bars):
        self._shown = shown
        self._bars: dict[str, BarAdvance] = {}

    def __call__(self, what: str, steps: int) -> None:
        if what not in self._bars:
            self._bars[what] = self._shown.add(what)
        self._bars[what](steps)


def _sizes(texts: list[str] | None) -> dict[str | None, float] | None:
    """The sizes of an LSB by key; the key None stands for all others."""
    sizes: dict[str | None, float] = {}
    for text in texts or ():
        key, equals, number = text.rpartition("=")  # a key may hold "="
        name = key if equals else None
        try:
            size = float(number)
        except ValueError:
            raise InputError(f"--lsb {text!r}; expected X or KEY=X, as in lif1.v=0.01") from None
        if name in sizes:
            raise InputError(f"--lsb {text!r}: given twice for the same recording")
        sizes[name] = size
    return sizes or None
