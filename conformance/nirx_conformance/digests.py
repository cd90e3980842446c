"""The committed table of digests that every backend has to reproduce on every machine.

    python -m nirx_conformance.digests            # compare all three backends
    python -m nirx_conformance.digests --write    # after a new semantics version

`digests.json` holds the SHA-256 of outputs, final state and all recordings of every fixed
case in reproducible mode. A single bit that depends on processor, library or compiler shows.
"""

from __future__ import annotations

import argparse
import json
import sys
import warnings
from pathlib import Path
from typing import Any

import nirx
from nirx.files.whole_file import write_whole
from nirx_conformance.cases import ALL_CASES, FixedCase, in_dtype

__all__ = ["DTYPES", "TABLE", "case_digest", "committed", "main"]

TABLE = Path(__file__).with_name("digests.json")
DTYPES = ("float32", "float64")


def case_digest(case: FixedCase, backend: Any, dtype: str) -> str:
    """SHA-256 of (outputs, final state, recordings) of one case in reproducible mode.

    Arguments:
        backend: a name, or an object with `prepare`.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", nirx.NirxWarning)  # some cases are extreme on purpose
        prepare = (nirx.find_backend(backend) if isinstance(backend, str) else backend).prepare
        run = prepare(case.graph, case.discretization, dtype, reproducible=True)
        state = None
        if case.warmup is not None:
            _, state, _ = run(in_dtype(case.warmup, dtype), None, ())
        return nirx.digest(run(in_dtype(case.inputs, dtype), state, "all"))


def committed() -> dict[str, dict[str, str]]:
    """The table: case name -> dtype -> digest.

    **Raises**: `UnsupportedError` if it is of another semantics version.
    """
    table = json.loads(TABLE.read_text())
    if table["semantics"] != nirx.SEMANTICS_VERSION:
        raise nirx.UnsupportedError(
            f"{TABLE.name} is of semantics version {table['semantics']}, this is version "
            f"{nirx.SEMANTICS_VERSION}; rewrite it with --write"
        )
    return table["digests"]


def main(arguments: list[str] | None = None) -> int:
    """Compare with the table, or write it.

    Returns: 0 if all digests are as committed, else 1.
    """
    parser = argparse.ArgumentParser(prog="nirx_conformance.digests", description=__doc__)
    parser.add_argument("--write", action="store_true", help="write the table, from NumPy")
    parser.add_argument("--backends", default="numpy,torch,jax")
    options = parser.parse_args(arguments)
    if options.write:
        digests = {c.name: {d: case_digest(c, "numpy", d) for d in DTYPES} for c in ALL_CASES}
        table = {"semantics": nirx.SEMANTICS_VERSION, "digests": digests}
        write_whole(TABLE, (json.dumps(table, indent=1) + "\n").encode())
        print(f"wrote {len(digests)} cases to {TABLE}")
        return 0
    expected, wrong = committed(), 0
    for backend in options.backends.split(","):
        for case in ALL_CASES:
            for dtype in DTYPES:
                if case_digest(case, backend, dtype) != expected[case.name][dtype]:
                    wrong += 1
                    print(f"{backend}, {dtype}: {case.name!r} differs from the table")
        print(f"{backend}: {len(ALL_CASES)} cases in {' and '.join(DTYPES)} done", flush=True)
    print(f"{wrong} digests differ")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
