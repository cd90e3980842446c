"""Results as tables, Markdown and JSON: node type x backend, outcome x backend, failures."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from rich.table import Table

import nirx
from nirx_conformance.suite.explanation import BINS
from nirx_conformance.suite.outcome import GOOD, Outcome, Result, node_outcome

__all__ = ["good", "markdown", "matrix", "payload", "tables"]

SHOWN = 20
"""Failures listed on the terminal; the report has all."""


def good(results: Sequence[Result]) -> bool:
    """Whether there are no unexpected failures and at least one pass."""
    return all(r.outcome in GOOD for r in results) and any(
        r.outcome in (Outcome.PASS, Outcome.XFAIL) for r in results
    )


def matrix(results: Sequence[Result]) -> tuple[list[str], list[str], dict[tuple[str, str], Any]]:
    """Node types, backends, and per pair (outcome, passed, run)."""
    backends = list(dict.fromkeys(r.backend for r in results))
    types = sorted({t for r in results for t in r.types})
    cells = {}
    for kind in types:
        for backend in backends:
            own = [r for r in results if r.backend == backend and kind in r.types]
            passed = sum(r.outcome is Outcome.PASS for r in own)
            cells[kind, backend] = node_outcome(own), passed, len(own)
    return types, backends, cells


def tables(results: Sequence[Result]) -> tuple[Any, ...]:
    """The parts of the terminal's output."""
    types, backends, cells = matrix(results)
    nodes = Table("node", *backends, title="passed of all cases: worst outcome")
    for kind in types:
        row = []
        for backend in backends:
            outcome, passed, run = cells[kind, backend]
            row.append(f"{passed} of {run}: {outcome}" if run else "")
        nodes.add_row(kind, *row)
    counts = Table("outcome", *backends)
    for outcome in Outcome:
        by_backend = [
            sum(r.outcome is outcome for r in results if r.backend == b) for b in backends
        ]
        if any(by_backend):
            counts.add_row(str(outcome), *map(str, by_backend))
    bad = [r for r in results if r.outcome not in GOOD]
    lines = [f"{r.outcome}: {r.backend}, {r.case!r}: {r.message}" for r in bad[:SHOWN]]
    if len(bad) > SHOWN:
        lines.append(f"... and {len(bad) - SHOWN} more; --report DIR writes all of them")
    reasons = Counter(r.message for r in results if r.outcome is Outcome.UNSUPPORTED)
    lines += [f"unsupported ({n} cases): {text}" for text, n in reasons.most_common(SHOWN)]
    verdict = "no unexpected failures" if good(results) else "FAILED"
    unsupported = sum(reasons.values())
    end = f"; {unsupported} of {len(results)} are unsupported" if unsupported else ""
    return nodes, counts, *lines, verdict + end


def markdown(results: Sequence[Result], level: str, command: str) -> str:
    """The matrix for a Markdown page: node type x backend, passed of all cases."""
    types, backends, cells = matrix(results)
    versions = ", ".join(f"{k} {v}" for k, v in _versions().items())
    lines = [
        f"Level `{level}`, semantics version {nirx.SEMANTICS_VERSION}; {versions}.",
        f"Made by `{command}`.",
        "",
        "| node | " + " | ".join(backends) + " |",
        "|---" * (len(backends) + 1) + "|",
    ]
    for kind in types:
        row = (cells[kind, b] for b in backends)
        own = " | ".join(f"{outcome} {passed}/{run}" for outcome, passed, run in row)
        lines.append(f"| {kind} | {own} |")
    passed = [r.backend for r in results if r.outcome is Outcome.PASS]
    run = [r.backend for r in results]
    total = " | ".join(f"{passed.count(b)}/{run.count(b)}" for b in backends)
    return "\n".join([*lines, f"| **all cases** | {total} |"]) + "\n"


def payload(results: Sequence[Result], level: str) -> dict[str, Any]:
    """The content of `--json` and results.json."""
    types, backends, cells = matrix(results)
    return {
        "semantics": nirx.SEMANTICS_VERSION,
        "level": level,
        "versions": _versions(),
        "backends": {
            b: dict(sorted(Counter(str(r.outcome) for r in results if r.backend == b).items()))
            for b in backends
        },
        "nodes": {t: {b: str(cells[t, b][0]) for b in backends} for t in types},
        "ulp_bins": list(BINS),
        "results": [_plain(asdict(r)) for r in results],
    }


def _plain(value: Any) -> Any:
    """As JSON has it: an outcome, NaN and infinity become text."""
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    odd = isinstance(value, float) and not math.isfinite(value)
    return str(value) if odd or isinstance(value, Outcome) else value


def _versions() -> dict[str, str]:
    found = {}
    for name in ("nirx", "nir", "numpy", "torch", "jax", "equinox"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
