"""`nirx bench`: what reproducible mode costs on this machine."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from rich.table import Table
from typer import Option

from nirx.cli.options import Dtype, Json, backend_names
from nirx.cli.progress import bars
from nirx.cli.report import Report
from nirx.execution.assemble import dtype_name
from nirx.execution.bench import LAYERS, bench

__all__ = ["bench_command"]


def bench_command(
    backends: Annotated[
        str, Option("--backends", metavar="A,B,...", help="Backends to measure.")
    ] = "numpy,torch,jax",
    batch: Annotated[
        list[int] | None,
        Option("--batch", min=1, help="Batch size; repeatable. Default: 1 and 128."),
    ] = None,
    steps: Annotated[int, Option("--steps", min=1, help="Steps per run.")] = 200,
    repeats: Annotated[int, Option("--repeats", min=1, help="Runs to take the median of.")] = 5,
    dtype: Dtype = "float32",
    json: Json = False,
) -> Report:
    """Time a feed-forward LIF network in fast mode and in reproducible mode.

    Reports the median of several runs, after one that compiles.
    """
    names = backend_names(backends)
    kind = dtype_name(dtype)
    batches = batch or [1, 128]
    with bars(2 * len(names) * len(batches)) as add_bar:
        advance = add_bar("measured")
        timings = []
        for timing in bench(names, batches, steps, repeats, kind):
            timings.append(timing)
            advance(1)
    layers = "-".join(map(str, LAYERS))
    headings = ("backend", "batch", "input", "fast [ms]", "reproducible [ms]", "ratio")
    table = Table(*headings, title=f"{layers} LIF, {steps} steps, {kind}", title_justify="left")
    for t in timings:
        fast, slow = f"{t.fast * 1e3:.1f}", f"{t.reproducible * 1e3:.1f}"
        table.add_row(t.backend, str(t.batch), t.inputs, fast, slow, f"{t.ratio:.1f}")
    rows = [{**asdict(t), "ratio": t.ratio} for t in timings]
    payload = {"layers": list(LAYERS), "steps": steps, "dtype": kind, "timings": rows}
    return Report(0, payload, (table,), json)
