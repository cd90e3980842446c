"""The fuzzer: the same input for a seed, every wrong outcome found, and a run of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import nirx
from support.fuzzing.campaign import campaign, deadly_seeds
from support.fuzzing.command import main
from support.fuzzing.kind import Kind, random_of
from support.fuzzing.one_input import KINDS, emptied
from support.fuzzing.outcome import ACCEPTED, REFUSED, outcome

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="the processes are limited by Linux")
INPUTS = 500
"""Of each of the 17 kinds: about a minute on one core."""


def forked(test: Any) -> Any:
    """A test that forks this process, whose threads the child does without."""
    ignored = "ignore:.*use of fork:DeprecationWarning", "ignore:os.fork:RuntimeWarning"  # JAX's
    return LINUX(pytest.mark.filterwarnings(*ignored)(test))


def failing(error: BaseException | None) -> Any:
    def use(given: Any) -> None:
        if error is not None:
            raise error

    return use


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"graph"}))
def test_a_seed_makes_the_same_input(kind, tmp_path):
    def made(seed: int, name: str) -> list[bytes]:
        folder = emptied(tmp_path / name)
        KINDS[kind].make(random_of(kind, seed), folder)
        return [path.read_bytes() for path in sorted(folder.iterdir())]

    assert made(3, "a") == made(3, "b")
    assert made(3, "a") != made(4, "b")


def test_a_result_and_a_nirx_error_are_right():
    assert outcome(failing(None), None) == (ACCEPTED, "")
    assert outcome(failing(nirx.GraphError([nirx.Fault("a", "b")])), None) == (REFUSED, "")


@pytest.mark.parametrize(
    "error", [ValueError("x"), RecursionError(), RuntimeWarning("x"), MemoryError(), KeyError("x")]
)
def test_anything_else_is_wrong(error):
    what, trace = outcome(failing(error), None)
    assert type(error).__name__ in what
    assert "Traceback" in trace


def test_a_refusal_that_hides_a_lack_of_memory_is_wrong():
    def use(given: Any) -> None:
        try:
            raise MemoryError
        except MemoryError as error:
            raise nirx.FileError("damaged") from error

    assert "a lack of memory" in outcome(use, None)[0]
    assert "0 characters" in outcome(failing(nirx.FileError("")), None)[0]


def _work(seconds: float) -> None:
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


PLANTED = {
    "killed": lambda: os.kill(os.getpid(), signal.SIGSEGV),
    "endless": lambda: _work(60),
    "huge": lambda: bytearray(2**31),
    "large": lambda: b"x" * (600 * 2**20),
}


@pytest.mark.slow
@pytest.mark.skipif(
    sys.platform != "linux", reason="the processes are forked, and limited by Linux"
)
@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("killed", "SIGSEGV"),
        pytest.param("endless", "SIGPROF", marks=pytest.mark.exhaustive),
        *(("huge", "MemoryError"), ("large", "accepted, but it took ")),
    ],
)
def test_a_planted_fault_is_found_with_its_seed(fault, words, monkeypatch, tmp_path):
    planted = Kind("planted", lambda rng, folder: rng.randrange(50) == 0, _of(PLANTED[fault]))
    wanted = [s for s in range(40) if random_of("planted", s).randrange(50) == 0]
    assert len(wanted) == 1
    monkeypatch.setitem(KINDS, "planted", planted)
    found = campaign(["planted"], 0, 2, tmp_path, inputs=40)["planted"]
    assert [failure.seed for failure in found.failures] == wanted
    assert words in found.failures[0].what
    assert found.counts == {ACCEPTED: 39, REFUSED: 0, "failed": 1}


def _of(fault: Any) -> Any:
    return lambda given: fault() if given else None


@forked
@pytest.mark.slow
def test_the_inputs_that_end_a_process_together_are_found_by_bisection(monkeypatch, tmp_path):
    used: list[float] = []
    draws = [random_of("pair", seed).random() for seed in range(10)]

    def use(given: float) -> None:
        used.append(given)
        if {draws[3], draws[7]} <= set(used):
            os.abort()

    monkeypatch.setitem(KINDS, "pair", Kind("pair", lambda rng, folder: rng.random(), use))
    assert deadly_seeds("pair", range(8), tmp_path) == range(3, 8)
    assert not deadly_seeds("pair", range(4, 10), tmp_path)


def test_one_input_is_used_again_by_its_seed(capsys, tmp_path):
    assert main(["--only", "nir-bytes:0", "--save", str(tmp_path)]) == 0
    assert "nir-bytes:0: " in capsys.readouterr().out
    assert (tmp_path / "nir-bytes-0" / "x.nir").exists()
    assert main(["--only", "nothing:0"]) == 2


@pytest.mark.exhaustive
@pytest.mark.skipif(
    sys.platform != "linux", reason="the processes are forked, and limited by Linux"
)
def test_no_input_is_anything_but_accepted_or_refused():
    """In a process of its own: this one has threads, and may not be forked."""
    command = [sys.executable, "-m", "support.fuzzing", "--inputs", str(INPUTS), "--jobs", "1"]
    tests = str(Path(__file__).parents[1])
    paths = os.pathsep.join([tests, *filter(None, [os.environ.get("PYTHONPATH")])])
    env = {**os.environ, "PYTHONPATH": paths, "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stdout + done.stderr
