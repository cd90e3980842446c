"""Neurons of the torch libraries that NIR does not know, traced: the same spikes and states."""

# The libraries are not in .venv, where types are checked.
# pyright: reportMissingImports=false, reportArgumentType=false, reportCallIssue=false

from __future__ import annotations

import copy
from typing import Any

import nir
import numpy as np
import pytest
import torch
from torch import nn
from torch.utils._pytree import tree_map

import nirx
from nirx.basics.foreign_arrays import to_numpy
from nirx.bridging.bridge import find_bridge
from support.running import BACKENDS, Running
from support.torch_neurons import LIBRARIES, SIZE, neurons_of

for _library in LIBRARIES:
    pytest.importorskip(_library)

TRACED = {
    "norse": (
        "LIFAdExCell", "LIFAdExRefracCell", "LIFExCell", "LIFRefracCell", "LSNNCell",
        "IzhikevichCell", "IAFCell with v_reset",
    ),
    "snntorch": ("Alpha", "Alpha with arguments", "Lapicque to zero", "Leaky with graded spikes"),
    "sinabs": ("ALIF",),
    "spikingjelly": (
        "ActivationAwareIFNode", "ComplementaryLIFNode", "EIFNode", "FlexSN", "HalfThresholdIFNode",
        "ILIFNode", "IzhikevichNode", "KLIFNode", "LIAFNode", "OTTTLIFNode", "QIFNode", "RAFNode",
        "SLTTLIFNode", "SimpleIFNode", "SimpleLIFNode", "TernaryIFNode", "TernaryLIFNode",
    ),
}  # fmt: skip
CASES = [(library, kind) for library, kinds in TRACED.items() for kind in kinds]

STEPS, BATCH = 1000, 2


def made(library: str, kind: str) -> nn.Module:
    torch.manual_seed(0)
    return {**neurons_of(library), **variants()}[kind]()


def variants() -> dict[str, Any]:
    """Options that NIR's own nodes do not have."""
    import norse.torch as norse
    import snntorch as snn

    inside: Any = {"init_hidden": True}
    reset = norse.IAFParameters(v_reset=torch.tensor(0.5))
    return {
        "Alpha with arguments": lambda: snn.Alpha(alpha=0.9, beta=0.8),
        "IAFCell with v_reset": lambda: norse.IAFCell(reset),
        "Lapicque to zero": lambda: snn.Lapicque(beta=0.8, reset_mechanism="zero", **inside),
        "Leaky with graded spikes": lambda: snn.Leaky(0.8, graded_spikes_factor=2.0, **inside),
    }


def graph_of(library: str, cell: nn.Module) -> Any:
    return find_bridge(library).export(cell, input_shape=(SIZE,))


IN_NIR = {
    "Lapicque to zero": "mem", "FlexSN": "state_0", "ActivationAwareIFNode": "v",
    "OTTTLIFNode": "v", "SLTTLIFNode": "v", "SimpleIFNode": "v", "SimpleLIFNode": "v",
}  # fmt: skip
"""Neurons that are recognised as an IF or LIF -> the library's name of v."""


def the_neuron(graph: Any, kind: str) -> tuple[str, dict[str, str]]:
    """Its name, and for each state of the library the name that nirx records it by."""
    kinds = nir.IF | nir.LIF if kind in IN_NIR else nirx.Neuron
    ((name, node),) = [(k, n) for k, n in graph.nodes.items() if isinstance(n, kinds)]
    return name, {IN_NIR[kind]: "v"} if kind in IN_NIR else {s: s for s in node.step.states}


SINGLE = ("FlexSN",)
"""Neurons that run in float32 only."""


def dtype_of(cell: nn.Module) -> torch.dtype:
    return torch.float32 if type(cell).__name__ in SINGLE else torch.float64


def prepared(cell: nn.Module) -> nn.Module:
    """A copy in float64, not in training; Norse's parameters are no part of its modules."""
    own: Any = copy.deepcopy(cell).to(dtype_of(cell)).eval()
    for name in ("p", "spiking_method"):
        if hasattr(own, name):
            setattr(own, name, tree_map(_double, getattr(own, name)))
    return own


def _double(value: Any) -> Any:
    return value.detach().double() if isinstance(value, torch.Tensor) else value


def run_library(
    cell: nn.Module, xs: torch.Tensor, names: tuple[str, ...]
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """The library's own run, step by step: outputs and states after each step."""
    state: Any = cell.reset_mem() if hasattr(cell, "reset_mem") else None
    inside = getattr(cell, "init_hidden", False)
    ys, seen = [], {name: [] for name in names}
    with torch.no_grad():
        for x in xs:
            if isinstance(state, tuple) and not inside and hasattr(cell, "reset_mem"):
                y, *state = cell(x, *state)
                state = tuple(state)
                held = dict(zip(("syn_exc", "syn_inh", "mem"), state, strict=True))
            elif type(cell).__module__.startswith("norse"):
                y, state = cell(x, state)
                held = flat(state)
            elif type(cell).__module__.startswith("sinabs"):
                y = cell(x.unsqueeze(1)).squeeze(1)
                held = dict(cell.named_buffers())
            else:
                y = cell(x)
                held = cell.states if hasattr(cell, "states") else None
                held = {f"state_{i}": s for i, s in enumerate(held)} if held else vars_of(cell)
            ys.append(to_numpy(y))
            for name in names:
                seen[name].append(to_numpy(torch.broadcast_to(held[name], x.shape)))
    return np.array(ys), {name: np.array(rows) for name, rows in seen.items()}


def flat(state: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in state._asdict().items():
        found.update(flat(value) if hasattr(value, "_asdict") else {name: value})
    return found


def vars_of(cell: nn.Module) -> dict[str, Any]:
    return {**vars(cell), **dict(cell.named_buffers()), **getattr(cell, "_memories", {})}


def driving(library: str, kind: str, names: tuple[str, ...]) -> torch.Tensor:
    """Input at which the neuron spikes now and then."""
    base = np.random.default_rng(0).random((STEPS, BATCH, SIZE)) - 0.2
    for scale in (1, 2, 5, 20, 100, 500):
        xs = torch.from_numpy(base * scale).to(dtype_of(made(library, kind)))
        ys, _ = run_library(prepared(made(library, kind)), xs[:200], names)
        if np.isfinite(ys).all() and np.count_nonzero(ys) > 0.02 * ys.size:
            return xs
    raise AssertionError(f"{kind} does not spike")


@pytest.mark.exhaustive
@pytest.mark.parametrize(("library", "kind"), CASES)
def test_a_thousand_steps(library, kind):
    cell = made(library, kind)
    graph = graph_of(library, prepared(cell))
    name, recorded = the_neuron(graph, kind)
    xs = driving(library, kind, tuple(recorded))
    ys, states = run_library(prepared(cell), xs, tuple(recorded))
    assert np.count_nonzero(ys) > 40
    for backend in BACKENDS:
        net = Running(backend, graph, None, str(xs.dtype).removeprefix("torch."))
        own, _, seen = net.run(xs.numpy(), record=[f"{name}.{s}" for s in recorded.values()])
        np.testing.assert_array_equal(to_numpy(own) != 0, ys != 0)
        np.testing.assert_allclose(to_numpy(own), ys, rtol=0, atol=1e-6)
        for key, expected in states.items():
            np.testing.assert_allclose(
                to_numpy(seen[f"{name}.{recorded[key]}"]), expected, rtol=0, atol=1e-6
            )


def norse_model() -> nn.Module:
    import norse.torch as norse

    cells = norse.LIFAdExCell(), norse.LIFAdExCell()
    return norse.SequentialState(nn.Linear(5, 8), cells[0], nn.Linear(8, 4), cells[1])


def snntorch_model() -> nn.Module:
    import snntorch as snn

    decays: Any = {"alpha": 0.9, "beta": 0.8, "threshold": 0.3, "init_hidden": True}
    last = snn.Alpha(**decays, output=True)
    return nn.Sequential(nn.Linear(5, 8), snn.Alpha(**decays), nn.Linear(8, 4), last)


def norse_model_over_time() -> nn.Module:
    import norse.torch as norse

    cells = norse.LIFAdEx(), norse.LSNN()
    return norse.SequentialState(nn.Linear(5, 8), cells[0], nn.Linear(8, 4), cells[1])


def sinabs_model() -> nn.Module:
    import sinabs.layers as sl

    cells = [sl.ALIF(2.0, 10.0, spike_threshold=torch.tensor(0.2)) for _ in range(2)]
    return nn.Sequential(nn.Linear(5, 8), cells[0], nn.Linear(8, 4), cells[1])


def spikingjelly_model() -> nn.Module:
    from spikingjelly.activation_based import neuron

    return nn.Sequential(nn.Linear(5, 8), neuron.KLIFNode(), nn.Linear(8, 4), neuron.QIFNode())


MOVES = [
    (norse_model, "spyx"),
    (norse_model_over_time, "snntorch"),
    (snntorch_model, "norse"),
    (sinabs_model, "norse"),
    (spikingjelly_model, "snntorch"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("build", "to"), MOVES)
def test_a_model_with_traced_neurons_moves(build, to):
    pytest.importorskip(to)
    torch.manual_seed(0)
    moved = nirx.move(build(), to)
    assert moved.fidelity in ("exact", "rounding")
    assert moved.silent == ()
    assert moved.by_nirx == ("1", "3")
    net = nirx.from_nir(moved.graph, "numpy", None, "float64")
    ys, _ = net.run(next(iter(moved.inputs.values())).astype("float64"))
    assert np.count_nonzero(ys) > 0


def test_neurons_over_several_steps_are_refused_in_plain_words():
    from spikingjelly.activation_based import neuron

    for cell, said in (
        (neuron.PSN(T=4), "inputs of several steps at once, by a matrix over time"),
        (neuron.GatedLIFNode(T=4), "has other parameters in every step"),
    ):
        with pytest.raises(nirx.UnsupportedError, match=said):
            graph_of("spikingjelly", nn.Sequential(nn.Linear(6, SIZE), cell))
