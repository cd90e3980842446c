"""kill -9 at random moments of every command that writes: the old file or the new one, whole."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import nir
import numpy as np
import pytest

import nirx
from nirx.files.archive_reading import load_arrays
from nirx.references.reading import ReferenceFile
from support.graphs import chain

pytestmark = pytest.mark.exhaustive

STARTED = """
import os, sys
from nirx.cli.app import main
from nirx.files import whole_file
os.write(1, b"started")
"""
COMMAND = STARTED + "sys.exit(main(sys.argv[1:]))"
WRITE = STARTED + "import nirx; nirx.write(sys.argv[2], nirx.read(sys.argv[1]))"
RANDOM = ("--random", "1", "--steps", "300")
KILLS = 8
"""Of each command: half of them at random moments, half when a temporary file gets content."""


def png(path: Path) -> None:
    data = path.read_bytes()
    assert data.startswith(b"\x89PNG")
    assert data.endswith(b"IEND\xaeB`\x82")


def reference(path: Path) -> None:
    with ReferenceFile(path) as file:
        file.verify_content()


JOBS: dict[str, tuple[str, tuple[str, ...], str, Callable[[Path], object]]] = {
    "run": (COMMAND, ("run", "g.nir", *RANDOM, "--record", "all"), "--out y.npz", load_arrays),
    "state": (COMMAND, ("run", "g.nir", *RANDOM), "--state-out s.npz", load_arrays),
    "compare": (
        COMMAND,
        ("compare", "g.nir", *RANDOM, "--backends", "numpy,numpy"),
        "--plot p.png",
        png,
    ),
    "verify": (COMMAND, ("verify", "r.h5", "--backend", "numpy"), "--plot q.png", png),
    "reference": (
        COMMAND,
        ("reference", "g.nir", "--input", "poisson:rate=0.3", "--steps", "300"),
        "--out n.h5",
        reference,
    ),
    "conformance": (
        COMMAND,
        ("conformance", "--backend", "numpy", "--case", "affine"),
        "--page m.md",
        lambda path: path.read_text().index("<!-- end full -->"),
    ),
    "nirx.write": (WRITE, ("g.nir",), "h.nir", nirx.read),
}
"""Script, arguments, how the target is named, and what reads it."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("killed")
    layers = {}
    draw, width = np.random.default_rng(0).uniform, 60
    for n in range(4):
        layers[f"fc{n}"] = nir.Linear(draw(0, 1, (width, width)))
        tau, gain, leak = (draw(*ends, width) for ends in ((2e-3, 9e-3), (4, 9), (0, 0.1)))
        layers[f"lif{n}"] = nir.LIF(tau, gain, leak, np.ones(width))
    nirx.write(folder / "g.nir", chain(layers, width), nirx.Discretization(dt=1e-3))
    nirx.reference(folder / "g.nir", "poisson:rate=0.2", folder / "r.h5", steps=300)
    return folder


def begin(name: str, folder: Path) -> subprocess.Popen[bytes]:
    script, arguments, target, _ = JOBS[name]
    command = [sys.executable, "-c", script, *arguments, *target.split()]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    process = subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    )
    assert process.stdout is not None
    assert process.stdout.read(7) == b"started"
    return process


def half_written(folder: Path) -> bool:
    with suppress(FileNotFoundError):  # it has replaced the target just now
        return any(p.stat().st_size for p in folder.glob("**/.nirx-*.part"))
    return False


@pytest.mark.parametrize("name", JOBS)
def test_a_command_killed_at_any_moment_leaves_a_whole_file(folder, name):
    target = folder / JOBS[name][2].split()[-1]
    check = JOBS[name][3]
    process = begin(name, folder)
    start = time.monotonic()
    process.communicate()
    seconds = time.monotonic() - start
    check(target)
    chance = random.Random(name)
    kills = left = half = replaced = 0
    for attempt in range(200):  # some runs are done before their time comes
        before = target.stat().st_ino
        process = begin(name, folder)
        if attempt % 2:
            time.sleep(chance.uniform(0, seconds))
        else:
            while process.poll() is None and not half_written(folder):
                pass
        process.kill()
        process.communicate()
        check(target)
        if process.returncode == -9:
            kills += 1
            left += any(folder.glob(".nirx-*"))
            half += half_written(folder)
            replaced += target.stat().st_ino != before
        if kills == KILLS:
            break
    begin(name, folder).communicate()
    check(target)
    print(
        f"{name}: {kills} kills; {left} left temporary files, {half} of them with content;", end=""
    )
    print(f" {replaced} came after the new file was in its place")
    assert kills == KILLS
    assert not list(folder.glob(".nirx-*"))
    shutil.rmtree(folder / f"{target.name}.parts", ignore_errors=True)
