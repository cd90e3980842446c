"""`checkpoint=True`: the same numbers and gradients; what is inside of chunks is not kept."""

from __future__ import annotations

import tracemalloc
from typing import Any

import jax
import nir
import numpy as np
import pytest
import torch

import nirx
from nirx.execution.chunking import SHORTEST, checkpoint_chunk
from support.examples import numbers
from support.graphs import chain, lif, line, make_graph, recurrent, varied_lif
from support.kernels import looped
from support.losses import TRAINED, gradients

STEPS, BATCH = 90, 2

ARRAYS = tracemalloc.DomainFilter(True, np.lib.tracemalloc_domain)

RULE = nirx.Discretization(dt=1e-3)


def everything() -> nir.NIRGraph:
    nodes = {
        "fc": nir.Affine(numbers(4, 3), numbers(4)),
        "lif": varied_lif(),
        "w": nir.Linear(numbers(4, 4) - 0.5),
        "delay": nir.Delay(np.array([0.0, 3e-3, 1e-3, 40e-3])),
    }
    edges = [*line("input", "fc", "lif", "w", "lif"), *line("lif", "delay", "output")]
    return make_graph(edges, 3, 4, **nodes)


def delayed() -> nir.NIRGraph:
    nodes = {
        "a": varied_lif(3),
        "delay": nir.Delay(np.array([0.0, 3e-3, 40e-3])),
        "fc": nir.Affine(numbers(4, 3), numbers(4)),
        "b": varied_lif(4),
    }
    return chain(nodes, 3, 4)


GRAPHS: dict[str, Any] = {
    "fused layers": lambda: chain([nir.Linear(numbers(4, 3)), varied_lif()], 3, 4),
    "feedback": recurrent,
    "delay": delayed,
    "feedback, delay": everything,
}

RECORD = {
    "fused layers": ["n1.v"],
    "feedback": ["lif", "lif.v", "li.v"],
    "delay": ["a", "b.v"],
    "feedback, delay": ["lif", "lif.v"],
}


def spikes(steps: int = STEPS) -> np.ndarray:
    return np.random.default_rng(0).random((steps, BATCH, 3))


def loss(ys: Any, recorded: Any) -> Any:
    return (ys**2).sum() + sum((r * r).mean() for r in recorded.values())


@pytest.mark.parametrize(
    ("backend", "name"),
    [
        *(("torch", name) for name in GRAPHS),
        ("jax", "feedback, delay"),
        pytest.param("jax", "fused layers", marks=pytest.mark.exhaustive),
    ],
)
def test_numbers_and_gradients_are_the_same(backend, name):
    given = backend, GRAPHS[name](), RULE, spikes(), loss, RECORD[name]
    plain, of_plain = gradients(*given, chunk=25)
    found, of_found = gradients(*given, chunk=25, checkpoint=True)
    assert nirx.digest(found) == nirx.digest(plain), "to the bit"
    assert any((g != 0).any() for key, g in of_plain.items() if key != "xs")
    for key, expected in of_plain.items():
        np.testing.assert_allclose(of_found[key], expected, rtol=1e-12, atol=1e-14, err_msg=key)


@pytest.mark.exhaustive
def test_it_chooses_a_chunk_by_itself():
    given = "torch", recurrent(), RULE, spikes(), loss, ["lif"]
    _, expected = gradients(*given)
    _, found = gradients(*given, checkpoint=True)
    for key, g in expected.items():
        np.testing.assert_allclose(found[key], g, rtol=1e-12, atol=1e-14, err_msg=key)


@pytest.mark.parametrize(
    "execution", ["plain", pytest.param("fused", marks=pytest.mark.exhaustive)]
)
def test_all_kinds_of_kernels_on_torch(execution):
    options = {"execution": execution}
    xs = np.random.default_rng(1).random((STEPS, BATCH, 4))
    given = "torch", looped(), nirx.Discretization(dt=1e-2), xs, loss, ["a", "b"], options
    plain, of_plain = gradients(*given, chunk=32)
    found, of_found = gradients(*given, chunk=32, checkpoint=True)
    assert nirx.digest(found) == nirx.digest(plain)
    for key, expected in of_plain.items():
        np.testing.assert_allclose(of_found[key], expected, rtol=1e-12, atol=1e-14, err_msg=key)


def wide(size: int = 200) -> nir.NIRGraph:
    return chain([lif(size, tau=5e-3), lif(size, tau=5e-3)], size)


def recurrent_wide(size: int = 40) -> nir.NIRGraph:
    nodes = {"a": lif(size, tau=5e-3), "w": nir.Linear(np.eye(size, dtype="f4"))}
    return chain(nodes, size, extra=[("w", "a")])


@pytest.mark.parametrize("make", [wide, pytest.param(recurrent_wide, marks=pytest.mark.exhaustive)])
def test_kernels_keep_nothing_until_the_way_back(make):
    """NumPy's memory, in which kernels keep the states of every step."""
    graph = make()
    net = nirx.from_nir(graph, "torch", RULE, surrogate="arctan", execution="fused")
    size = int(net.schedule.nodes[0].output_shape[0])
    xs = torch.ones((400, 4, size))

    def held(**options: Any) -> int:
        net.run(xs, **options)[0].sum().backward()  # the kernels are compiled
        tracemalloc.start()
        ys, _ = net.run(xs, chunk=20, **options)
        taken = tracemalloc.take_snapshot().filter_traces([ARRAYS])
        tracemalloc.stop()
        ys.sum().backward()
        return sum(trace.size for trace in taken.traces)

    assert held(checkpoint=True) < held() / 10


@pytest.mark.exhaustive
def test_compiled_programs_need_far_less_memory():
    net = nirx.from_nir(wide(), "jax", RULE)
    xs = jax.numpy.ones((1000, 4, 200))

    def needed(checkpoint: bool) -> int:
        def of(xs: Any) -> Any:
            return net.run(xs, checkpoint=checkpoint)[0].sum()

        analysis = jax.jit(jax.grad(of)).lower(xs).compile().memory_analysis()
        assert analysis is not None
        return analysis.temp_size_in_bytes

    assert needed(True) < needed(False) / 2  # the gradient of xs itself is a part of both


@pytest.mark.exhaustive
def test_the_last_state_holds_no_more_memory_than_its_own():
    net = nirx.from_nir(recurrent(), "torch", RULE)
    ys, state = net.run(torch.from_numpy(spikes().astype("f4")), checkpoint=True)
    leaves = [state["lif"]["v"], state["li"]["v"], ys]
    for leaf in leaves:
        assert leaf.untyped_storage().nbytes() == leaf.numel() * leaf.element_size()


def test_lengths_of_chunks():
    chosen = nirx.schedule(recurrent(), RULE)
    assert checkpoint_chunk(chosen, 10) == SHORTEST
    assert checkpoint_chunk(chosen, 2000) == 40, "divides the run"
    assert checkpoint_chunk(chosen, 997) == SHORTEST
    assert checkpoint_chunk(nirx.schedule(delayed(), RULE), 10**6) > 1000, "a long state"


def test_random_numbers_of_users_modules_are_the_same_on_the_way_back():
    graph = chain({"drop": nir.Scale(np.ones(3, "f4")), "a": lif(3, tau=5e-3)}, 3)
    node_map = {nir.Scale: lambda node: torch.nn.Dropout(0.5)}
    net: Any = nirx.from_nir(graph, "torch", RULE, node_map=node_map, surrogate="arctan")
    net.train()
    found = []
    for checkpoint in (False, True):
        torch.manual_seed(0)
        xs = torch.ones((64, 2, 3)).requires_grad_()
        net.zero_grad()
        ys, _ = net.run(xs, chunk=16, checkpoint=checkpoint)
        ys.sum().backward()
        found.append((ys.detach(), xs.grad, net.a.tau.grad))
    for a, b in zip(*found, strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("backend", ["numpy", *TRAINED])
def test_without_gradients_it_does_nothing(backend):
    net = nirx.from_nir(recurrent(), backend, RULE)
    xs = spikes().astype("f4")
    with torch.no_grad():
        plain, found = (net.run(xs, record="all", checkpoint=c) for c in (False, True))
    if backend != "jax":  # which cannot know whether it is differentiated
        assert nirx.digest(nirx.state_to_numpy(plain)) == nirx.digest(nirx.state_to_numpy(found))
    with pytest.raises(nirx.InputError, match=r"checkpoint=32; expected True or False"):
        net.run(xs, checkpoint=32)  # pyright: ignore[reportArgumentType]


def test_no_steps_at_all():
    net = nirx.from_nir(recurrent(), "torch", RULE)
    assert net.run(torch.ones((0, 2, 3)), checkpoint=True)[0].shape == (0, 2, 4)


def test_torch_func_is_refused():
    net = nirx.from_nir(recurrent(), "torch", RULE)
    xs = torch.ones((4, 3))
    with pytest.raises(nirx.UnsupportedError, match=r"checkpoint=True does not work under torch"):
        torch.func.grad(lambda xs: net.run(xs, checkpoint=True)[0].sum())(xs)
