"""torch.compile of a reproducible network: eager's bits, which are NumPy's.

As one graph, else a break would quietly run eagerly what these tests are about; with gradients
there is a break at the custom gradient of the dot product.
"""

# nir's and torch's own annotations are narrower than what both accept and give.
# pyright: reportArgumentType=false

from __future__ import annotations

import shutil

import nir
import numpy as np
import pytest
import torch

import nirx
import nirx_torch
from support.agreement import assert_bits
from support.graphs import chain
from support.running import Reproducible

# Inductor itself imports what torch has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")

RULE = nirx.Discretization(dt=1e-3)


@pytest.fixture
def graph():
    rng = np.random.default_rng(0)
    one = np.linspace(0.9, 1.1, 5)
    nodes = {
        "fc": nir.Affine(rng.normal(size=(5, 4)), one / 10),
        "lif": nir.LIF(5e-3 * one, 2 * one, 0.1 * one, 0.3 * one, -0.1 * one),
        "out": nir.Linear(rng.normal(size=(3, 5))),
        "li": nir.LI(np.full(3, 7e-3), np.ones(3), np.zeros(3)),
    }
    graph = chain(nodes, 4, 3)
    graph.nodes["back"] = nir.Linear(0.4 * rng.normal(size=(5, 5)))
    graph.edges += [("lif", "back"), ("back", "lif")]
    return graph


class Run(torch.nn.Module):
    """`run` as a forward."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, xs):
        return self.net.run(xs)


BACKENDS = [
    "aot_eager",
    pytest.param("eager", marks=pytest.mark.slow),
    pytest.param("inductor", marks=pytest.mark.exhaustive),
]


def require(backend):
    if backend == "inductor" and shutil.which("g++") is None:
        pytest.skip("inductor needs a C++ compiler")
    torch.compiler.reset()


@pytest.mark.parametrize(
    "gradients",
    [
        pytest.param(False, id="no_grad"),
        pytest.param(True, id="grad", marks=pytest.mark.exhaustive),
    ],
)
@pytest.mark.slow
@pytest.mark.parametrize("compiler", BACKENDS)
@pytest.mark.sampled(2)
def test_a_compiled_run_has_the_same_bits(compiler, gradients, graph):
    require(compiler)
    xs = np.random.default_rng(1).normal(size=(6, 3, 4)).astype(np.float32)
    xs[3, 1, 2], xs[5, 0] = -0.0, xs[5, 0] * 1e-30
    expected = Reproducible("numpy", graph, RULE).run(xs)[:2]
    net = nirx_torch.from_nir(graph, RULE, reproducible=True)
    with torch.set_grad_enabled(gradients):
        found = torch.compile(Run(net), backend=compiler, fullgraph=not gradients)(
            torch.from_numpy(xs)
        )
    assert_bits(nirx.state_to_numpy(found), expected, compiler)
    assert (expected[0] != 0).any()


@pytest.mark.slow
@pytest.mark.parametrize("compiler", BACKENDS)
@pytest.mark.sampled(2)
def test_a_compiled_step_has_the_same_bits(compiler, graph, dtype):
    require(compiler)
    xs = np.random.default_rng(2).normal(size=(8, 3, 4)).astype(dtype)
    expected = Reproducible("numpy", graph, RULE, dtype).run(xs)[:2]
    net = nirx_torch.from_nir(graph, RULE, dtype, reproducible=True)
    compiled = torch.compile(net, backend=compiler, fullgraph=True)
    rows = []
    with torch.no_grad():
        state = net.init_state((3,))
        for x in torch.from_numpy(xs):
            y, state = compiled(x, state)
            rows.append(y)
    assert_bits(nirx.state_to_numpy((torch.stack(rows), state)), expected, compiler)
