"""Ctrl-C, SIGTERM and SIGHUP: one line, the status of the signal, nothing half-written."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import nir
import numpy as np
import pytest

import nirx
from nirx.cli import main, stopping
from nirx.cli.stopping import Stopped, stopped_by_signals
from nirx.execution.execute import Executor
from nirx.files.archive import save_arrays
from support.graphs import chain, lif

SIGNALS = [s for s in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, s)]
RARE = [pytest.param(s, marks=pytest.mark.exhaustive) for s in SIGNALS[2:]]
RANDOM = ("--random", "0", "--steps", "2000")
COMMANDS = {
    "run": ("run", "g.nir", *RANDOM, "--out", "new.npz", "--state-out", "state.npz"),
    "compare": ("compare", "g.nir", *RANDOM, "--backends", "numpy,numpy", "--plot", "new.png"),
    "diagnose": ("diagnose", "g.nir", "seen.npz", *RANDOM),
    "verify": ("verify", "r.h5", "--backend", "numpy", "--plot", "new.png"),
    "reference": ("reference", "g.nir", "--input", "poisson:rate=0.3", "--out", "new.h5"),
    "conformance": ("conformance", "--backend", "numpy", "--report", "new", "--page", "new.md"),
    "bench": ("bench", "--backends", "numpy", "--steps", "2"),
    "move": ("move", "g.nir", "--to", "torch", *RANDOM, "--out", "new.nir"),
}
"""Every command that runs a network."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stopping")
    graph = chain({"fc": nir.Linear(np.eye(2, dtype=np.float32)), "lif": lif()}, 2)
    nirx.write(folder / "g.nir", graph, nirx.Discretization(dt=1e-3))
    spikes = nirx.reference(folder / "g.nir", "poisson:rate=0.3", folder / "r.h5", steps=20)
    assert spikes.steps == 20
    save_arrays(folder / "seen.npz", {"lif": np.zeros((2000, 1, 2), np.float32)})
    return folder


@pytest.fixture(autouse=True)
def _in_the_folder(folder, monkeypatch):
    monkeypatch.chdir(folder)


@pytest.fixture
def stop(monkeypatch):
    """`stop(number, call)` sends a signal to this process at that call of a run."""

    def stop(number, call=1):
        real, calls = Executor.run, []

        def run(*arguments, **options):
            calls.append(1)
            if len(calls) == call:
                os.kill(os.getpid(), number)
            return real(*arguments, **options)

        monkeypatch.setattr(Executor, "run", run)

    return stop


def files(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*"))


@pytest.mark.parametrize("number", [*SIGNALS[:2], *RARE])
@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_ends_with_one_line_and_leaves_nothing(folder, stop, capsys, command, number):
    stop(signal.Signals[number])
    before = files(folder)
    assert main(COMMANDS[command]) == 128 + signal.Signals[number]
    out, err = capsys.readouterr()
    by = "" if number == "SIGINT" else f" by {number}"
    lines = [line for line in err.splitlines() if not line.startswith("nirx: warning:")]
    assert (out, lines) == ("", [f"nirx: error: interrupted{by}"])
    left = [name for name in files(folder) if name not in before]
    assert left in ([], ["new"])  # the folder of a report


def test_an_interrupted_reference_says_how_to_go_on(folder, stop, capsys):
    command = [*COMMANDS["reference"], "--steps", "2500"]
    stop(signal.SIGINT, call=2)
    assert main(command) == 130
    text = r"interrupted; the computed parts are kept in {}: call it again"
    assert text.format(folder / "new.h5.parts") in capsys.readouterr().err
    assert [p.name for p in (folder / "new.h5.parts").glob("*.npz")] == ["part-000000.npz"]
    assert main(command) == 0
    assert "1,024 of them from an interrupted run" in capsys.readouterr().out
    (folder / "new.h5").unlink()
    assert not (folder / "new.h5.parts").exists()


def test_an_interrupt_that_a_library_raises_is_one_line_too(monkeypatch, capsys):
    def run(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(Executor, "run", run)
    assert main(["run", "g.nir", *RANDOM]) == 130
    assert capsys.readouterr().err.endswith("nirx: error: interrupted\n")


def test_handlers_are_put_back():
    before = [signal.getsignal(signal.Signals[number]) for number in SIGNALS]
    assert main(["--version"]) == 0
    assert [signal.getsignal(signal.Signals[number]) for number in SIGNALS] == before


@pytest.mark.parametrize("handler", [signal.SIG_IGN, lambda number, frame: None])
def test_an_ignored_signal_stays_ignored(stop, handler):
    before = signal.signal(signal.SIGTERM, handler)
    try:
        stop(signal.SIGTERM)
        assert main(["run", "g.nir", *RANDOM]) == 0
    finally:
        signal.signal(signal.SIGTERM, before)


def test_outside_the_main_thread_signals_are_left_alone(capsys):
    found: list[int] = []
    thread = threading.Thread(target=lambda: found.append(main(["run", "g.nir", *RANDOM])))
    thread.start()
    thread.join()
    assert found == [0]


def test_a_second_signal_does_not_stop_the_clean_up(monkeypatch):
    moments = iter([0.0, 0.5, 1.4, 2.5])
    monkeypatch.setattr(stopping.time, "monotonic", lambda: next(moments))
    raised = []
    with stopped_by_signals():
        for _ in range(4):
            try:
                signal.raise_signal(signal.SIGINT)
            except Stopped:
                raised.append(True)
            else:
                raised.append(False)
    assert raised == [True, False, False, True]


# -- processes ------------------------------------------------------------------------------

SCRIPT = """
import sys, time
from nirx.cli import main
from nirx.execution.execute import Executor
from nirx_conformance.suite import runner

def run(*arguments, **options):
    print("working", flush=True)
    while True:
        time.sleep(0.01)

if "--jobs" in sys.argv:  # this process, while the others work
    runner._result_of = run
else:
    Executor.run = run
if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
"""


def start(*command: str) -> subprocess.Popen[str]:
    """A command in a process group of its own, at work."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, env=environment, start_new_session=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "working\n"
    return process


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.slow
def test_a_process_ends_with_the_status_of_the_signal(folder, number):
    before = files(folder)
    process = start(*COMMANDS["run"])
    assert len(files(folder)) == len(before) + 4  # two temporary files, two locks
    process.send_signal(signal.Signals[number])
    out, err = process.communicate()
    assert process.returncode == 128 + signal.Signals[number]
    assert (out, err.count("\n")) == ("", 1)
    assert files(folder) == before


@pytest.mark.slow
@pytest.mark.parametrize("everyone", [True, False])
def test_the_processes_of_a_suite_end_with_it(everyone):
    process = start("conformance", "--backend", "numpy", "--jobs", "2", "--case", "affine")
    if everyone:  # Ctrl-C on a terminal
        os.killpg(process.pid, signal.SIGINT)
    else:
        process.terminate()
    _, err = process.communicate()  # until the last process has closed it
    assert process.returncode == (130 if everyone else 143)
    assert err.count("\n") == 1


@pytest.mark.slow
def test_a_second_command_on_one_target_says_so(folder):
    process = start(*COMMANDS["run"])
    command = [sys.executable, "-m", "nirx", *COMMANDS["run"]]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "--out new.npz: another run is writing it" in done.stderr
    process.kill()
    process.communicate()
    assert subprocess.run(command, capture_output=True, timeout=60).returncode == 0
    assert sorted(p.name for p in folder.glob("*.npz")) == ["new.npz", "seen.npz", "state.npz"]
    assert not list(folder.glob(".nirx-*"))
