"""Estimates of memory: what `nirx info` prints, and what `--max-memory` refuses."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from typing import Any

import nir
import numpy as np
import pytest

import nirx
from nirx.cli import main
from nirx.cli.memory_limit import bytes_of
from nirx.errors import InputError
from nirx.execution.memory import BACKENDS, Estimate, estimate_memory
from support.graphs import lif, line, make_graph

D = nirx.Discretization(dt=1.0)


def chain(depth: int, size: int = 8) -> nir.NIRGraph:
    nodes = {f"l{k}": lif(size, v_threshold=0.3) for k in range(depth)}
    return make_graph(line("input", *nodes, "output"), size, **nodes)


def loop(size: int) -> nir.NIRGraph:
    nodes = {"lif": lif(size), "rec": nir.Linear(np.eye(size))}
    edges = [*line("input", "lif", "output"), *line("lif", "rec", "lif")]
    return make_graph(edges, size, **nodes)


def estimate(graph: nir.NIRGraph, **changes: Any) -> Estimate:
    given = {"steps": 100, "samples": 4, "itemsize": 4, **changes}
    return estimate_memory(graph, nirx.schedule(graph, D), "numpy", **given)


def test_a_chunk_is_the_inputs_and_what_the_node_at_work_makes():
    factors = BACKENDS["numpy"]
    numbers = 100 * 4 * 8 * (factors.inputs + factors.neuron)
    assert estimate(chain(1)).chunk == int(4 * factors.scale * numbers)


def test_a_deep_chain_holds_two_layers_at_a_time():
    assert estimate(chain(2)).chunk == estimate(chain(40)).chunk


@pytest.mark.parametrize("what", ["steps", "samples", "itemsize"])
def test_a_chunk_grows_with_steps_samples_and_width(what):
    once, twice = estimate(chain(3)), estimate(chain(3), **{what: {"steps": 200}.get(what, 8)})
    assert twice.chunk == pytest.approx(2 * once.chunk, abs=1)


def test_recordings_parameters_and_reproducible_mode_count():
    small = estimate(chain(3))
    assert estimate(chain(3), recorded=8).chunk > small.chunk
    assert estimate(chain(3), reproducible=True).chunk > 2 * small.chunk
    assert estimate(loop(50)).parameters == 4 * (50 * 50 + 5 * 50)
    assert estimate(chain(3), kept=1000).total == small.total + 1000


@pytest.mark.parametrize(
    ("text", "size"), [("2G", 2 * 10**9), ("1.5k", 1500), ("70 MB", 7 * 10**7)]
)
def test_sizes(text, size):
    assert bytes_of(text) == size


@pytest.mark.parametrize("text", ["", "G", "-1G", "1X", "nan", "1e9", "0", "\u0661G"])
def test_what_is_no_size_is_refused(text):
    with pytest.raises(InputError, match="a size such as 500M or 2G"):
        bytes_of(text)


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    nirx.write("g.nir", chain(2, 100), D)
    return "g.nir"


def test_info_prints_an_estimate_per_backend(file, capsys):
    assert main(["info", file, "--json"]) == 0
    assert "memory" not in json.loads(capsys.readouterr().out)
    assert main(["info", file, "--batch", "16", "--steps", "1000", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["memory"]
    assert [row["backend"] for row in found] == ["numpy", "torch", "jax"]
    own = estimate(chain(2, 100), steps=250, samples=16)
    assert found[0]["bytes"] == own.total
    assert main(["info", file, "--backend", "numpy", "--dtype", "float64"]) == 0
    assert "memory of a run" in capsys.readouterr().out


COMMANDS = [
    ["run", "--random", "0", "--batch", "1000", "--out", "y.npz"],
    ["reference", "--input", "regular", "--batch", "1000", "--out", "y.h5"],
    ["compare", "--random", "0", "--batch", "1000", "--backends", "numpy,numpy"],
]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda c: c[0])
def test_a_run_beyond_the_limit_is_refused_before_it_starts(file, tmp_path, capsys, command):
    name, *rest = command
    assert main([name, file, *rest, "--max-memory", "5M"]) == 2
    said = capsys.readouterr().err
    assert "of memory needed, but --max-memory is 5 MB; expected fewer samples" in said or (
        "expected fewer steps, samples" in said
    )
    assert [p.name for p in tmp_path.iterdir()] == [file]


def test_what_fits_runs(file):
    assert main(["run", file, "--random", "0", "--max-memory", "50M"]) == 0


PEAK = """
import sys
from nirx.cli import main
from nirx.cli import run as command

def status(name):
    lines = open("/proc/self/status")
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))

real = command.run_in_pieces

def measured(*args, **options):
    open("/proc/self/clear_refs", "w").write("5")  # the peak begins again
    before = status("VmRSS")
    found = real(*args, **options)
    print(status("VmHWM") - before)
    return found

command.run_in_pieces = measured
assert main(sys.argv[1:]) == 0
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
@pytest.mark.parametrize("graph", [chain(4, 400), loop(400)], ids=["chain", "loop"])
def test_the_estimate_is_near_the_peak(tmp_path, monkeypatch, graph):
    monkeypatch.chdir(tmp_path)
    nirx.write("g.nir", graph, D)
    args = ["run", "g.nir", "--random", "0", "--batch", "128", "--steps", "250"]
    done = subprocess.run(
        [sys.executable, "-c", PEAK, *args], capture_output=True, text=True, check=True, timeout=120
    )
    peak = next(int(line) for line in done.stdout.split() if line.isdecimal())
    assert math.isclose(estimate(graph, steps=250, samples=128).total, peak, rel_tol=0.4)
