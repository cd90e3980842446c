"""References made by one backend, verified by each other one: exact, and faults are found."""

from __future__ import annotations

from typing import Any

import nir
import numpy as np
import pytest

import nirx
from nirx.execution.backend import find_backend
from nirx.recordings import stream_backend
from nirx.references import generate
from nirx.references.reference import reference
from support.bench import D, place, signal, spiking
from support.graphs import chain, neuron
from support.running import BACKENDS

pytestmark = pytest.mark.slow

SOUND = {
    "braille_noDelay_bias_zero": (1e-4, 60, "zero"),
    "braille_noDelay_noBias_subtract": (1e-4, 60, "subtract"),
    "cnn_sinabs": (1.0, 4, "zero"),
    "lif_norse": (1e-4, 200, "zero"),
}


def network(loop: bool) -> nir.NIRGraph:
    """Two layers, the second one in a subgraph; with a loop around the first."""
    random = np.random.default_rng(0)
    w = [random.normal(0.2, 0.6, (5, 5)).astype(np.float32) for _ in range(3)]
    cuba = neuron(nir.CubaLIF, 5, np.float32, tau_syn=3e-3, tau_mem=7e-3, v_leak=0.02,
                  v_threshold=0.2, v_reset=0.01, w_in=2.0)  # fmt: skip
    sub = chain({"fc": nir.Linear(w[1]), "cuba": cuba}, 5)
    nodes: dict[str, Any] = {"fc": nir.Affine(w[0], w[0][0] * 0.1), "lif": spiking(5), "sub": sub}
    graph = chain(nodes, 5, extra=[("lif", "back"), ("back", "lif")] if loop else ())
    if loop:
        graph.nodes["back"] = nir.Linear(w[2])
    return graph


@pytest.mark.parametrize("loop", [False, True], ids=["chain", "loop"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("maker", BACKENDS)
@pytest.mark.sampled(3)
def test_every_backend_verifies_every_other(maker, dtype, loop, tmp_path):
    path = tmp_path / "r.h5"
    xs = signal(5, 80, (3,)).astype(dtype)
    reference(network(loop), xs, path, discretization=D, dtype=dtype, backend=maker)
    for backend in BACKENDS:
        found = nirx.verify(path, backend=backend)
        assert found.verdict == "exact", f"{maker} by {backend}\n{found}"
        assert {n.verdict for n in found.nodes} == {"exact"}
        assert {"lif", "sub/cuba", "sub/cuba.i", "sub/fc"} <= {n.key for n in found.nodes}
        assert all(n.expected > 5 for n in found.nodes if n.spikes)


@pytest.mark.filterwarnings("ignore::nirx.NirxWarning")
@pytest.mark.parametrize("name", SOUND)
@pytest.mark.sampled(2)
def test_the_graphs_of_the_nir_paper(name, paper, tmp_path):
    dt, steps, reset = SOUND[name]
    rule = nirx.Discretization(dt=dt, reset="subtract" if reset == "subtract" else "value")
    graph = nirx.read(paper / f"{name}.nir")
    schedule = nirx.schedule(graph, rule)
    (port,) = schedule.inputs
    shape = schedule.nodes[port[1]].output_shape
    xs = signal(shape[-1], steps, (2, *shape[:-1]))
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


@pytest.mark.exhaustive
def test_a_fault_of_a_backend_is_found_across_chunks(tmp_path, monkeypatch):
    """The reference is cut into chunks; the state is carried from one to the next."""
    monkeypatch.setattr(generate, "MOST_STEPS", 16)
    path = tmp_path / "r.h5"
    reference(network(True), signal(5, 100), path, discretization=D)
    for backend in BACKENDS:
        assert nirx.verify(path, backend=backend).verdict == "exact"
    monkeypatch.setattr(stream_backend, "find_backend", lambda name: Faulty())
    found = nirx.verify(path, backend="faulty", plot=tmp_path / "p.png", why=True)
    assert place(found) == ("lif", FAULT[0], FAULT[1:])
    assert [n.key for n in found.nodes if n.verdict == "fails"] == ["lif"]
