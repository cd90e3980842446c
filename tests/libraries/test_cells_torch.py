"""Neurons of the torch libraries outside NIR, traced: the spikes and states are the library's."""

# The libraries are not in .venv, where types are checked.
# pyright: reportMissingImports=false, reportArgumentType=false, reportCallIssue=false

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import nirx
from nirx_torch import torch_to_nir

snn = pytest.importorskip("snntorch")
norse = pytest.importorskip("norse.torch")
neuron = pytest.importorskip("spikingjelly.activation_based.neuron")

from norse.torch.functional.izhikevich import tonic_spiking  # noqa: E402
from norse.torch.functional.lif_adex import LIFAdExParameters  # noqa: E402
from norse.torch.functional.lif_ex import LIFExParameters  # noqa: E402
from norse.torch.functional.lif_refrac import LIFRefracParameters  # noqa: E402
from norse.torch.functional.lsnn import LSNNParameters  # noqa: E402

STEPS = 1000


def double(tree: Any) -> Any:
    """Norse's parameters in double precision: it computes products of them in their own type."""
    if isinstance(tree, torch.Tensor):
        return tree.double()
    return type(tree)(*map(double, tree)) if hasattr(tree, "_fields") else tree


def returned(*names):
    """The states that every call returns, under these names or those of their records."""

    def leaves(state: Any, name: str) -> dict[str, torch.Tensor]:
        if isinstance(state, torch.Tensor):
            return {name: state}
        return {k: v for n, part in state._asdict().items() for k, v in leaves(part, n).items()}

    def states(module: Any, state: Any) -> dict[str, torch.Tensor]:
        pairs = zip(names or ("",), state, strict=True)
        return {k: v for name, part in pairs for k, v in leaves(part, name).items()}

    return states


def held(*names):
    """The states that a module keeps in itself."""
    return lambda module, state: {name: getattr(module, name) for name in names}


OPTIONS: Any = {"init_hidden": True}
ALPHA = ("syn_exc", "syn_inh", "mem")
CELLS = {
    "norse LIFAdEx": (lambda: norse.LIFAdExCell(double(LIFAdExParameters())), returned(), 30),
    "norse LIFRefrac": (lambda: norse.LIFRefracCell(double(LIFRefracParameters())), returned(), 30),
    "norse LSNN": (lambda: norse.LSNNCell(double(LSNNParameters())), returned(), 60),
    "norse LIFEx": (lambda: norse.LIFExCell(double(LIFExParameters())), returned(), 30),
    "norse Izhikevich": (lambda: norse.IzhikevichCell(tonic_spiking), returned(), 30),
    "snntorch Lapicque": (lambda: snn.Lapicque(beta=0.8), returned("mem"), 8),
    "snntorch Lapicque, to zero": (
        lambda: snn.Lapicque(R=2.0, C=4.0, reset_mechanism="zero", **OPTIONS),
        held("mem"),
        2,
    ),
    "snntorch Alpha": (lambda: snn.Alpha(alpha=0.9, beta=0.8), returned(*ALPHA), 1),
    "snntorch Alpha, hidden": (
        lambda: snn.Alpha(alpha=0.9, beta=0.8, reset_mechanism="subtract", **OPTIONS),
        held(*ALPHA),
        1,
    ),
    "spikingjelly QIF": (lambda: neuron.QIFNode(), held("v"), 2),
    "spikingjelly EIF": (lambda: neuron.EIFNode(), held("v"), 2),
    "spikingjelly Izhikevich": (lambda: neuron.IzhikevichNode(), held("v", "w"), 2),
    "spikingjelly KLIF": (lambda: neuron.KLIFNode(), held("v"), 2),
    "spikingjelly LIAF": (lambda: neuron.LIAFNode(torch.relu, False), held("v"), 2),
}


@pytest.mark.parametrize("name", CELLS)
def test_a_traced_neuron_has_the_spikes_and_states_of_its_library(name):
    make, states_of, scale = CELLS[name]
    cell = make().double()
    random = torch.Generator().manual_seed(0)
    xs = scale * torch.rand(STEPS, 2, 4, generator=random, dtype=torch.float64)
    graph = torch_to_nir(cell, input_shape=(4,))
    (key,) = [k for k, node in graph.nodes.items() if isinstance(node, nirx.Neuron)]
    found, states, state = [], [], ()
    with torch.no_grad():
        for x in xs:
            y = cell(x, *state)
            y, *state = y if isinstance(y, tuple) else (y,)
            found.append(y)
            states.append(states_of(cell, state))
    expected = torch.stack(found).numpy()
    assert np.count_nonzero(expected) > 50
    for backend in ("numpy", "torch"):
        net = nirx.from_nir(graph, backend=backend, dtype="float64")
        y, _, recorded = net.run(xs.numpy() if backend == "numpy" else xs, record="all")
        np.testing.assert_array_equal(np.asarray(torch.as_tensor(y).detach()), expected)
        for variable in graph.nodes[key].initial:
            wanted = torch.stack([s[variable] for s in states]).numpy()
            got = torch.as_tensor(recorded[f"{key}.{variable}"]).detach().numpy()
            np.testing.assert_allclose(got, wanted, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    "make", [lambda: neuron.GatedLIFNode(T=4), lambda: neuron.PSN(T=4)], ids=["GatedLIF", "PSN"]
)
def test_a_neuron_that_mixes_steps_is_refused_by_name(make):
    kind = type(make()).__name__
    with pytest.raises(nirx.UnsupportedError, match=rf"{kind}.*forward must be one time step"):
        torch_to_nir(torch.nn.Sequential(torch.nn.Linear(4, 4), make()))


def test_a_model_of_layers_and_a_library_cell():
    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.n = torch.nn.Linear(3, 4), norse.LIFAdExCell(double(LIFAdExParameters()))

        def forward(self, x, state=None):
            return self.n(30 * self.a(x), state)

    net = Net().double()
    graph = torch_to_nir(net)
    xs, found, state = torch.rand(100, 2, 3, dtype=torch.float64), [], None
    with torch.no_grad():
        for x in xs:
            y, state = net(x, state)
            found.append(y)
    got = nirx.from_nir(graph, backend="numpy", dtype="float64").run(xs.numpy())[0]
    np.testing.assert_array_equal(got, torch.stack(found).numpy())
