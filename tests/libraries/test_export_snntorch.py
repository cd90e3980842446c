"""snnTorch models into NIR by a hand-written map, then on JAX: the spikes of snnTorch itself.

Runs in the optional environment of `make libraries`.
"""

from __future__ import annotations

from contextlib import nullcontext

import nir
import numpy as np
import pytest
import torch

import nirx
import nirx_torch

pytest.importorskip("snntorch", reason="snntorch is installed by `make libraries` only")
snn = pytest.importorskip("snntorch")

STEPS, BATCH, DT = 1000, 4, 1e-4


def leaky(size):
    def export(m):
        a = np.full(size, 1 - float(m.beta))
        one = np.ones(size)
        return nir.LIF(DT / a, 1 / a, 0 * one, float(m.threshold) * one, 0 * one)

    return export


class Arguments(torch.nn.Module):
    """State as arguments of their own, as snnTorch's tutorials write it."""

    def __init__(self, **options):
        super().__init__()
        self.fc1, self.fc2 = torch.nn.Linear(5, 30), torch.nn.Linear(30, 10)
        self.lif1 = snn.Leaky(beta=0.9, **options)
        self.lif2 = snn.Leaky(beta=0.8, threshold=0.5, **options)

    def forward(self, x, mem1, mem2):
        spk1, mem1 = self.lif1(self.fc1(x), mem1)
        spk2, mem2 = self.lif2(self.fc2(spk1), mem2)
        return spk2, mem1, mem2


class Feedback(Arguments):
    """Spikes of the step before come back, through one state."""

    def __init__(self, **options):
        super().__init__(**options)
        self.back = torch.nn.Linear(30, 30, bias=False)

    def forward(self, x, state):
        spk1, mem1, mem2 = state
        spk1, mem1 = self.lif1(self.fc1(x) + self.back(spk1), mem1)
        spk2, mem2 = self.lif2(self.fc2(spk1), mem2)
        return spk2, (spk1, mem1, mem2)


CASES = [
    ({}, "snntorch.Leaky"),
    (
        {"reset_mechanism": "zero", "reset_delay": False},
        "snntorch.Leaky(reset_mechanism='zero', reset_delay=False)",
    ),
]


@pytest.mark.parametrize(("options", "preset"), CASES)
@pytest.mark.parametrize("kind", [Arguments, Feedback])
def test_a_snntorch_model_runs_on_jax_with_its_spikes(kind, options, preset):
    torch.manual_seed(0)
    model = kind(**options)
    sizes = {id(model.lif1): 30, id(model.lif2): 10}
    threaded = pytest.warns(nirx.NirxWarning, match="'mem1', 'mem2' and returns the new value")
    with threaded if kind is Arguments else nullcontext():
        graph = nirx_torch.torch_to_nir(
            model,
            {snn.Leaky: lambda m: leaky(sizes[id(m)])(m)},
            discretization=nirx.PRESETS[preset],
        )
    xs = 4 * torch.rand((STEPS, BATCH, 5), generator=torch.Generator().manual_seed(1))
    spk1, mem1, mem2 = torch.zeros(BATCH, 30), torch.zeros(BATCH, 30), torch.zeros(BATCH, 10)
    own = []
    with torch.no_grad():
        for x in xs:
            if kind is Feedback:
                y, (spk1, mem1, mem2) = model(x, (spk1, mem1, mem2))
            else:
                y, mem1, mem2 = model(x, mem1, mem2)
            own.append(y)
    spikes = torch.stack(own).numpy()
    again, _ = nirx.from_nir(graph, backend="jax").run(xs.numpy())
    assert 0.01 < spikes.mean() < 0.95
    assert int((np.asarray(again) != spikes).sum()) == 0
