"""`python -m nirx_conformance.record_neurons [--only NAME]`: makes the records again."""

from __future__ import annotations

import argparse
import sys
import warnings
from importlib.metadata import version

import torch

import nirx
from nirx.execution.numpy_backend import BACKEND
from nirx_conformance.recorded.record import RecordedCase, write_record
from nirx_conformance.recorded.torch_cells import CELLS, TorchCell, run_cell, traced
from nirx_conformance.suite.judge_neurons import judge_neurons
from nirx_conformance.suite.outcome import Outcome


def main(arguments: list[str] | None = None) -> int:
    """Trace and record every cell.

    Returns: 0 if nirx computes what every library computed, else 1.
    """
    parser = argparse.ArgumentParser(prog="nirx_conformance.record_neurons", description=__doc__)
    parser.add_argument("--only", default="", help="cases whose name starts with this")
    options = parser.parse_args(arguments)
    warnings.simplefilter("ignore")
    torch.set_default_dtype(torch.float64)  # constants of a cell that it makes in every step
    cells = [cell for list_cells in CELLS.values() for cell in list_cells()]
    said = {c.name: _record(c) for c in cells if c.name.startswith(options.only)}
    for name, text in said.items():
        print(f"{name}: {text or 'recorded'}")
    failed = [name for name, text in said.items() if text]
    print(f"{len(said) - len(failed)} of {len(said)} recorded")
    return 1 if failed else 0


def _record(cell: TorchCell) -> str:
    """Write the record of one cell. Returns why there is none, or nothing."""
    module, xs, ys, states = run_cell(cell)
    try:
        node = traced(module, xs.shape[2:])
    except nirx.NirxError as error:
        return str(error)
    shown = {k: v for k, v in states.items() if k in node.step.states}
    about = {"library": cell.package, "version": version(cell.package)}
    path = write_record(cell.name, node, xs, ys, shown, tolerance=cell.tolerance, **about)
    found = judge_neurons(RecordedCase(cell.name, path), BACKEND)
    if found.outcome is not Outcome.PASS:
        path.unlink()
    return found.message


if __name__ == "__main__":
    sys.exit(main())
