"""nirx.schedule: an order that does not depend on dicts, edges, hash seeds or names."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import nir
import numpy as np
import pytest

import nirx
from support.graphs import affine, lif, line, make_graph, neuron

D = nirx.Discretization(dt=1.0)
N = 2


def node_of(kind: str, rng: np.random.Generator) -> Any:
    if kind == "lif":
        return lif(N, v_threshold=0.25)
    if kind == "li":
        return neuron(nir.LI, N, tau=rng.uniform(2, 5, N), v_leak=0.1)
    if kind == "affine":
        return nir.Affine(rng.uniform(-1, 1, (N, N)), rng.uniform(-1, 1, N))
    if kind == "delay":
        return nir.Delay(rng.integers(0, 3, N).astype(float))
    return nir.Scale(rng.uniform(-1, 1, N))


def random_graph(seed: int, names: list[str]) -> nir.NIRGraph:
    """A graph with any kind of cycle but an algebraic loop."""
    rng = np.random.default_rng(seed)
    kinds = rng.choice(["lif", "li", "affine", "delay", "scale"], len(names))
    nodes: dict[str, Any] = {n: node_of(k, rng) for n, k in zip(names, kinds, strict=True)}
    neuron = [k in ("lif", "li") for k in kinds]
    edges = []
    for b, name in enumerate(names):
        edges.append((names[b - 1] if b else "input", name))
        sources = [a for a in range(len(names)) if neuron[a] or a < b]
        edges += [(names[a], name) for a in rng.choice(sources or [0], 1) if a in sources]
    edges += [(names[-1], "output"), (names[0], "output"), (names[0], "output")]
    return make_graph(edges, N, **nodes)


def shuffled(graph: nir.NIRGraph, seed: int) -> nir.NIRGraph:
    rng = np.random.default_rng(seed)
    names = list(graph.nodes)
    nodes = {names[k]: graph.nodes[names[k]] for k in rng.permutation(len(names))}
    edges = [graph.edges[k] for k in rng.permutation(len(graph.edges))]
    return nir.NIRGraph(nodes, edges, metadata=graph.metadata, type_check=False)


def renamed(graph: nir.NIRGraph, new: dict[str, str]) -> nir.NIRGraph:
    nodes = {new.get(k, k): n for k, n in graph.nodes.items()}
    edges = [(new.get(a, a), new.get(b, b)) for a, b in graph.edges]
    return nir.NIRGraph(nodes, edges, metadata={}, type_check=False)


NAMES = ["n3", "a", "z.z", "b", "n10", "c", "0", "n2"]
pytestmark = pytest.mark.filterwarnings("ignore:.*no path to an Output:nirx.NirxWarning")


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(40))
def test_the_order_of_nodes_and_edges_does_not_matter(seed, tmp_path):
    graph = random_graph(seed, NAMES)
    other = shuffled(graph, seed)
    nirx.write(tmp_path / "g.nir", other)
    first, *rest = (nirx.schedule(g, D) for g in (graph, other, nirx.read(tmp_path / "g.nir")))
    assert [r == first and r.order == first.order for r in rest] == [True, True]
    xs = np.random.default_rng(seed).integers(0, 2, (12, N)).astype(np.float32)
    runs = [nirx.from_nir(g, "numpy", D).run(xs)[0].tobytes() for g in (graph, other)]
    assert runs[0] == runs[1]


@pytest.mark.parametrize("seed", range(40))
def test_renaming_nodes_changes_nothing_else(seed):
    graph = random_graph(seed, NAMES)
    fresh = [f"x{k}" for k in np.random.default_rng(seed).permutation(len(NAMES))]
    new = dict(zip(NAMES, fresh, strict=True))
    plain, other = nirx.schedule(graph, D), nirx.schedule(renamed(graph, new), D)

    def name(old: str) -> str:
        return new.get(old, old)

    edges = sorted((name(a), name(b)) for a, b in plain.feedback_edges)
    assert edges == sorted(other.feedback_edges)
    groups = {frozenset(map(name, c)) for c in plain.components}
    assert groups == {frozenset(c) for c in other.components}
    assert {name(k): v for k, v in plain.shapes.items()} == other.shapes
    xs = np.random.default_rng(seed).integers(0, 2, (12, N)).astype(np.float64)
    ys, zs = (
        nirx.from_nir(g, "numpy", D, "float64").run(xs)[0] for g in (graph, renamed(graph, new))
    )
    np.testing.assert_allclose(ys, zs, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("names", [("a", "b"), ("b", "a")])
def test_renaming_an_unreachable_cycle_keeps_its_shapes(names):
    one, full = names
    nodes = {one: lif(1), full: affine(3, 3)}  # the LIF broadcasts to 3
    edges = [("input", "output"), *line(one, full, one, "output")]
    assert nirx.schedule(make_graph(edges, 3, **nodes), D).shapes[one] == ((3,), (3,))


@pytest.mark.slow
def test_the_hash_seed_does_not_matter(tmp_path):
    nirx.write(tmp_path / "g.nir", random_graph(3, NAMES))
    code = (
        "import sys, nirx, numpy as np\n"
        f"g = nirx.read({str(tmp_path / 'g.nir')!r}); d = nirx.Discretization(dt=1.0)\n"
        "s = nirx.schedule(g, d)\n"
        "ys, _ = nirx.from_nir(g, 'numpy', d).run(np.ones((9, 2), np.float32))\n"
        "print(s.digest, s, ys.tobytes().hex())\n"
    )
    said = set()
    for seed in ("0", "1", "2"):
        env = {**os.environ, "PYTHONHASHSEED": seed}
        command = [sys.executable, "-W", "ignore", "-c", code]
        said.add(subprocess.run(command, env=env, capture_output=True, check=True).stdout)
    assert len(said) == 1


def graph_of(edges: list[tuple[str, str]], **kinds: Any) -> nir.NIRGraph:
    rng = np.random.default_rng(0)
    nodes = {k: node_of(v, rng) if isinstance(v, str) else v for k, v in kinds.items()}
    return make_graph(edges, N, **nodes)


def test_a_loop_through_subgraphs():
    inner = graph_of(line("input", "n", "output"), n="lif")
    back = graph_of(line("input", "w", "output"), w="affine")
    graph = graph_of(
        [*line("input", "sub", "output"), *line("sub", "back", "sub")], sub=inner, back=back
    )
    s = nirx.schedule(graph, D)
    assert s.feedback_edges == (("back/output", "sub/input"),)
    assert [set(c) for c in s.components] == [
        {"sub/input", "sub/n", "sub/output", "back/input", "back/w", "back/output"}
    ]
    assert s.state_spec == {
        "sub": {"n": {"v": (N,)}, "input": {"feedback": {"back/output": (N,)}}},
    }


def test_a_whole_step_delay_breaks_a_loop_and_a_mixed_one_does_not():
    edges = [*line("input", "n", "output"), *line("n", "d", "n")]
    whole = nirx.schedule(graph_of(edges, n="lif", d=nir.Delay(np.array([1.0, 2.0]))), D)
    mixed = nirx.schedule(graph_of(edges, n="lif", d=nir.Delay(np.array([1.0, 0.0]))), D)
    assert (whole.feedback_edges, mixed.feedback_edges) == ((), (("d", "n"),))
    assert [set(c) for c in whole.components] == [{"n", "d"}]


def test_dt_decides_whether_a_delay_is_a_whole_step():
    edges = [*line("input", "n", "output"), *line("n", "d", "n")]
    graph = graph_of(edges, n="lif", d=nir.Delay(np.array([0.3, 1.0])))
    assert nirx.schedule(graph, nirx.Discretization(dt=0.1)).feedback_edges == ()
    with pytest.warns(nirx.NirxWarning, match="delay"):
        assert nirx.schedule(graph, D).feedback_edges == (("d", "n"),)


def test_component_feedback_delays_every_edge_from_a_neuron():
    edges = [*line("input", "a", "b", "output"), ("b", "a")]
    d = nirx.Discretization(dt=1.0, feedback="component")
    assert nirx.schedule(graph_of(edges, a="lif", b="lif"), d).feedback_edges == (
        ("a", "b"),
        ("b", "a"),
    )


def test_the_table_escapes_control_codes_in_names():
    odd = "[red]\x1b[31m\n\ud800"
    s = nirx.schedule(graph_of(line("input", odd, "output"), **{odd: "lif"}), D)
    text = str(s)
    assert "[red]" in text
    assert "\x1b" not in text
    text.encode("utf-8")


def test_schedules_are_equal_exactly_if_their_content_is():
    edges = line("input", "n", "output")
    plain = nirx.schedule(graph_of(edges, n="lif"), D)
    assert plain == nirx.schedule(graph_of(edges, n="lif"), D)
    assert hash(plain) == hash(nirx.schedule(graph_of(edges, n="lif"), D))
    delays = [graph_of(edges, n=nir.Delay(np.array([k, 2.0]))) for k in (0.0, 1.0)]
    others = [graph_of(edges, n="li"), graph_of([*edges, ("input", "n")], n="lif"), *delays]
    schedules = [plain, nirx.schedule(graph_of(edges, n="lif"), nirx.Discretization(dt=0.5))]
    schedules += [nirx.schedule(g, D) for g in others]
    assert len(set(schedules)) == len(schedules)


@pytest.mark.exhaustive
def test_a_chain_of_100000_nodes():
    shared = nir.Scale(np.ones(N))
    names = [f"n{k}" for k in range(100_000)]
    graph = graph_of(line("input", *names, "output"), **dict.fromkeys(names, shared))
    assert nirx.schedule(graph, D).order == ("input", *names, "output")
