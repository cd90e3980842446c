"""`nirx export-c`: a network as C99, with a test bench."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from rich.table import Table
from typer import Option

from nirx.basics.tables import cell
from nirx.cli.memory_limit import MaxMemory
from nirx.cli.opening import open_graph
from nirx.cli.options import Dt, Dtype, File, Json, Overrides, Preset, Repair, Sets
from nirx.cli.report import Report, bytes_text
from nirx.golden.export import INPUT, STEPS, export_c, require_directory
from nirx.golden.names import model_name

__all__ = ["export_c_command"]


def export_c_command(
    file: File,
    out: Annotated[
        Path,
        Option("--out", metavar="DIR", help="A new folder, or that of an earlier export."),
    ],
    name: Annotated[
        str | None,
        Option("--name", help="Prefix of the C names. Default: the name of the file."),
    ] = None,
    dtype: Dtype = "float32",
    data: Annotated[
        str,
        Option(
            "--input",
            metavar="DATA",
            help="What the test bench runs: a file or a generator, as for `nirx reference`.",
        ),
    ] = INPUT,
    steps: Annotated[
        int | None,
        Option("--steps", min=1, help=f"Length; {STEPS} by default for a generator."),
    ] = None,
    batch: Annotated[
        int | None, Option("--batch", min=1, help="Samples; 1 by default for a generator.")
    ] = None,
    seed: Annotated[int, Option("--seed", min=0, help="Seed of a generator.")] = 0,
    dt: Dt = None,
    preset: Preset = None,
    set_: Sets = None,
    override: Overrides = None,
    repair: Repair = False,
    max_memory: MaxMemory = None,
    json: Json = False,
) -> Report:
    """Write a network as C99 that gives nirx's own bits: header, source, test bench, Makefile.

    With integers it computes in int32_t and int64_t; else in floating point, as nirx does in
    reproducible mode. `make test` in the folder runs the test bench. docs/golden-model.md links the
    model into a C++ or SystemVerilog bench.
    """
    own = model_name(file.stem) if name is None else name
    require_directory(out, own, "--out")
    opened = open_graph(file, dt, preset, set_, override, repair=repair, max_memory=max_memory)
    made = export_c(
        opened.graph,
        out,
        opened.discretization,
        dtype=dtype,
        name=own,
        data=data,
        steps=steps,
        batch=batch,
        seed=seed,
    )
    table = Table(box=None, show_header=False, pad_edge=False)
    for title, value in (
        ("folder", made.path),
        ("files", ", ".join(f"{own} ({bytes_text(size)})" for own, size in made.files.items())),
        ("functions", f"{made.name}_init, {made.name}_step"),
        ("numbers", made.numbers),
        ("test bench", f"{made.samples:,} x {made.steps:,} steps, {made.compared:,} values"),
        ("run it", f"make -C {made.path} test"),
    ):
        table.add_row(title, cell(value))
    payload: dict[str, Any] = {
        "file": str(file),
        **made.to_dict(),
        "discretization": opened.discretization.to_json(),
        "discretization_origin": opened.origin,
    }
    return Report(0, payload, (table,), json)
