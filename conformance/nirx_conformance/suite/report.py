"""The report: results.json for programs, and report.html, one page that loads nothing else."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from nirx.errors import FileError, UnsupportedError
from nirx.files.whole_file import hold_target, whole_file
from nirx.viewing.templating import check_jinja, environment, with_assets
from nirx_conformance.suite import report_plot
from nirx_conformance.suite.outcome import Result
from nirx_conformance.suite.report_content import page_content
from nirx_conformance.suite.table import payload

__all__ = ["check_report", "write_report"]

WHAT = "the page of a report"
JSON, PAGE = "results.json", "report.html"


def check_report(directory: Path) -> None:
    """Check before a long run that `write_report` will work; makes the directory.

    **Raises**: `FileError`, `UnsupportedError` without jinja2.
    """
    check_jinja(WHAT)
    directory = _make_directory(directory)
    for name in (JSON, PAGE):
        hold_target(directory / name, "--report")


def write_report(directory: Path, results: Sequence[Result], level: str) -> None:
    """Write results.json and report.html, each completely or not at all.

    Arguments:
        directory: made if it does not exist.
        results: of `run_tasks`.
        level: the level that was run.

    **Raises**: `FileError` where the directory or a file cannot be written; `UnsupportedError`
    without jinja2, after results.json is written.
    """
    data = payload(results, level)
    text = json.dumps(data, indent=1, allow_nan=False)
    try:
        page, missing = _page(results, data), None
    except UnsupportedError as error:
        page, missing = "", error
    directory = _make_directory(directory)
    with whole_file(str(directory / JSON)) as first:
        Path(first).write_text(text + "\n", encoding="utf-8")
        if missing is None:
            with whole_file(str(directory / PAGE)) as second:
                Path(second).write_text(page, encoding="utf-8", newline="\n")
    if missing is not None:
        raise missing


def _make_directory(directory: Path) -> Path:
    try:
        directory = Path(directory)
        directory.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise FileError(f"{directory}: is a file; expected a directory") from error
    except OSError as error:
        raise FileError(f"{directory}: cannot be created: {error.strerror or error}") from error
    except ValueError as error:  # a NUL in the path
        raise FileError(f"{str(directory)!r}: cannot be created: {error}") from error
    for name in (JSON, PAGE):
        if (directory / name).is_dir():
            raise FileError(f"{directory / name}: is a directory; expected a file or nothing")
    return directory


def _visible(value: Any) -> Any:
    """Escape unprintable characters: names and messages may contain anything."""
    if not isinstance(value, str) or hasattr(value, "__html__"):
        return value
    return "".join(c if c.isprintable() or c in "\n\t" else repr(c)[1:-1] for c in value)


def _page(results: Sequence[Result], data: Mapping[str, Any]) -> str:
    check_jinja(WHAT)
    from markupsafe import Markup  # comes with jinja2

    templates = environment("nirx_conformance.suite", _visible)
    drawn = report_plot.can_draw()
    content = page_content(results, data)
    failures = [failure for _, own in content["failures"] for failure in own]
    for failure in failures:
        plot = failure["result"].plot
        failure["plot"] = (
            Markup(report_plot.draw(plot, failure["anchor"] + "-")) if plot and drawn else ""
        )
    return templates.get_template("report.html").render(
        **content,
        title=f"nirx conformance, level {data['level']}",
        date=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        **with_assets(templates, "report.css", "filter.js"),
        undrawn=not drawn and any(failure["result"].plot for failure in failures),
    )
