"""`nirx verify`: compare a recording, or a backend, with a reference file."""

from __future__ import annotations

import warnings
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from typer import Argument, Option

from nirx.basics.importing import import_object
from nirx.basics.tables import cell
from nirx.cli.event_options import (
    AddressFile,
    Columns,
    Height,
    Merge,
    Node,
    Offset,
    Polarity,
    ReportAbove,
    Rounding,
    TimeUnit,
    Width,
    event_format,
)
from nirx.cli.memory_limit import MaxMemory, read_limits, require_memory
from nirx.cli.options import FromLibrary, Html, InputShape, Json
from nirx.cli.progress import bars
from nirx.cli.report import Report
from nirx.cli.subject import import_model, names_model, shape_of
from nirx.errors import InputError, NirxWarning
from nirx.execution.memory import Estimate, estimate_memory
from nirx.files.whole_file import hold_target
from nirx.graphs.recording import resolve_record
from nirx.graphs.schedule import build_schedule
from nirx.recordings.load_file import HDF5
from nirx.references.reading import ReferenceFile
from nirx.verification.table import remarks, verdict_table
from nirx.verification.verify import open_reference, verify

__all__ = ["verify_command"]

FAILS = 1
COPIES = 4
"""Of a chunk of a recording: both sides, and what is made to compare them."""


def verify_command(
    reference: Annotated[Path, Argument(metavar="REF.h5", help="A file of `nirx reference`.")],
    observed: Annotated[
        Path | None,
        Argument(
            metavar="OBSERVED",
            help="The recording: .h5 (a reference, NIRData, or datasets or groups of events named "
            "by record key), .npz, .csv or .aedat4.",
        ),
    ] = None,
    backend: Annotated[
        str | None,
        Option(
            "--backend",
            metavar="NAME|MODEL",
            help="Instead of OBSERVED: what runs on the reference's input. A backend runs the "
            "reference's graph; or a .nir file, or module:object, a model that its library runs.",
        ),
    ] = None,
    source: FromLibrary = None,
    input_shape: InputShape = None,
    jitter: Annotated[
        int, Option("--jitter", metavar="N", help="Steps that a spike may be early or late.")
    ] = 0,
    rate: Annotated[
        float,
        Option(
            "--rate",
            metavar="X",
            help="Relative error of a neuron's spike count with which a node passes even if "
            "single spikes differ; below 1: 0.05 is 5 %.",
        ),
    ] = 0.0,
    lsb: Annotated[
        list[str] | None,
        Option(
            "--lsb",
            metavar="[KEY=]X",
            help="Size of one LSB of values, for all recordings or for one; repeatable.",
        ),
    ] = None,
    membrane: Annotated[
        float,
        Option(
            "--membrane",
            metavar="N",
            help="LSB that a value may be off; units, if the reference is in integers.",
        ),
    ] = 0.0,
    partial: Annotated[
        bool, Option("--partial", help="Compare only the first steps and samples that both have.")
    ] = False,
    why: Annotated[
        bool, Option("--why", help="If it fails, search for the rule that explains it.")
    ] = False,
    plot: Annotated[
        Path | None, Option("--plot", metavar="OUT.png", help="Draw the first divergence.")
    ] = None,
    html: Html = None,
    columns: Columns = None,
    time_unit: TimeUnit = None,
    offset: Offset = None,
    rounding: Rounding = None,
    address_map: AddressFile = None,
    node: Node = None,
    merge: Merge = None,
    polarity: Polarity = None,
    height: Height = None,
    width: Width = None,
    report_above: ReportAbove = None,
    max_memory: MaxMemory = None,
    json: Json = False,
) -> Report:
    """Compare a recording with a reference: exactly, or within a tolerance.

    Exit status 0 if it is exact or within the tolerance, 1 if it fails, 2 for bad input; a
    file whose content does not match its digests is bad input.
    """
    events = event_format(
        columns=columns,
        time_unit=time_unit,
        offset=offset,
        rounding=rounding,
        address_map=address_map,
        node=node,
        merge=merge,
        polarity=polarity,
        height=height,
        width=width,
        report_above=report_above,
    )
    hold_target(plot, "--plot", reference, observed)
    hold_target(html, "--html", reference, observed)
    sizes = _sizes(lsb)
    limits = read_limits(max_memory)
    with open_reference(reference, limits) as file, bars(file.steps) as add_bar:
        if max_memory is not None:
            estimate = _estimate(file, observed, backend)
            require_memory(max_memory, "expected a shorter or smaller recording", [estimate])
        bar = cache(add_bar)  # one for each stage of the work, from its first step on
        found = verify(
            file,
            observed,
            backend=None if backend is None else _backend(backend),
            events=events,
            source=source,
            input_shape=None if input_shape is None else shape_of(input_shape),
            jitter=jitter,
            rate=rate,
            lsb=sizes,
            membrane=membrane,
            partial=partial,
            why=why,
            plot=plot,
            html=html,
            advance=lambda stage, steps: bar(stage)(steps),
        )
    written = {"plot": plot, "html": html}
    payload = {**found.to_dict(), **{k: v and str(v) for k, v in written.items()}}
    parts = [verdict_table(found), "\n".join(remarks(found))]
    if plot is not None:
        parts.append(f"plot: {cell(plot)}")
    if html is not None:
        parts.append(f"page: {cell(html)}")
    return Report(0 if found.agree else FAILS, payload, tuple(parts), json)


def _estimate(file: ReferenceFile, observed: Path | None, backend: str | None) -> Estimate:
    """The memory of a comparison: chunks of both sides, and what runs or is loaded whole."""
    widths = [max(1, own.neurons) for own in file.observables]
    step = file.samples * np.dtype(np.float64).itemsize
    steps = min(file.steps, file.chunk)
    kept = COPIES * steps * step * max(widths, default=0)
    if observed is not None and observed.suffix.lower() not in HDF5:
        kept += file.steps * step * sum(widths)
    if backend is None:
        return Estimate(0, 0, kept)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NirxWarning)  # shown when the reference was made
        schedule, _ = build_schedule(file.graph, file.discretization)
    return estimate_memory(
        file.graph,
        schedule,
        backend,
        steps=steps,
        samples=file.samples,
        itemsize=np.dtype(file.run_dtype).itemsize,
        record=resolve_record(schedule, [own.probe for own in file.observables]),
        kept=kept,
        reproducible=True,
    )


def _backend(text: str) -> Any:
    """A backend's name, the path of a file, or the model of `module:object`."""
    if not names_model(text):
        return text
    found = import_object(text, "backend")
    own = callable(getattr(found, "prepare", None))
    return text if own else import_model(text)


def _sizes(texts: list[str] | None) -> dict[str | None, float] | None:
    """The sizes of an LSB by key; the key None stands for all others."""
    sizes: dict[str | None, float] = {}
    for text in texts or ():
        key, equals, number = text.rpartition("=")  # a key may contain "="
        name = key if equals else None
        try:
            size = float(number)
        except ValueError:
            raise InputError(f"--lsb {text!r}; expected X or KEY=X, as in lif1.v=0.01") from None
        if name in sizes:
            raise InputError(f"--lsb {text!r}: given twice for the same recording")
        sizes[name] = size
    return sizes or None
