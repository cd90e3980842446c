"""Random graphs by the thousand: backends against the oracle, bit by bit, or `nirx.diagnose`.

    python -m nirx_conformance.sweep oracle --graphs 500 --jobs 2
    python -m nirx_conformance.sweep bits --graphs 2000 --jobs 2
    python -m nirx_conformance.sweep diagnose --graphs 200 --seed 1000

Prints each disagreement with the seed that reproduces it; exit status 1 if there is one.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import time
import warnings
from collections import Counter
from dataclasses import fields
from functools import partial
from typing import Any

import nirx
from nirx_conformance import oracle
from nirx_conformance.cases import in_dtype
from nirx_conformance.planted import planted_case, recover
from nirx_conformance.programs import release_programs
from nirx_conformance.strategies import Case, random_case

__all__ = ["against_oracle", "bit_by_bit", "main"]

BACKENDS = ("numpy", "torch", "jax")


def against_oracle(case: Case, backends: tuple[str, ...] = BACKENDS) -> list[str]:
    """Disagreements with the oracle in float64, one line per backend."""
    expected = oracle.run(case.graph, case.discretization, case.inputs)
    found = []
    for name in backends:
        run = nirx.find_backend(name).prepare(case.graph, case.discretization, "float64")
        _, state, recordings = run(case.inputs, None, "all")
        agreement = oracle.compare(expected, recordings, state)
        if agreement.fault is not None:
            found.append(f"{name}: {agreement.fault}")
    return found


def bit_by_bit(case: Case, backends: tuple[str, ...] = BACKENDS) -> list[str]:
    """The backends that differ in outputs, final state or recordings, in reproducible mode."""
    found = []
    for dtype in ("float32", "float64"):
        inputs = in_dtype(case.inputs, dtype)
        digests = []
        for name in backends:
            prepare = nirx.find_backend(name).prepare
            run = prepare(case.graph, case.discretization, dtype, reproducible=True)
            digests.append(nirx.digest(run(inputs, None, "all")))
        found += [
            f"{dtype}: {name} differs from {backends[0]}"
            for name, own in zip(backends, digests, strict=True)
            if own != digests[0]
        ]
    return found


CHECKS = {"oracle": against_oracle, "bits": bit_by_bit}

Outcome = tuple[int, list[str], list[str], dict[str, int]]
"""Seed, disagreements, types of nodes, and counts to be summed."""


def _one(seed: int, check: str) -> Outcome:
    return _diagnosed(seed) if check == "diagnose" else _checked(seed, check)


def _diagnosed(seed: int) -> Outcome:
    case = planted_case(seed)
    if case is None:
        return seed, [], [], {"graphs without spikes (skipped)": 1}
    recovery, _ = recover(case)
    kinds = ["spiking nodes"] * recovery.nodes
    counts = {f.name: getattr(recovery, f.name) for f in fields(recovery) if f.name != "faults"}
    return seed, list(recovery.faults), kinds, {"graphs diagnosed": 1, **counts}


def _checked(seed: int, check: str) -> Outcome:
    case = random_case(seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", nirx.NirxWarning)
        found = CHECKS[check](case)
        kinds = [node.type_name for node in nirx.schedule(case.graph, case.discretization).nodes]
    release_programs()
    return seed, found, kinds, {}


def main(arguments: list[str] | None = None) -> int:
    """Run the sweep.

    Returns: 0 if nothing disagrees, else 1.
    """
    parser = argparse.ArgumentParser(prog="nirx_conformance.sweep", description=__doc__)
    parser.add_argument("check", choices=[*CHECKS, "diagnose"])
    parser.add_argument("--graphs", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0, help="of the first graph")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--seconds", type=float, default=None, help="stop after this time")
    options = parser.parse_args(arguments)
    start = time.monotonic()
    seeds = range(options.seed, options.seed + options.graphs)
    kinds: Counter[str] = Counter()
    totals: Counter[str] = Counter()
    done = wrong = 0
    context: Any = multiprocessing.get_context("spawn")
    with context.Pool(options.jobs) as pool:
        check = partial(_one, check=options.check)
        for seed, found, types, counts in pool.imap_unordered(check, seeds):
            done += 1
            kinds.update(types)
            totals.update(counts)
            wrong += bool(found)
            for line in found:
                print(f"seed {seed}: {line}", flush=True)
            if options.seconds is not None and time.monotonic() - start > options.seconds:
                break
        pool.terminate()
    print(
        f"{done} graphs, {wrong} disagree; {time.monotonic() - start:.0f} s; seeds from {seeds[0]}"
    )
    print(", ".join(f"{name} {count}" for name, count in kinds.most_common()))
    if totals:
        print(", ".join(f"{name} {count}" for name, count in totals.items()))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
