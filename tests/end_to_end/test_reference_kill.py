"""kill -9: the next run continues where the killed one stopped, and writes the same bytes."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nirx.references.reading import ReferenceFile

SCRIPT = """
import importlib, os, signal, sys
from support.references import write_reference

out, steps, *moment = sys.argv[1:]
if moment:
    module, *names, last = moment[0].split(":")
    owner, calls = importlib.import_module(module), []
    for name in names:
        owner = getattr(owner, name)
    real = getattr(owner, last)

    def killing(*arguments, **options):
        calls.append(1)
        if len(calls) == int(moment[1]):
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*arguments, **options)

    setattr(owner, last, killing)
written = write_reference(out, "poisson:rate=0.3", spikes="events", steps=int(steps))
print(written.resumed)
"""
"""Writes a reference; kills itself when a function is called for the nth time."""

MOMENTS = {
    "before the lock": ("nirx.references.parts:FileLock:acquire", 1),
    "before the manifest": ("nirx.references.parts:write_whole", 1),
    "before the first part": ("nirx.references.parts:save_arrays", 1),
    "before the second part": ("nirx.references.parts:save_arrays", 2),
    "while the second part is written": ("numpy:lib:format:write_array", 20),
    "before the second part is put in its place": ("os:replace", 3),
    "before the digests": ("nirx.references.generate:streamed_digests", 1),
    "while values are written": ("nirx.references.nirdata_writing:_write_values", 3),
    "while events are written": ("nirx.references.nirdata_writing:event_rows", 1),
    "before the file is put in its place": ("os:replace", 5),
    "before the parts are removed": ("nirx.references.parts:Parts:remove", 1),
    "after a part was removed": ("pathlib:Path:unlink", 2),
    "before the manifest is removed": ("pathlib:Path:unlink", 4),
    "before the lock is removed": ("pathlib:Path:unlink", 5),
    "before the folder is removed": ("pathlib:Path:rmdir", 1),
}
"""A function, and at which of its calls."""
STEPS = 2500
"""Three chunks."""


def run(out: Path, *moment: object, steps: int = STEPS, limit: float | None = None) -> int | None:
    """The steps that were resumed; None for a run that was killed."""
    command = [sys.executable, "-c", SCRIPT, str(out), str(steps), *map(str, moment)]
    path = os.pathsep.join([str(Path(__file__).parents[1]), *filter(None, sys.path)])
    environment = {**os.environ, "PYTHONPATH": path}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    try:
        text, _ = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        process.kill()
        text, _ = process.communicate()
    if process.returncode == -signal.SIGKILL:
        return None
    assert process.returncode == 0
    return int(text)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The file of a run that was not killed."""
    out = tmp_path_factory.mktemp("whole") / "whole.h5"
    assert run(out) == 0
    return out.read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.sampled(3)
def test_a_run_killed_at_any_moment_is_continued(whole, tmp_path, moment):
    out = tmp_path / "r.h5"
    assert run(out, *MOMENTS[moment]) is None
    assert not out.exists() or out.read_bytes() == whole
    parts = sorted(p.name for p in tmp_path.glob("*.parts/part-*"))
    resumed = run(out)
    assert resumed == min(len(parts) * 1024, STEPS)
    assert out.read_bytes() == whole
    assert [p.name for p in tmp_path.iterdir()] == ["r.h5"]
    with ReferenceFile(out) as file:
        file.verify_content()


@pytest.mark.exhaustive
def test_a_run_killed_again_and_again_is_continued(whole, tmp_path):
    out = tmp_path / "r.h5"
    for place, call in MOMENTS.values():
        assert run(out, place, call if "replace" not in place else 1) is None
    run(out)
    assert out.read_bytes() == whole
    assert [p.name for p in tmp_path.iterdir()] == ["r.h5"]


@pytest.mark.exhaustive
def test_a_run_killed_at_random_moments_is_continued(tmp_path):
    whole, cut = tmp_path / "whole.h5", tmp_path / "cut.h5"
    start = time.monotonic()
    run(whole, steps=12_000)
    seconds = time.monotonic() - start
    chance = random.Random(0)
    kills = continued = 0
    while kills < 20:  # some runs are done before their time comes
        found = run(cut, steps=12_000, limit=chance.uniform(0.2, 0.9) * seconds)
        if found is None:
            kills += 1
            continued += any(tmp_path.glob("cut.h5.parts/part-*.npz"))
            assert not cut.exists() or cut.read_bytes() == whole.read_bytes()
        else:
            assert cut.read_bytes() == whole.read_bytes()
            cut.unlink()
    assert continued
    run(cut, steps=12_000)
    assert cut.read_bytes() == whole.read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["cut.h5", "whole.h5"]
