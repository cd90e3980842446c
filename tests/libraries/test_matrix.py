"""docs/libraries.md says what the installed libraries do now, and no bridge is wrong."""

from __future__ import annotations

import difflib
import re
from pathlib import Path

import pytest

from nirx_conformance.libraries import page
from nirx_conformance.libraries.library import EVENT_BASED, LIBRARIES, installed
from nirx_conformance.libraries.matrix import measure
from nirx_conformance.libraries.verdict import Outcome
from nirx_conformance.suite.page import write_section

PAGE = Path(__file__).parents[2] / "docs" / "libraries.md"

MISSING = [library.name for library in (*LIBRARIES, *EVENT_BASED) if not installed(library)]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        len(MISSING) == len((*LIBRARIES, *EVENT_BASED)),
        reason="the libraries are installed by `make libraries` only",
    ),
]


@pytest.fixture(scope="module")
def matrix():
    assert not MISSING, f"not installed: {', '.join(MISSING)}; run `make libraries`"
    return measure(LIBRARIES), measure(EVENT_BASED, ("taken",))


def test_no_bridge_differs_or_crashes(matrix):
    bad = [
        f"{part.library.name}, {row}, {page.HEADINGS[column]}: {verdict.outcome} {verdict.detail}"
        for part in matrix[0]
        for row, own in part.cells.items()
        for column, verdict in own.items()
        if column != "importer" and verdict.outcome in (Outcome.DIFFERENT, Outcome.CRASH)
    ]
    assert not bad, "\n".join(["", *bad])


def verdicts(text):
    """The tables row by row. Exact or rounded can depend on the processor, so it counts as one."""
    rows, library = [], ""
    for line in text.splitlines():
        library = line.removeprefix("### ") if line.startswith("### ") else library
        if line.startswith("| ") and library:
            plain = re.sub(r" \(\d+\)", "", line)  # the number of a note
            rows.append(f"{library}: " + re.sub("exact|rounding", "agrees", plain))
    return rows


def test_the_page_says_what_the_libraries_do(matrix, tmp_path):
    now = tmp_path / "libraries.md"
    now.write_text(PAGE.read_text("utf-8"), "utf-8")
    write_section(now, page.SECTION, page.text(*matrix))
    before, after = (verdicts(path.read_text("utf-8")) for path in (PAGE, now))
    assert len(after) > 400
    names = "docs/libraries.md", "measured now"
    differ = list(difflib.unified_diff(before, after, *names, n=0, lineterm=""))
    assert not differ, "\n".join(["", *differ, "", f"If that is right: {page.COMMAND}"])


def test_a_verdict_that_changes_is_seen():
    text = PAGE.read_text("utf-8")
    row = "| LIF, r = 2 | different (6) | exact | exact |"
    assert row in text
    for other, seen in (
        (row.replace("different (6)", "exact"), True),
        (row.replace("| exact | exact", "| exact | refused (3)"), True),
        (row.replace("exact |", "rounding |"), False),
        (row.replace("(6)", "(7)"), False),
    ):
        assert (verdicts(text.replace(row, other)) != verdicts(text)) is seen
