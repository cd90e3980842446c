"""stdout, stderr and stdin that are closed, full, or read only in part."""

from __future__ import annotations

import os
import subprocess
import sys

import nir
import numpy as np
import pytest

import nirx
from support.graphs import chain, lif

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not os.path.exists("/dev/full"), reason="Linux"),
]
LONG = 400
"""Nodes, of which each takes a line or more: too much for the buffer of a pipe."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("streams")
    nirx.write(folder / "g.nir", chain({"lif": lif()}, 2), nirx.Discretization(dt=1e-3))
    nodes = {f"scale{n}": nir.Scale(np.ones(2)) for n in range(LONG)}
    nirx.write(folder / "long.nir", chain(nodes, 2), nirx.Discretization(dt=1e-3))
    return folder


def shell(folder, command: str) -> subprocess.CompletedProcess[str]:
    """Run a line of bash, in which `nirx` is this Python's."""
    line = f'nirx() {{ "{sys.executable}" -m nirx "$@"; }}; set -o pipefail; {command}'
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    return subprocess.run(
        ["bash", "-c", line], capture_output=True, text=True, cwd=folder, env=environment
    )


@pytest.mark.parametrize("command", ["info long.nir", "info long.nir --json", "--help"])
def test_a_reader_that_closes_the_pipe_is_no_failure(folder, command):
    # The reader is gone before the first line.
    done = shell(folder, f"nirx {command} 1> >(exec true) 2>err; s=$?; cat err; exit $s")
    assert done.stdout == ""
    assert done.returncode in ((0, 141) if command == "--help" else (141,))


def test_head_of_a_long_output(folder):
    done = shell(folder, "nirx info long.nir --json | head -1")
    assert (done.returncode, done.stdout, done.stderr) == (141, "{\n", "")


@pytest.mark.parametrize(
    ("command", "status"),
    [
        ("info g.nir >&-", 0),
        ("info g.nir --json >&-", 0),
        ("--help >&-", 0),
        ("--version >&-", 0),
        ("info g.nir <&- >&- 2>&-", 0),
        ("info none.nir 2>&-", 2),
        ("info none.nir 2>/dev/full", 2),
        ("info none.nir >&- 2>&-", 2),
        ("run g.nir --random 0 --steps 9 2>&-", 0),
    ],
)
@pytest.mark.sampled(3)
def test_closed_streams(folder, command, status):
    done = shell(folder, f"nirx {command}")
    assert done.returncode == status
    assert "error" not in done.stdout
    assert done.stderr == ""


def test_messages_of_libraries_do_not_end_in_a_file_whose_number_was_free(folder):
    done = shell(folder, "nirx run g.nir --random 0 --steps 9 --out y.npz <&- >&- 2>&-")
    assert done.returncode == 0
    with np.load(folder / "y.npz") as found:
        assert found["output"].shape == (9, 1, 2)
    ends = "import os; os.write(1, b'x' * 9); os.write(2, b'x' * 9)"
    code = f"from nirx.cli.streams import *; prepare_streams(); f = open('f', 'w'); {ends}"
    done = shell(folder, f'"{sys.executable}" -c "{code}" <&- >&- 2>&-')
    assert (done.returncode, (folder / "f").read_bytes()) == (0, b"")


@pytest.mark.parametrize("command", ["info g.nir", "info g.nir --json", "--help", "--version"])
def test_a_full_disk_behind_stdout(folder, command):
    done = shell(folder, f"nirx {command} >/dev/full")
    assert done.returncode == 2
    assert done.stderr.startswith("nirx: error: ")
    assert done.stderr.endswith("\n")
    assert done.stderr.count("\n") == 1
    assert "No space left on device" in done.stderr
