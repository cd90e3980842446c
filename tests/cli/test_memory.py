"""Estimates of memory: what `nirx info` prints, and what `--max-memory` refuses."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from functools import partial
from typing import Any

import nir
import numpy as np
import pytest

import nirx
from nirx.cli import main
from nirx.cli.memory_limit import bytes_of
from nirx.errors import InputError
from nirx.execution.chunking import NODE_ROOM, default_chunk
from nirx.execution.kernels.plan import make_plan
from nirx.execution.memory import Estimate, estimate_memory
from nirx.files.archive import save_arrays
from nirx.graphs.recording import resolve_record
from support.graphs import lif, line, make_graph

D = nirx.Discretization(dt=1.0)


def chain(depth: int, size: int = 8) -> nir.NIRGraph:
    nodes = {f"l{k}": lif(size, v_threshold=0.3) for k in range(depth)}
    return make_graph(line("input", *nodes, "output"), size, **nodes)


def loop(size: int) -> nir.NIRGraph:
    nodes = {"lif": lif(size), "rec": nir.Linear(np.eye(size))}
    edges = [*line("input", "lif", "output"), *line("lif", "rec", "lif")]
    return make_graph(edges, size, **nodes)


def dense() -> nir.NIRGraph:
    nodes = {"fc": nir.Linear(np.eye(8)), "lif": lif(8)}
    return make_graph(line("input", *nodes, "output"), 8, **nodes)


def estimate(graph: nir.NIRGraph, **changes: Any) -> Estimate:
    given = {"steps": 100, "samples": 4, "itemsize": 4, **changes}
    return estimate_memory(graph, nirx.schedule(graph, D), "numpy", **given)


LAYER = 4 * 100 * 4 * 8
"""Bytes of one value of `chain` over a run."""


def test_a_run_holds_its_inputs_once_and_its_results_twice():
    assert estimate(chain(1)).chunk == LAYER * (1 + 2)


def test_a_deep_chain_holds_two_layers_at_a_time():
    assert estimate(chain(2)).chunk == estimate(chain(40)).chunk == LAYER * (1 + 2 + 1)


def test_only_a_chunk_of_passing_layers_is_held():
    graph, steps, samples = chain(8), 1000, 10_000
    chunk = default_chunk(nirx.schedule(graph, D), (samples,), 4, NODE_ROOM)
    assert chunk < steps / 10
    layer = 4 * samples * 8
    found = estimate(graph, steps=steps, samples=samples).chunk
    assert found == layer * ((1 + 2) * steps + chunk)


def test_layers_without_a_kernel_take_more(monkeypatch):
    fused = estimate(chain(2)).chunk
    plain = partial(make_plan, execution="plain")
    monkeypatch.setattr(
        "nirx.execution.memory.make_plan",
        lambda schedule, _, dtype, mode: plain(schedule, dtype=dtype, reproducible=mode),
    )
    assert estimate(chain(2)).chunk == fused + LAYER


@pytest.mark.parametrize(
    "node",
    [
        lambda n: nir.Conv2d((4, 4), np.ones((1, 1, 1, 1)), 4 * n + 4, n, 1, 1, np.ones(1)),
        lambda n: nir.SumPool2d(np.array([1, 1]), 4 * n + 4, n),
    ],
    ids=["convolution", "pool"],
)
def test_the_padding_of_an_input_counts(node):
    def total(padding: int) -> int:
        edges = line("input", "a", "output")
        graph = make_graph(edges, (1, 4, 4), (1, 1, 1), a=node(padding))
        return estimate(graph, steps=1, samples=1).total

    assert total(1000) - total(1) > 4 * 2000**2


@pytest.mark.parametrize("what", ["steps", "samples", "itemsize"])
def test_a_chunk_grows_with_steps_samples_and_width(what):
    once, twice = estimate(chain(3)), estimate(chain(3), **{what: {"steps": 200}.get(what, 8)})
    assert twice.chunk == pytest.approx(2 * once.chunk, abs=1)


def test_recordings_parameters_and_reproducible_mode_count():
    small = estimate(chain(3))
    probes = resolve_record(nirx.schedule(chain(3), D), ["l0", "l1.v"])
    found = estimate(chain(3), record=probes).chunk
    assert small.chunk + 3 * LAYER <= found <= small.chunk + 4 * LAYER
    assert estimate(dense(), reproducible=True).chunk > 1.5 * estimate(dense()).chunk
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
    assert [row["backend"] for row in found] == ["jax", "numpy", "torch"]
    both = resolve_record(nirx.schedule(chain(2, 100), D), [("l0",), ("l1",)])  # are looked at
    own = estimate(chain(2, 100), steps=250, samples=16, record=both)
    assert found[1]["bytes"] == own.total
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


READING = [
    ["run", "big.nir", "--random", "0"],
    ["info", "big.nir"],
    ["compare", "big.nir", "--random", "0"],
    ["reference", "big.nir", "--input", "regular", "--out", "y.h5"],
    ["diagnose", "big.nir", "seen.npz", "--random", "0"],
    ["move", "big.nir", "--to", "torch"],
    ["verify", "ref.h5", "--backend", "big.nir"],
    ["verify", "big.h5", "--backend", "numpy"],
]


@pytest.mark.parametrize("command", READING, ids=" ".join)
def test_a_file_too_large_for_the_limit_is_not_read(tmp_path, monkeypatch, capsys, command):
    monkeypatch.chdir(tmp_path)
    nirx.write("big.nir", loop(1000), D)
    for name, graph in (("ref.h5", loop(2)), ("big.h5", loop(1000))):
        if name in command:
            nirx.reference(graph, "regular", name, discretization=D, steps=2, record="outputs")
    assert main([*command, "--max-memory", "6M"]) == 2
    said = capsys.readouterr().err
    assert "bytes to load; the limit is 6000000; that is what fits into --max-memory" in said


@pytest.mark.parametrize(
    "command", [["verify", "r.h5", "--backend", "numpy"], ["verify", "r.h5", "seen.npz"]]
)
def test_a_comparison_beyond_the_limit_is_refused(tmp_path, monkeypatch, capsys, command):
    monkeypatch.chdir(tmp_path)
    nirx.reference(chain(2, 100), "regular", "r.h5", discretization=D, steps=100)
    save_arrays(tmp_path / "seen.npz", {"l1": np.zeros((100, 1, 100), np.float32)})
    main([*command, "--partial", "--max-memory", "50M"])
    assert "of memory needed" not in capsys.readouterr().err
    assert main([*command, "--max-memory", "200k"]) == 2
    assert "of memory needed, but --max-memory is 200 kB" in capsys.readouterr().err


def test_a_diagnosis_beyond_the_limit_is_refused(file, capsys):
    command = ["diagnose", file, "seen.npz", "--random", "0", "--steps", "5000"]
    assert main([*command, "--max-memory", "5M"]) == 2
    assert "of memory needed, but --max-memory is 5 MB" in capsys.readouterr().err


PEAK = """
import sys
from nirx.cli import main
from nirx.cli import run as command

def status(name):
    lines = open("/proc/self/status")
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))

arguments = ["run", sys.argv[1], "--backend", sys.argv[2], "--random", "0"]
assert main([*arguments, "--steps", "32", "--batch", "1"]) == 0  # loads the libraries
real = command.run_in_pieces

def measured(*args, **options):
    open("/proc/self/clear_refs", "w").write("5")  # the peak begins again
    before = status("VmRSS")
    found = real(*args, **options)
    print("peak:", status("VmHWM") - before)
    return found

command.run_in_pieces = measured
assert main([*arguments, *sys.argv[3:]]) == 0
"""


MEASURED = [
    ("numpy", chain(4, 400)),
    *(
        pytest.param(backend, graph, marks=pytest.mark.exhaustive)
        for backend, graph in (
            ("numpy", loop(400)),
            ("torch", chain(4, 400)),
            ("jax", loop(400)),
        )
    ),
]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
@pytest.mark.parametrize(("backend", "graph"), MEASURED, ids=["chain", "loop", "torch", "jax"])
def test_the_estimate_is_near_the_peak(tmp_path, monkeypatch, capsys, backend, graph):
    monkeypatch.chdir(tmp_path)
    nirx.write("g.nir", graph, D)
    size = ["--batch", "128", "--steps", "250"]
    assert main(["info", "g.nir", "--backend", backend, *size, "--json"]) == 0
    (estimated,) = json.loads(capsys.readouterr().out)["memory"]
    command = [sys.executable, "-c", PEAK, "g.nir", backend, *size]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    peak = next(int(own[5:]) for own in done.stdout.splitlines() if own.startswith("peak:"))
    assert math.isclose(estimated["bytes"], peak, rel_tol=0.3)
