"""The third-party backend of docs/test-your-backend.md plugs in both ways."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import nirx
from nirx.cli import main
from nirx_conformance.suite.outcome import Outcome
from nirx_conformance.suite.runner import Task, cases_of, run_tasks

PAGE = Path(__file__).parents[2] / "docs" / "test-your-backend.md"


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """A folder with mine.py, on Python's path."""
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    (tmp_path / "mine.py").write_text(code)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    sys.modules.pop("mine", None)


def results(backend, level="core"):
    return run_tasks([Task(c.name, backend) for c in cases_of(level)])


def test_it_plugs_in_by_module_and_object(mine):
    found = results("mine:BACKEND")
    by_outcome = {o: [r for r in found if r.outcome is o] for o in Outcome}
    assert len(by_outcome[Outcome.PASS]) >= 3
    assert len(by_outcome[Outcome.UNSUPPORTED]) > len(by_outcome[Outcome.PASS])
    assert not by_outcome[Outcome.FAIL] + by_outcome[Outcome.ERROR]
    assert any("LIF" in r.types for r in by_outcome[Outcome.PASS])


@pytest.mark.slow
def test_it_plugs_in_by_entry_point(mine):
    info = mine / "mine-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mine\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[nirx.backends]\nmine = mine:BACKEND\n")
    assert nirx.find_backend("mine").name == "mine"
    outcomes = {r.outcome for r in results("mine")}
    assert Outcome.PASS in outcomes
    assert not outcomes & {Outcome.FAIL, Outcome.ERROR}


def test_a_fault_in_it_is_found_and_explained(mine):
    text = (mine / "mine.py").read_text()
    (mine / "mine.py").write_text(text.replace("v > threshold", "v >= 2 * threshold"))
    failed = [r for r in results("mine:BACKEND") if r.outcome is Outcome.FAIL]
    assert failed
    assert re.match(r"step \d+, .*expected .* found .*meaning", failed[0].message)


@pytest.mark.slow
def test_the_command_line_takes_it(mine, capsys):
    arguments = ["conformance", "--backend", "mine:BACKEND", "--level", "core"]
    assert main([*arguments, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["backends"]["mine:BACKEND"]["pass"] >= 3
    assert report["nodes"]["Conv2d"]["mine:BACKEND"] == "unsupported"
    (mine / "xfail.toml").write_text('[xfail]\n"neuron LIF" = "I thought so"\n')
    assert main([*arguments, "--xfail", str(mine / "xfail.toml")]) == 1
    assert "xpass" in capsys.readouterr().out


def test_a_missing_backend_is_an_input_error(mine, capsys):
    for name in ("mine:NOTHING", "nothing:BACKEND", "mine:np"):
        assert main(["conformance", "--backend", name]) == 2
        assert "nirx: error: backend" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.exhaustive
def test_the_pytest_plugin_gives_one_test_per_case(mine):
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(mine)]
    command += ["--nirx-backend=mine:BACKEND", "--nirx-level=core"]
    done = subprocess.run(command, cwd=mine, capture_output=True, text=True, check=False)
    passed, skipped = (
        int(re.findall(rf"(\d+) {w}", done.stdout)[0]) for w in ("passed", "skipped")
    )
    assert done.returncode == 0, done.stdout
    assert passed + skipped == len(cases_of("core"))
    text = (mine / "mine.py").read_text()
    (mine / "mine.py").write_text(text.replace("v > threshold", "v >= 2 * threshold"))
    done = subprocess.run(command, cwd=mine, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "difference in meaning" in done.stdout
