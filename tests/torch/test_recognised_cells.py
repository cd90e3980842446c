"""Hand-written LIF, LI, IF and CubaLIF cells become NIR nodes straight from `torch_to_nir`."""

# pyright: reportIncompatibleMethodOverride=false, reportAttributeAccessIssue=false
# pyright: reportArgumentType=false, reportCallIssue=false, reportOperatorIssue=false
# pyright: reportIndexIssue=false

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import nir
import numpy as np
import pytest
import torch
from torch import nn

import nirx
from nirx_torch import torch_to_nir

TAU, STEPS, BATCH, SIZE = torch.tensor([4.0, 7.0, 10.0]), 1000, 2, 3


class Spike(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, u: torch.Tensor) -> torch.Tensor:
        return (u > 0).to(u.dtype)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:
        return gradient


class Cell(nn.Module):
    """Parameters that the spellings share."""

    def __init__(self) -> None:
        super().__init__()
        self.tau = nn.Parameter(TAU.clone())
        self.register_buffer("beta", 1 - 1 / TAU)
        self.theta = 0.5


# -- how a state is kept ----------------------------------------------------------------


class Returned(Cell):
    """(x, state) -> (y, state), a state of several parts as a tuple."""

    states = 1

    def forward(self, x, state=None):
        if state is None:
            zeros = tuple(torch.zeros_like(x) for _ in range(self.states))
            state = zeros[0] if self.states == 1 else zeros
        y, *new = self.step(x, *(state if self.states > 1 else (state,)))
        return y, new[0] if self.states == 1 else tuple(new)


class Record(NamedTuple):
    v: Any
    i: Any


class Held(Cell):
    """Attributes that begin as None."""

    def __init__(self) -> None:
        super().__init__()
        self.mem: Any = None
        self.current: Any = None

    def forward(self, x):
        if self.mem is None:
            self.mem = torch.zeros_like(x)
            self.current = torch.zeros_like(x)
        return self.step(x)


# -- LIF --------------------------------------------------------------------------------


class LIFWhere(Returned):
    def step(self, x, v):
        v = v + (x - v) / self.tau
        z = (v > self.theta).to(x.dtype)
        return z, torch.where(z > 0, torch.zeros_like(v), v)


class LIFSubtract(Held):
    def step(self, x):
        self.mem = self.beta * self.mem + x
        z = Spike.apply(self.mem - 1.5)
        self.mem = self.mem - 1.5 * z
        return z


class LIFExponential(Cell):
    def forward(self, x, state=None):
        v = torch.zeros_like(x) if state is None else state["v"]
        kept = torch.exp(-1 / self.tau)
        v = kept * v + (1 - kept) * x
        z = torch.heaviside(v - self.theta, torch.ones(()).to(x.dtype))
        return z, {"v": v * (1 - z.detach())}


class LIFNextStep(Returned):
    """As snnTorch's: the reset is due in the next step."""

    def step(self, x, mem):
        reset = (mem > 1.0).to(x.dtype).detach()
        mem = self.beta * mem + x - reset * 1.0
        return Spike.apply(mem - 1.0), mem


class LIFLastSpikes(Returned):
    states = 2

    def step(self, x, v, z):
        v = self.beta * v * (1 - z) + x
        return Spike.apply(v - 1.0), v, (v > 1.0).to(x.dtype)


class LIFInPlace(Cell):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("v", torch.zeros(BATCH, SIZE))

    def forward(self, x):
        self.v.lerp_(x, 1 / self.tau)
        fired = self.v >= self.theta
        self.v[fired] = 0.0
        return fired.to(x.dtype)


# -- LI ---------------------------------------------------------------------------------


class LITowards(Returned):
    def step(self, x, v):
        v = v + (x - v) / self.tau
        return v, v


class LIAttribute(Held):
    def step(self, x):
        self.mem = self.beta * self.mem + (1 - self.beta) * x
        return self.mem


class LIExponential(Cell):
    def forward(self, x, state=None):
        v = torch.zeros_like(x) if state is None else state["v"]
        kept = torch.exp(-1 / self.tau)
        v = kept * v + (1 - kept) * x
        return v, {"v": v}


class LILerp(Returned):
    def step(self, x, v):
        v = torch.lerp(v, x, 1 / self.tau)
        return v, v


class LIInPlace(Cell):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("v", torch.zeros(BATCH, SIZE))

    def forward(self, x):
        self.v.mul_(self.beta).add_(x)
        return self.v.clone()


class LIAddcdiv(Returned):
    def step(self, x, v):
        v = torch.addcdiv(v, 2.0 * x - (v - 0.25), self.tau)
        return v, v


# -- IF ---------------------------------------------------------------------------------


class IFWhere(Returned):
    def step(self, x, v):
        v = v + x
        z = (v > 1.0).to(x.dtype)
        return z, torch.where(v > 1.0, 0.0, v)


class IFSubtract(Held):
    def step(self, x):
        self.mem = self.mem + 0.3 * x
        z = Spike.apply(self.mem - 1.0)
        self.mem = self.mem - z
        return z


class IFMultiplied(Returned):
    def step(self, x, v):
        v = torch.add(v, x, alpha=0.4)
        z = (v >= 1.0).float().to(x.dtype)
        return z, v * (1 - z)


class IFNextStep(Returned):
    def step(self, x, v):
        v = v - (v > 1.0).to(x.dtype) + x
        return (v > 1.0).to(x.dtype), v


class IFInPlace(Cell):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("v", torch.zeros(BATCH, SIZE))

    def forward(self, x):
        self.v += x
        z = (self.v > 1.0).to(x.dtype)
        self.v.masked_fill_(z.bool(), -0.25)
        return z


class IFLastSpikes(Returned):
    states = 2

    def step(self, x, v, z):
        v = torch.where(z > 0.5, 0.0, v) + x
        z = (v > 1.0).to(x.dtype)
        return z, v, z


# -- CubaLIF ----------------------------------------------------------------------------


class CubaCurrentFirst(Returned):
    states = 2

    def step(self, x, v, i):
        i = i + (x - i) / 3.0
        v = v + (i - v) / self.tau
        z = (v > 0.3).to(x.dtype)
        return z, torch.where(z > 0, torch.zeros_like(v), v), i


class CubaDecays(Held):
    def step(self, x):
        self.current = 0.75 * self.current + x
        self.mem = self.beta * self.mem + self.current
        z = Spike.apply(self.mem - 4.0)
        self.mem = self.mem - 4.0 * z
        return z


class CubaVoltageFirst(Cell):
    """As norse's: v sees the old i."""

    def forward(self, x, state=None):
        state = Record(torch.zeros_like(x), torch.zeros_like(x)) if state is None else state
        v = state.v + (state.i - state.v) / self.tau
        i = state.i - state.i / 3.0
        z = Spike.apply(v - 0.5)
        return z, Record((1 - z.detach()) * v, i + x)


class CubaExponential(Returned):
    states = 2

    def step(self, x, v, i):
        of_i, of_v = torch.exp(torch.tensor(-1 / 3.0)).to(x.dtype), torch.exp(-1 / self.tau)
        i = of_i * i + (1 - of_i) * x
        v = of_v * v + (1 - of_v) * i
        z = (v >= 0.3).to(x.dtype)
        return z, v - 0.3 * z, i


class CubaNextStep(Returned):
    states = 2

    def step(self, x, v, i):
        reset = (v > 4.0).to(x.dtype)
        i = 0.75 * i + x
        v = self.beta * v + i - 4.0 * reset
        return Spike.apply(v - 4.0), v, i


class CubaInPlace(Cell):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("v", torch.zeros(BATCH, SIZE))
        self.register_buffer("i", torch.zeros(BATCH, SIZE))

    def forward(self, x):
        self.i.lerp_(x, 0.25)
        self.v.lerp_(self.i, 1 / self.tau)
        fired = self.v > 0.3
        self.v[fired] = 0.0
        return fired.to(x.dtype)


SPELLINGS: dict[type, list[Callable[[], nn.Module]]] = {
    nir.LIF: [LIFWhere, LIFSubtract, LIFExponential, LIFNextStep, LIFLastSpikes, LIFInPlace],
    nir.LI: [LITowards, LIAttribute, LIExponential, LILerp, LIInPlace, LIAddcdiv],
    nir.IF: [IFWhere, IFSubtract, IFMultiplied, IFNextStep, IFInPlace, IFLastSpikes],
    nir.CubaLIF: [
        *(CubaCurrentFirst, CubaDecays, CubaVoltageFirst),
        *(CubaExponential, CubaNextStep, CubaInPlace),
    ],
}
CASES = [
    pytest.param(kind, make, marks=[] if quick else pytest.mark.exhaustive)
    for kind, makes in SPELLINGS.items()
    for make, quick in zip(makes, [True, *[False] * 5], strict=True)
]


def drive() -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(0).uniform(-0.5, 2.0, (STEPS, BATCH, SIZE)))


def own_run(model: nn.Module, xs: torch.Tensor) -> np.ndarray:
    found, state = [], ()
    with torch.no_grad():
        for x in xs:
            y = model(x, *state)
            y, *state = y if isinstance(y, tuple) else (y,)
            found.append(y)
    return torch.stack(found).numpy()


@pytest.mark.parametrize(("kind", "make"), CASES, ids=lambda part: part.__name__)
def test_a_cell_in_each_spelling_is_a_nir_node_with_the_cells_own_spikes(kind, make):
    cell, xs = make().double(), drive()
    graph = torch_to_nir(cell, input_shape=(SIZE,))
    (node,) = (n for n in graph.nodes.values() if not isinstance(n, nir.Input | nir.Output))
    assert type(node) is kind
    assert (
        f"{make.__name__!r} equals NIR's {kind.__name__} with " in node.metadata["nirx_recognised"]
    )
    expected = own_run(cell, xs)
    got = nirx.from_nir(graph, "numpy", dtype="float64").run(xs.numpy())[0]
    if kind is nir.LI:
        np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-12)
    else:
        assert 0 < expected.sum() < expected.size
        np.testing.assert_array_equal(got, expected)
