"""kill -9 at random moments: the run goes on, and the file has the same bytes in the end."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nirx.references.reading import ReferenceFile

SCRIPT = """
import sys
import nir, nirx, numpy as np

size = 40
draw = np.random.default_rng(0).uniform
lif = nir.LIF(*(draw(*r, size) for r in ((2e-3, 2e-2), (4, 9), (0, 0.1), (0.5, 1), (0, 0.1))))
graph = nir.NIRGraph(
    {
        "input": nir.Input(np.array([size])),
        "lif": lif,
        "w": nir.Linear(draw(-0.1, 0.1, (size, size))),
        "output": nir.Output(np.array([size])),
    },
    [("input", "lif"), ("lif", "w"), ("w", "lif"), ("lif", "output")],
)
written = nirx.reference(
    graph,
    "poisson:rate=0.3",
    sys.argv[1],
    steps=12_000,
    discretization=nirx.Discretization(dt=1e-3),
)
print(written.digest, written.resumed)
"""


def run(script: Path, out: Path, limit: float | None = None) -> tuple[str, int] | None:
    """The digest and the steps that were there already; None for a run that was killed."""
    process = subprocess.Popen(
        [sys.executable, str(script), str(out)], stdout=subprocess.PIPE, text=True
    )
    try:
        text, _ = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.communicate()
        return None
    assert process.returncode == 0
    digest, resumed = text.split()
    return digest, int(resumed)


@pytest.mark.slow
def test_a_killed_run_goes_on_and_ends_in_the_same_bytes(tmp_path):
    script = tmp_path / "make.py"
    script.write_text(SCRIPT)
    whole, cut = tmp_path / "whole.h5", tmp_path / "cut.h5"
    start = time.monotonic()
    wanted = run(script, whole)
    seconds = time.monotonic() - start
    assert wanted is not None
    chance = random.Random(0)
    kills = went_on = 0
    for _ in range(200):  # until 20 runs were killed: some are done before their time comes
        found = run(script, cut, chance.uniform(0.2, 0.9) * seconds)
        parts = cut.with_name("cut.h5.parts")
        if found is None:
            kills += 1
            went_on += parts.exists() and any(parts.glob("part-*.npz"))
            assert not cut.exists() or cut.read_bytes() == whole.read_bytes()
        else:
            assert found[0] == wanted[0]
            assert cut.read_bytes() == whole.read_bytes()
            assert not parts.exists()
            cut.unlink()
        if kills == 20:
            break
    assert kills == 20
    assert went_on
    last = run(script, cut)
    assert last is not None
    assert cut.read_bytes() == whole.read_bytes()
    with ReferenceFile(cut) as file:
        file.verify_content()
    left = sorted(p.name for p in tmp_path.iterdir())
    assert left == ["cut.h5", "make.py", "whole.h5"]
