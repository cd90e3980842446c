"""The report: results.json for machines, report.html for people; one page without a network."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from nirx.errors import FileError, UnsupportedError
from nirx.files.whole_file import whole_file
from nirx_conformance.suite import report_plot
from nirx_conformance.suite.explanation import BINS, Departure, Explanation
from nirx_conformance.suite.outcome import GOOD, Outcome, Result
from nirx_conformance.suite.table import good, matrix, payload

__all__ = ["check_report", "write_report"]

TEMPLATES = Path(__file__).parent / "templates"
JSON, PAGE = "results.json", "report.html"

SLOWEST = 15
"""Cases in the table of times."""

UNTYPED = "(ports only, or unknown)"
"""The matrix's row of cases without a node type: a failure there has to be seen too."""


def check_report(directory: Path) -> None:
    """Say before a long run whether `write_report` can work; makes the directory.

    **Raises**: `FileError`, `UnsupportedError` without jinja2.
    """
    _environment()
    _made(directory)


def write_report(directory: Path, results: Sequence[Result], level: str) -> None:
    """Write results.json and report.html, each whole or not at all.

    Arguments:
        directory: made where it is missing.
        results: of `run_tasks`.
        level: that was run.

    **Raises**: `FileError` where the directory or a file cannot be written; `UnsupportedError`
    without jinja2, after results.json is written.
    """
    data = payload(results, level)
    text = json.dumps(_strict(data), indent=1, allow_nan=False)
    try:
        page, missing = _page(results, data), None
    except UnsupportedError as error:
        page, missing = "", error
    directory = _made(directory)
    with whole_file(str(directory / JSON)) as first:
        Path(first).write_text(text + "\n", encoding="utf-8")
        if missing is None:
            with whole_file(str(directory / PAGE)) as second:
                Path(second).write_text(page, encoding="utf-8", newline="\n")
    if missing is not None:
        raise missing


def _made(directory: Path) -> Path:
    try:
        directory = Path(directory)
        directory.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise FileError(f"{directory}: is a file; expected a directory") from error
    except OSError as error:
        raise FileError(f"{directory}: cannot be made: {error.strerror or error}") from error
    except ValueError as error:  # a NUL in the path
        raise FileError(f"{str(directory)!r}: cannot be made: {error}") from error
    for name in (JSON, PAGE):
        if (directory / name).is_dir():
            raise FileError(f"{directory / name}: is a directory; expected a file or nothing")
    return directory


def _strict(value: Any) -> Any:
    """As `nirx --json` gives it: numbers that JSON lacks are text."""
    if isinstance(value, Mapping):
        return {str(k): _strict(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_strict(v) for v in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _environment() -> Any:
    try:
        import jinja2
    except ImportError as error:
        raise UnsupportedError(
            f"the page of a report needs jinja2 ({error}); "
            'install it with: pip install "nirx[report]"'
        ) from error
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_visible,
    )


def _visible(value: Any) -> Any:
    """Names and messages come from anyone: what no page can show is spelled out."""
    if not isinstance(value, str) or hasattr(value, "__html__"):
        return value
    return "".join(c if c.isprintable() or c in "\n\t" else repr(c)[1:-1] for c in value)


def _page(results: Sequence[Result], data: Mapping[str, Any]) -> str:
    environment = _environment()
    from markupsafe import Markup  # comes with jinja2

    script = (TEMPLATES / "filter.js").read_text(encoding="utf-8")
    anchors = _anchors(results)
    backends = list(data["backends"])
    failures = [[_failure(results[i], a) for i, a in anchors.items() if results[i].backend == b]
                for b in backends]  # fmt: skip
    drawn = report_plot.can_draw()
    for failure in (f for group in failures for f in group):
        plot = failure["result"].plot
        if plot and drawn:
            failure["plot"] = Markup(report_plot.draw(plot, failure["anchor"] + "-"))
    return environment.get_template("report.html").render(
        data=data,
        date=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        style=Markup((TEMPLATES / "report.css").read_text(encoding="utf-8")),
        script=Markup(script),
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        outcomes=[str(o) for o in Outcome],
        summary=[_summary(b, [r for r in results if r.backend == b]) for b in backends],
        backends=backends,
        rows=_rows(results, anchors),
        failures=list(zip(backends, failures, strict=True)),
        expected=[r for r in results if r.outcome is Outcome.XFAIL],
        without={
            str(o): _by_reason(r for r in results if r.outcome is o)
            for o in (Outcome.UNSUPPORTED, Outcome.NOT_RUN)
        },
        slowest=sorted(results, key=lambda r: -r.seconds)[:SLOWEST],
        undrawn=not drawn and any(r.plot for r in results if r.outcome not in GOOD),
    )


def _anchors(results: Sequence[Result]) -> dict[int, str]:
    """Where a failure stands in the page: its position in the results -> its id."""
    found: dict[int, str] = {}
    taken: set[str] = set()
    for position, result in enumerate(results):
        if result.outcome in GOOD or result.outcome is Outcome.NOT_RUN:
            continue
        words = re.findall(r"[a-z0-9]+", f"{result.backend} {result.case}".lower())
        name = base = "at-" + "-".join(words)[:80]
        count = 1
        while name in taken:
            count += 1
            name = f"{base}--{count}"
        taken.add(name)
        found[position] = name
    return found


def _summary(backend: str, own: list[Result]) -> dict[str, Any]:
    count = {str(o): sum(r.outcome is o for r in own) for o in Outcome}
    but = [
        f"{count[kind]} {words}"
        for kind, words in (("xfail", "known to fail"), ("unsupported", "unsupported"))
        if count[kind]
    ]
    if count["not-run"] == len(own):
        colour, verdict = "not-run", "not run"
    elif not good(own):
        colour, verdict = "fail", "does not pass"
    elif but:
        colour, verdict = "xfail", f"passes, but {' and '.join(but)}"
    else:
        colour, verdict = "pass", "passes"
    return {
        "backend": backend,
        "colour": colour,
        "verdict": verdict,
        "count": count,
        "all": len(own),
        "seconds": sum(r.seconds for r in own),
    }


def _rows(results: Sequence[Result], anchors: Mapping[int, str]) -> list[dict[str, Any]]:
    """The matrix: per node type one cell per backend, with links to its failures."""
    typed = [r if r.types else replace(r, types=(UNTYPED,)) for r in results]
    types, backends, cells = matrix(typed)
    links: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for position, anchor in anchors.items():
        result = typed[position]
        for kind in result.types:
            links.setdefault((kind, result.backend), []).append((anchor, result.case))
    rows = []
    for kind in sorted(types, key=UNTYPED.__eq__):  # the untyped come last
        row = []
        for backend in backends:
            outcome, passed, run = cells[kind, backend]
            own = links.get((kind, backend), [])
            row.append({"outcome": str(outcome), "passed": passed, "run": run, "links": own})
        rows.append({"type": kind, "cells": row})
    return rows


def _failure(result: Result, anchor: str) -> dict[str, Any]:
    explanation = result.explanation
    first = explanation.worst if explanation else None
    return {
        "result": result,
        "anchor": anchor,
        "facts": [*_departure(first), *_further(explanation)],
        "bins": _bins(explanation),
        "plot": None,
    }


def _departure(first: Departure | None) -> list[tuple[str, str]]:
    if first is None:
        return []
    place = ", ".join(map(str, first.index))
    return [
        ("step", str(first.step)),
        ("node", first.node),
        ("index", f"[{place}]" if place else "a scalar"),
        ("expected", repr(first.expected)),
        ("found", repr(first.found)),
        ("input of the node", _input(first)),
        *([] if first.margin is None else [("margin to the threshold", f"{first.margin:.6g}")]),
        ("cause", first.cause),
    ]


def _input(first: Departure) -> str:
    if first.inputs is None:
        return "the same on both sides" if first.same_input else "differs already or not recorded"
    ours, theirs = map(repr, first.inputs)
    return f"{ours}, the same" if first.same_input else f"expected {ours}, found {theirs}"


def _further(explanation: Explanation | None) -> list[tuple[str, str]]:
    if explanation is None:
        return []
    facts = []
    if explanation.spike_mismatches:
        facts.append(("spikes that one side lacks", f"{explanation.spike_mismatches:,}"))
    if explanation.excused_at is not None:
        facts.append(("rounding may decide from step", str(explanation.excused_at)))
    return facts


def _bins(explanation: Explanation | None) -> list[dict[str, Any]]:
    """The ULP histogram; heights are logarithmic, or one number in a million has none."""
    if explanation is None or not explanation.histogram:
        return []
    most = math.log1p(max(explanation.histogram)) or 1.0
    ends = [*BINS[1:], None]
    names = [
        f"{low:,} or more" if end is None else f"{low:,}" if end == low + 1 else
        f"{low:,} to {end - 1:,}"
        for low, end in zip(BINS, ends, strict=True)
    ]  # fmt: skip
    return [
        {"name": name, "count": count, "height": round(100 * math.log1p(count) / most)}
        for name, count in zip(names, explanation.histogram, strict=True)
    ]


def _by_reason(results: Iterable[Result]) -> list[tuple[str, str, list[str]]]:
    """(backend, reason, cases): a missing library is one reason for all cases."""
    found: dict[tuple[str, str], list[str]] = {}
    for result in results:
        found.setdefault((result.backend, result.message), []).append(result.case)
    return [(*key, cases) for key, cases in found.items()]
