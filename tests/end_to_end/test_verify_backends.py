"""References made by one backend, verified by each other one: exact, and faults are found."""

from __future__ import annotations

import itertools
from typing import Any

import nir
import numpy as np
import pytest

import nirx
from nirx.execution.backend import find_backend
from nirx.recordings import stream_backend
from nirx.references import generate
from nirx.references.reference import reference

pytestmark = pytest.mark.slow

BACKENDS = ("numpy", "torch", "jax")
D = nirx.Discretization(dt=1e-3)
SOUND = {
    "braille_noDelay_bias_zero": (1e-4, 60, "zero"),
    "braille_noDelay_noBias_subtract": (1e-4, 60, "subtract"),
    "cnn_sinabs": (1.0, 4, "zero"),
    "lif_norse": (1e-4, 200, "zero"),
}


def lif(size: int) -> nir.LIF:
    n = np.ones(size, np.float32)
    return nir.LIF(n * 0.005, n, n * 0.01, n * 0.3, n * 0)


def cuba(size: int) -> nir.CubaLIF:
    n = np.ones(size, np.float32)
    return nir.CubaLIF(n * 0.003, n * 0.007, n, n * 0.02, n * 0.2, n * 0.01, n * 2)


def network(loop: bool) -> nir.NIRGraph:
    """Two layers, the second one in a subgraph; with a loop around the first."""
    random = np.random.default_rng(0)
    weights = [random.normal(0.2, 0.6, (5, 5)).astype(np.float32) for _ in range(3)]
    shape = np.array([5])
    sub: dict[str, Any] = {"in": nir.Input({"input": shape}), "fc": nir.Linear(weights[1])}
    sub |= {"cuba": cuba(5), "out": nir.Output({"output": shape})}
    nodes: dict[str, Any] = {"input": nir.Input({"input": shape})}
    nodes |= {"fc": nir.Affine(weights[0], weights[0][0] * 0.1), "lif": lif(5)}
    nodes["sub"] = nir.NIRGraph(sub, list(itertools.pairwise(sub)), type_check=False)
    nodes["output"] = nir.Output({"output": shape})
    edges = list(itertools.pairwise(nodes))
    if loop:
        nodes["back"] = nir.Linear(weights[2])
        edges += [("lif", "back"), ("back", "lif")]
    return nir.NIRGraph(nodes, edges, type_check=False)


def signal(steps: int, *shape: int, seed: int = 0) -> np.ndarray:
    return (np.random.default_rng(seed).random((steps, *shape)) < 0.4).astype(np.float32)


@pytest.mark.parametrize("loop", [False, True], ids=["chain", "loop"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("maker", BACKENDS)
def test_every_backend_verifies_every_other(maker, dtype, loop, tmp_path):
    path = tmp_path / "r.h5"
    xs = signal(80, 3, 5).astype(dtype)
    reference(network(loop), xs, path, discretization=D, dtype=dtype, backend=maker)
    for backend in BACKENDS:
        found = nirx.verify(path, backend=backend)
        assert found.verdict == "exact", f"{maker} by {backend}\n{found}"
        assert {n.verdict for n in found.nodes} == {"exact"}
        assert {"lif", "sub/cuba", "sub/cuba.i", "sub/fc"} <= {n.key for n in found.nodes}
        assert all(n.expected > 5 for n in found.nodes if n.spikes)


@pytest.mark.filterwarnings("ignore::nirx.NirxWarning")
@pytest.mark.parametrize("name", SOUND)
def test_the_graphs_of_the_nir_paper(name, paper, tmp_path):
    dt, steps, reset = SOUND[name]
    rule = nirx.Discretization(dt=dt, reset="subtract" if reset == "subtract" else "value")
    graph = nirx.read(paper / f"{name}.nir")
    schedule = nirx.schedule(graph, rule)
    (port,) = schedule.inputs
    xs = signal(steps, 2, *schedule.nodes[port[1]].output_shape)
    path = tmp_path / "r.h5"
    reference(graph, xs, path, discretization=rule)
    for backend in BACKENDS:
        found = nirx.verify(path, backend=backend)
        assert found.verdict == "exact", f"{backend}\n{found}"
        assert sum(n.expected for n in found.nodes if n.spikes) > 0


class Faulty:
    """NumPy, but one neuron of one node loses a spike in one step of the run."""

    name = "faulty"

    def prepare(self, graph, discretization=None, dtype="float32", **options):
        run = find_backend("numpy").prepare(graph, discretization, dtype, **options)
        done = 0

        def faulty(inputs, state=None, record=()):
            nonlocal done
            if state is None:
                done = 0
            ys, state, found = run(inputs, state, record)
            found = {key: np.array(value) for key, value in found.items()}
            if record and done <= FAULT[0] < done + len(ys):
                step, *index = FAULT
                found["lif",][step - done, *index] = 1 - found["lif",][step - done, *index]
            done += len(ys)
            return ys, state, found

        return faulty


FAULT = (61, 1, 3)


def test_a_fault_of_a_backend_is_found_across_chunks(tmp_path, monkeypatch):
    """The reference is cut into chunks; the state is carried from one to the next."""
    monkeypatch.setattr(generate, "MOST_STEPS", 16)
    path = tmp_path / "r.h5"
    reference(network(True), signal(100, 2, 5), path, discretization=D)
    for backend in BACKENDS:
        assert nirx.verify(path, backend=backend).verdict == "exact"
    monkeypatch.setattr(stream_backend, "find_backend", lambda name: Faulty())
    found = nirx.verify(path, backend="faulty", plot=tmp_path / "p.png", why=True)
    first = found.first_divergence
    assert first is not None
    assert (first.node, first.step, first.index) == ("lif", *FAULT[:1], FAULT[1:])
    assert [n.key for n in found.nodes if n.verdict == "fails"] == ["lif"]
