"""All cases of a run, one after the other: the rows, the JSON and the machine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import nir

from nirx.dynamics.discretization import Discretization
from nirx.errors import InputError, UnsupportedError, did_you_mean
from nirx.execution.assemble import load
from nirx.graphs.metadata import resolve_discretization
from nirx.graphs.schedule import build_schedule
from nirx_conformance.benchmarks.machine import machine, same_threads
from nirx_conformance.benchmarks.measure import OTHER, Wanted, measure, payload
from nirx_conformance.benchmarks.peers import PEERS
from nirx_conformance.benchmarks.subject import Case
from nirx_conformance.benchmarks.suite import SECONDS, suite_cases

__all__ = [
    "Work",
    "case_of",
    "nirx_differs",
    "peer_names",
    "require_device",
    "result",
    "run_all",
    "suite_work",
]

Work = tuple[Case, Wanted]


def peer_names(text: str) -> list[str]:
    """The peers of `--peers A,B`; `matmul` means both of its frameworks, `all` all.

    **Raises**: `InputError` for an unknown name.
    """
    known = list(dict.fromkeys(name.partition(" ")[0] for name in PEERS))
    asked = [name.strip() for name in text.split(",") if name.strip()]
    for name in asked:
        if name not in known and name not in PEERS and name != "all":
            hint = did_you_mean(name, [*known, "all"])
            raise InputError(f"--peers: no peer {name!r}; {hint}")
    return [n for n in PEERS if {"all", n, n.partition(" ")[0]} & set(asked)]


def require_device(device: str) -> None:
    """**Raises**: `InputError` for another name, `UnsupportedError` where there is no CUDA."""
    if device not in ("cpu", "cuda"):
        raise InputError(f"--device {device!r}; expected cpu or cuda")
    if device == "cpu":
        return
    try:
        import torch
    except ImportError as error:
        raise UnsupportedError("--device cuda needs torch; pip install 'nirx[torch]'") from error
    if not torch.cuda.is_available():
        raise UnsupportedError("--device cuda: torch finds no CUDA device here; use --device cpu")


def case_of(
    name: str, graph_or_path: Any, discretization: Discretization | None, **options: Any
) -> Case:
    """A case of any graph with one Input.

    Arguments:
        options: those of `Case`.

    **Raises**: `InputError` for several Inputs or Outputs, `GraphError`.
    """
    graph: nir.NIRGraph = load(graph_or_path)
    chosen = resolve_discretization(graph, discretization)
    schedule, _ = build_schedule(graph, chosen)
    for ports, kind in ((schedule.inputs, "Input"), (schedule.outputs, "Output")):
        if len(ports) != 1:
            raise InputError(f"{name} has {len(ports)} nodes of type {kind}; bench takes one")
    shape = schedule.nodes[schedule.inputs[0][1]].output_shape
    return Case(name, graph, chosen, tuple(shape), **options)


def suite_work(wanted: Wanted, dtype: str, device: str) -> list[Work]:
    """The cases of the suite, with the modes of each; memory where the suite says so."""
    work = []
    for network, case in suite_cases(dtype, device):
        memory = wanted.memory and (case.batch, case.train) in network.memory
        own = replace(wanted, modes=network.modes, memory=memory, seconds=SECONDS)
        work.append((case, own))
    return work


def run_all(work: Sequence[Work]) -> Iterator[dict[str, Any]]:
    """Measure; yields the JSON of one case after the other."""
    with same_threads():
        for case, wanted in work:
            yield payload(case, measure(case, wanted))


def nirx_differs(case: dict[str, Any]) -> bool:
    """Whether a backend or mode of nirx computes something else than the first one."""
    rows = [row for row in case["rows"] if row["name"].startswith("nirx ")]
    return any(row["status"] == OTHER for row in rows)


def result(cases: Sequence[dict[str, Any]], dtype: str, device: str) -> dict[str, Any]:
    """The JSON of a run."""
    return {"machine": machine(device), "dtype": dtype, "cases": list(cases)}
