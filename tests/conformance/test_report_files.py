"""Writing the report's two files, and what happens when that fails."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pytest

import nirx
from nirx_conformance.suite.outcome import Outcome
from nirx_conformance.suite.report import check_report, write_report
from support.reports import one, written


def test_without_jinja2_the_json_is_still_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(nirx.UnsupportedError, match=r'pip install "nirx\[report\]"'):
        check_report(tmp_path)
    with pytest.raises(nirx.UnsupportedError, match=r'pip install "nirx\[report\]"'):
        write_report(tmp_path, [one(Outcome.PASS)], "core")
    assert [p.name for p in tmp_path.iterdir()] == ["results.json"]


@pytest.mark.parametrize("place", ["file", "file/below", "nul\0"])
def test_a_directory_that_cannot_be_created_is_an_error(tmp_path: Path, place: str):
    (tmp_path / "file").write_text("mine")
    for attempt in (check_report, lambda path: write_report(path, [], "core")):
        with pytest.raises(nirx.FileError, match=re.escape(place.split("/")[0].strip("\0"))):
            attempt(tmp_path / place)
    assert (tmp_path / "file").read_text() == "mine"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("name", ["results.json", "report.html"])
def test_a_file_that_cannot_be_written_leaves_the_other_as_it_was(tmp_path: Path, name: str):
    (tmp_path / name).mkdir()
    with pytest.raises(nirx.FileError, match=re.escape(name)):
        write_report(tmp_path, [one(Outcome.PASS)], "core")
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_a_failure_halfway_leaves_the_old_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    write_report(tmp_path, [one(Outcome.PASS)], "core")
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    real = Path.write_text

    def full(self: Path, text: str, *args: Any, **options: Any) -> int:
        if text.startswith("<!DOCTYPE"):
            real(self, text[:100], *args, **options)
            raise OSError(28, "No space left on device")
        return real(self, text, *args, **options)

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(nirx.FileError, match="No space left"):
        write_report(tmp_path, [one(Outcome.FAIL)], "full")
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


def test_a_directory_is_created_with_its_parents_and_may_be_overwritten(tmp_path: Path):
    folder = tmp_path / "a" / "b"
    write_report(folder, [one(Outcome.FAIL)], "core")
    page, data, _ = written(folder, [one(Outcome.PASS)], "recurrent")
    assert data["level"] == "recurrent"
    assert page.of_class("failure") == []
    assert sorted(p.name for p in folder.iterdir()) == ["report.html", "results.json"]
