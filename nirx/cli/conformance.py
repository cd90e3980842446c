"""`nirx conformance`: backends against the conformance suite."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from typer import Option

from nirx.cli.options import Engine, Json
from nirx.cli.progress import bars
from nirx.cli.report import Report
from nirx.errors import InputError, UnsupportedError, warn_caller
from nirx.execution.backend import find_backend
from nirx.files.whole_file import hold_target
from nirx.scaling.choose import require_engine

__all__ = ["conformance_command"]

FAILED = 1


def conformance_command(
    backends: Annotated[
        list[str] | None,
        Option(
            "--backend",
            metavar="NAME",
            help="An installed backend, or package.module:object; repeatable. "
            "Default: numpy, torch and jax.",
        ),
    ] = None,
    level: Annotated[
        str,
        Option(
            "--level", help="core, recurrent, full, reproducible, gradients, integers, neurons."
        ),
    ] = "full",
    cases: Annotated[
        list[str] | None,
        Option(
            "--case", metavar="NAME", help="Only cases whose names start with NAME; repeatable."
        ),
    ] = None,
    dtype: Annotated[
        str | None, Option("--dtype", help="float32 or float64, instead of each case's own.")
    ] = None,
    xfail: Annotated[
        Path | None,
        Option("--xfail", metavar="FILE", help="Cases known to fail, with reasons, in TOML."),
    ] = None,
    random: Annotated[int, Option("--random", metavar="N", help="Also run N random graphs.")] = 0,
    seed: Annotated[int, Option("--seed", help="Seed of the first random graph.")] = 0,
    jobs: Annotated[int, Option("--jobs", help="Number of processes.")] = 1,
    engine: Engine = None,
    report: Annotated[
        Path | None, Option("--report", metavar="DIR", help="Write results.json and report.html.")
    ] = None,
    page: Annotated[
        Path | None,
        Option("--page", metavar="FILE.md", help="Update the matrix in a Markdown page."),
    ] = None,
    json: Json = False,
) -> Report:
    """Run the conformance suite against backends, including your own.

    Exit status 0 if there is no unexpected failure, 1 if there is one, 2 for bad input.
    """
    from nirx_conformance.suite import random_graphs, runner, shrink, table
    from nirx_conformance.suite.outcome import GRADIENTS, INTEGERS, NEURONS
    from nirx_conformance.suite.page import write_section
    from nirx_conformance.suite.report import check_report, write_report
    from nirx_conformance.suite.xfail import read_xfail

    require_engine(engine)
    if engine is not None and jobs != 1:
        raise InputError(f"--jobs {jobs} with --engine {engine}; expected one of the two")
    names = list(dict.fromkeys(backends or ["numpy", "torch", "jax"]))
    for name in names:
        try:
            find_backend(name)
        except UnsupportedError:
            continue  # its library is missing: the report says not-run
    if dtype not in (None, "float32", "float64"):
        raise InputError(f"--dtype {dtype}; expected float32 or float64")
    if jobs < 1 or random < 0:
        raise InputError(f"--jobs {jobs} --random {random}; expected at least 1 and at least 0")
    if report is not None:
        check_report(report)  # before the work, not after it
    hold_target(page, "--page")
    chosen = runner.cases_of(level, cases)
    reasons = read_xfail(xfail, runner.known_names(level)) if xfail else {}
    if random and level == NEURONS:
        raise InputError("--random: the level neurons has recorded cases only")
    drawn = [random_graphs.name_of(seed + i) for i in range(random)]
    tasks = runner.level_tasks(level, names, [c.name for c in chosen], dtype)
    # Bits of random graphs are not committed, so the level `reproducible` compares their values.
    values = "full" if level == "reproducible" else level
    tasks += runner.level_tasks(values, names, drawn, dtype)
    with bars(len(tasks), "cases") as add_bar:
        advance = add_bar("conformance")
        results = runner.run_tasks(tasks, jobs, reasons, lambda result: advance(1), engine)
    if said := table.silence(results):
        warn_caller(said)
    saved = []
    if report is not None:
        write_report(report, results, level)
        if level not in (GRADIENTS, INTEGERS, NEURONS):  # shrinking runs values
            saved = shrink.shrunk_failures(results, report / "shrunk")
    payload = {**table.payload(results, level), "shrunk": [str(folder) for folder in saved]}
    lines = [f"shrunk: {folder}/show.py" for folder in saved]
    lines += [] if report is None else [f"report: {report}/report.html"]
    if page is not None:
        command = " ".join(
            ["nirx conformance", *(f"--backend {n}" for n in backends or []), f"--level {level}"]
        )
        write_section(page, level, table.markdown(results, level, command))
    parts = (*table.tables(results), *lines)
    return Report(0 if table.good(results) else FAILED, payload, parts, json)
