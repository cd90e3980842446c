"""`nirx bench`: how fast nirx runs a network here, beside other libraries on the same one."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from rich.table import Table
from typer import Argument, Context, Option

from nirx.cli.opening import open_graph, schedule_graph
from nirx.cli.options import Dt, Dtype, Json, Overrides, Preset, Repair, Sets, backend_names
from nirx.cli.progress import bars
from nirx.cli.report import Report, bytes_text
from nirx.errors import InputError
from nirx.execution.assemble import dtype_name
from nirx.files.whole_file import hold_target

__all__ = ["bench_command"]

AGREE, DIFFER = 0, 1
BACKENDS = "numpy,torch,jax"
MODES, INPUTS = ("fast", "reproducible"), ("spikes", "real")


SUITE = ("backends", "peers", "device", "repeats", "dtype")
"""Options that have a meaning for the suite too, beside --memory, --page and --json."""


def bench_command(
    context: Context,
    graph: Annotated[
        Path | None,
        Argument(metavar="[FILE]", help="A .nir file. Default: a 700-256-256-20 LIF network."),
    ] = None,
    backends: Annotated[
        str, Option("--backends", metavar="A,B,...", help="Backends of nirx.")
    ] = BACKENDS,
    peers: Annotated[
        str,
        Option(
            "--peers",
            metavar="A,B,...",
            help="nirtorch, norse, snntorch, sinabs, spikingjelly, spyx; scan, a hand-written "
            "lax.scan; matmul, the matrix products alone; or all.",
        ),
    ] = "",
    modes: Annotated[
        str | None,
        Option(
            "--modes",
            metavar="A,B",
            help="Of nirx: fast, reproducible. Default: fast with --peers, both without.",
        ),
    ] = None,
    batch: Annotated[str, Option("--batch", metavar="N,N,...", help="Batch sizes.")] = "1,128",
    steps: Annotated[int, Option("--steps", min=1, help="Steps per run.")] = 200,
    density: Annotated[
        str,
        Option("--density", metavar="X,X,...", help="Share of inputs that spike in a step."),
    ] = "0.05",
    inputs: Annotated[
        str, Option("--inputs", metavar="A,B", help="spikes, or real for real values.")
    ] = "spikes",
    train: Annotated[
        bool, Option("--train", help="Forward and backward, of the mean of the outputs.")
    ] = False,
    device: Annotated[str, Option("--device", help="cpu or cuda.")] = "cpu",
    repeats: Annotated[int, Option("--repeats", min=1, help="Rounds; medians count.")] = 5,
    memory: Annotated[
        bool, Option("--memory", help="Peak memory too, each program in its own process.")
    ] = False,
    suite: Annotated[
        bool, Option("--suite", help="The networks and sizes of docs/performance.md.")
    ] = False,
    page: Annotated[
        Path | None,
        Option("--page", metavar="FILE.md", help="With --suite: write the results into a page."),
    ] = None,
    dt: Dt = None,
    preset: Preset = None,
    set_: Sets = None,
    override: Overrides = None,
    repair: Repair = False,
    dtype: Dtype = "float32",
    json: Json = False,
) -> Report:
    """Time a network on nirx's backends, and in other libraries with the same weights and input.

    A peer's output is compared with nirx's first; one that computes something else is named and
    not timed. Rounds are interleaved; a ratio is a program's time over that of nirx on the same
    framework. Exit status 1 if backends of nirx disagree.
    """
    from nirx_conformance.benchmarks import networks, runs
    from nirx_conformance.benchmarks.measure import Wanted
    from nirx_conformance.benchmarks.page import markdown
    from nirx_conformance.suite.page import write_section

    kind = dtype_name(dtype)
    names, rivals = backend_names(backends), runs.peer_names(peers)
    runs.require_device(device)
    hold_target(page, "--page")
    if page is not None and not suite:
        raise InputError("--page without --suite; expected both, the page shows the whole suite")
    if rivals and kind != "float32":
        raise InputError(f"--peers with --dtype {kind}; expected float32, which all peers run in")
    chosen = _listed("--modes", modes or ("fast" if rivals else "fast,reproducible"), MODES)
    wanted = Wanted(names, chosen, rivals, repeats, memory=memory)
    if suite:
        _refuse_own_settings(context)
        work = runs.suite_work(wanted, kind, device)
    else:
        if graph is None:
            title, own = "-".join(map(str, networks.LAYERS)) + " LIF", networks.feed_forward()
            step = networks.DT if dt is None and preset is None else dt
            opened = schedule_graph(own, step, preset, set_, override)
        else:
            title = graph.name
            opened = open_graph(graph, dt, preset, set_, override, repair=repair)
        options = {"steps": steps, "train": train, "dtype": kind, "device": device}
        cases = [
            runs.case_of(
                title, opened.graph, opened.discretization, batch=b, density=x, inputs=i, **options
            )
            for b in _numbers("--batch", batch, int, 1, None)
            for i in _listed("--inputs", inputs, INPUTS)
            for x in _numbers("--density", density, float, 0, 1)[: None if i == "spikes" else 1]
        ]
        work = [(case, wanted) for case in cases]
    found = []
    with bars(len(work), "cases") as add_bar:
        advance = add_bar("measured")
        for case in runs.run_all(work):
            found.append(case)
            advance(1)
    payload = runs.result(found, kind, device)
    if page is not None:
        own = [f"{n}={text}" for name, (n, text) in _given(context).items() if name in SUITE]
        words = ["nirx", "bench", "--suite", *own, *(["--memory"] if memory else [])]
        command = shlex.join([*words, "--page", str(page)])
        write_section(page, f"performance {device}", markdown(payload, command))
    here = payload["machine"]
    threads = f"{here['threads']} threads for every program, {here['processor']}, {here['device']}"
    status = DIFFER if any(map(runs.nirx_differs, found)) else AGREE
    return Report(status, payload, (threads, *map(_table, found)), json)


def _given(context: Context) -> dict[str, tuple[str, Any]]:
    """What the caller gave: name of the parameter -> how it is written, and its value."""
    found = {}
    for own in context.command.params:
        source = context.get_parameter_source(own.name or "")
        if source is not None and source.name == "COMMANDLINE":
            written = own.opts[0] if own.opts[0].startswith("-") else "FILE"
            found[own.name] = written, context.params[own.name or ""]
    return found


def _refuse_own_settings(context: Context) -> None:
    """The suite has networks and sizes of its own. **Raises**: `InputError`."""
    used = (*SUITE, "suite", "memory", "page", "json", "quiet")
    ignored = [written for name, (written, _) in _given(context).items() if name not in used]
    if ignored:
        raise InputError(
            f"--suite with {', '.join(ignored)}; the suite has networks and sizes of its own"
        )


def _listed(option: str, text: str, known: Sequence[str]) -> list[str]:
    """The names in A,B,..., all of them known.

    **Raises**: `InputError`.
    """
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names or any(name not in known for name in names):
        raise InputError(f"{option} {text!r}; expected one or more of {', '.join(known)}")
    return list(dict.fromkeys(names))


def _numbers(
    option: str, text: str, kind: Callable[[str], Any], least: float, most: float | None
) -> list[Any]:
    """The numbers in N,N,... **Raises**: `InputError`."""
    try:
        found = [kind(part) for part in text.split(",") if part.strip()]
    except ValueError:
        found = []
    bounds = f"at least {least}" if most is None else f"from {least} to {most}"
    good = found and all(least <= n <= (n if most is None else most) for n in found)
    if not good:
        raise InputError(f"{option} {text!r}; expected numbers {bounds}, separated by commas")
    return list(dict.fromkeys(found))


def _table(case: Mapping[str, Any]) -> Table:
    from nirx_conformance.benchmarks.page import case_name

    title = f"{case['network']}, {case['steps']} steps, {case_name(case)}, {case['dtype']}"
    headings = ("program", "first call [ms]", "run [ms]", "over nirx", "quartiles", "memory", "")
    table = Table(*headings, title=title, title_justify="left")
    for row in case["rows"]:
        table.add_row(row["name"], *_cells(row))
    return table


def _cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    if row["median"] is None:
        return "", "", "", "", "", f"{row['status']}: {row['reason']}"
    remarks = [row["note"]] if row["note"] else []
    remarks += [f"{row['late']} steps later"] if row["late"] else []
    remarks += [f"{row['diverging']:.2%} of spikes differ"] if row["diverging"] else []
    ratio = "" if row["ratio"] is None else f"{row['ratio']:.2f}"
    spread = "" if row["ratio"] is None else f"{row['ratio_low']:.2f} to {row['ratio_high']:.2f}"
    memory = "" if row["memory"] is None else bytes_text(row["memory"])
    first, run = f"{row['first_call'] * 1e3:.0f}", f"{row['median'] * 1e3:.3g}"
    return first, run, ratio, spread, memory, "; ".join(remarks)
