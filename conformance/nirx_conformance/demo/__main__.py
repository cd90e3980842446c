"""`python -m nirx_conformance.demo`: the held-out digits on every backend, compared."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

import nirx
from nirx.drawing.figure import draw
from nirx.files.whole_file import write_whole
from nirx_conformance.demo.digits import STEPS, load_digits
from nirx_conformance.demo.train import NETWORK

__all__ = ["main"]

BACKENDS = ("numpy", "torch", "jax")
TARGET = 0.9


def main(arguments: list[str] | None = None) -> int:
    """Run, compare, print and draw.

    Arguments:
        arguments: of the command line; None takes those of the process.

    Returns: 0 if all backends agree and classify over 90 % of the digits correctly, else 1.
    """
    parser = argparse.ArgumentParser(prog="nirx demo", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("demo-output"), help="folder for the plot")
    parser.add_argument("--digits", type=int, default=None, help="how many digits (default: all)")
    options = parser.parse_args(arguments)

    console = Console()
    graph = nirx.read(NETWORK)
    schedule = nirx.schedule(graph)
    _, held_out = load_digits()
    count = len(held_out.labels[: options.digits])
    spikes, labels = held_out.spikes[:, :count], held_out.labels[:count]
    console.print(
        f"[bold]{NETWORK.name}[/]: {len(schedule.nodes)} nodes, one step late: "
        + ", ".join(f"{a} -> {b}" for a, b in schedule.feedback_edges)
    )
    console.print(f"{count} held-out handwritten digits, {STEPS} steps each, float32\n")

    table = Table("backend", "accuracy", "seconds (with compiling)")
    backends = []
    for name in BACKENDS:
        with console.status(f"{name} ..."):
            start = time.perf_counter()
            result = nirx.find_backend(name).prepare(graph)(spikes, None, "all")
            seconds = time.perf_counter() - start
        accuracy = float((result[0].mean(axis=0).argmax(axis=-1) == labels).mean())
        table.add_row(name, f"{accuracy:.1%}", f"{seconds:.2f}")
        backends.append((name, accuracy, result))
    console.print(table)

    comparison = nirx.compare(graph, spikes, [_named(name, result) for name, _, result in backends])
    console.print(str(comparison), highlight=False, soft_wrap=True)
    with console.status("reproducible mode ..."):
        exact = nirx.compare(graph, spikes, BACKENDS, reproducible=True)
    console.print(
        f"\nin reproducible mode ({'the same bits' if exact.bitwise else 'DIFFERENT BITS'}):"
    )
    for name, text in exact.digests.items():
        console.print(f"  {name:6} SHA-256 {text}", highlight=False, soft_wrap=True)

    options.out.mkdir(parents=True, exist_ok=True)
    plot = options.out / "digits.png"
    write_whole(plot, draw(comparison, schedule))
    console.print(f"\nplot: {plot}")
    good = comparison.agree and exact.bitwise and all(a > TARGET for _, a, _ in backends)
    return 0 if good else 1


def _named(name: str, result: tuple[np.ndarray, object, object]):
    """A finished run, as a backend for `nirx.compare`."""

    def backend(_):
        return result

    backend.__name__ = name
    return backend


if __name__ == "__main__":
    sys.exit(main())
