"""Cells of torch libraries outside NIR, and how each library runs them step by step."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch

import nirx
from nirx_torch.cells import trace_cell

__all__ = ["CELLS", "TorchCell", "run_cell", "traced"]

STEPS, BATCH, SIZE = 120, 2, 3


@dataclass(frozen=True)
class TorchCell:
    """A cell of a library.

    Arguments:
        name: of the case.
        package: the distribution that has it.
        make: builds it.
        drive: the largest input, with which it spikes now and then.
        run: (cell, x, state or None) -> (y, state, states by name): one step of the library.
        tolerance: of states, relative to their largest magnitude.
    """

    name: str
    package: str
    make: Callable[[], Any]
    drive: float
    run: Callable[[Any, torch.Tensor, Any], tuple[Any, Any, dict[str, Any]]]
    tolerance: float = 1e-6


def _norse(cell: Any, x: Any, state: Any) -> Any:
    y, state = cell(x, state)
    return y, state, _flat(state)


def _flat(state: Any) -> dict[str, Any]:
    found = {}
    for name, value in state._asdict().items():
        found |= _flat(value) if hasattr(value, "_asdict") else {name: value}
    return found


def _in_float64(values: Any) -> Any:
    """The decimal numbers that were meant: Norse makes these in the dtype of its import."""
    if isinstance(values, tuple):
        return type(values)(*map(_in_float64, values))
    if isinstance(values, torch.Tensor):
        return torch.tensor(float(f"{values.item():.7g}"), dtype=torch.float64)
    return values


def _snntorch(*names: str) -> Any:
    def run(cell: Any, x: Any, state: Any) -> Any:
        if state is None:
            found = cell.reset_mem()
            state = found if isinstance(found, tuple) else (found,)
        y, *state = cell(x, *state)
        return y, state, dict(zip(names, state, strict=True))

    return run


def _spikingjelly(cell: Any, x: Any, state: Any) -> Any:
    if state is None:
        cell.reset()
    y = cell(x)
    return y, True, {k: v for k, v in cell._memories.items() if isinstance(v, torch.Tensor)}


class AdaptiveLIF(torch.nn.Module):
    """A cell as users write it: an adaptive threshold, a time constant per neuron."""

    def __init__(self) -> None:
        super().__init__()
        self.tau = torch.nn.Parameter(torch.linspace(3, 9, SIZE))
        self.beta = torch.nn.Parameter(torch.tensor(0.7))

    def forward(self, x: Any, state: Any = None) -> Any:
        v, a = (torch.full_like(x, -0.5), torch.zeros_like(x)) if state is None else state
        v = v + (x - v) / self.tau
        z = (v >= 1 + self.beta * a).to(x.dtype)
        return z, (v * (1 - z), a * torch.exp(-1 / (4 * self.tau)) + z)


def _by_hand(cell: Any, x: Any, state: Any) -> Any:
    y, state = cell(x, state)
    return y, state, {}


def _torch_cells() -> list[TorchCell]:
    return [TorchCell("torch AdaptiveLIF, by hand", "torch", AdaptiveLIF, 5.0, _by_hand)]


def _norse_cells() -> list[TorchCell]:
    import norse.torch as n  # pyright: ignore[reportMissingImports]
    from norse.torch.functional import (  # pyright: ignore[reportMissingImports]
        izhikevich as iz,
    )

    def cell(name: str, make: Any, drive: float, words: str = "") -> TorchCell:
        def made() -> Any:
            module = make()
            if hasattr(module, "p"):
                module.p = _in_float64(module.p)
            return module

        return TorchCell(f"norse {name}{words}", "norse", made, drive, _norse)

    slow = n.LIFAdExParameters(tau_syn_inv=torch.tensor(100.0), adaptation_spike=torch.tensor(0.1))
    found = [
        cell("LIFAdExCell", n.LIFAdExCell, 1.5),
        cell("LIFAdExCell", lambda: n.LIFAdExCell(slow), 2.0, ", slower synapse"),
        cell("LIFAdExRefracCell", n.LIFAdExRefracCell, 1.5),
        cell("LIFRefracCell", n.LIFRefracCell, 1.5),
        cell(
            "LIFRefracCell",
            lambda: n.LIFRefracCell(n.LIFRefracParameters(rho_reset=torch.tensor(2.0))),
            1.5,
            ", two steps",
        ),
        cell("LIFExCell", n.LIFExCell, 1.0),
        cell("LSNNCell", n.LSNNCell, 1.5),
        cell(
            "LSNNCell",
            lambda: n.LSNNCell(n.LSNNParameters(beta=torch.tensor(0.3))),
            1.5,
            ", weaker adaptation",
        ),
    ]
    kinds = ("tonic_spiking", "phasic_spiking", "tonic_bursting", "mixed_mode", "resonator")
    for kind in (*kinds, "spike_frequency_adaptation", "class_1_exc", "integrator"):
        own = getattr(iz, kind, None)
        if own is not None:
            made = partial(n.IzhikevichCell, _in_float64(own))
            found.append(cell("IzhikevichCell", made, 30.0, f", {kind}"))
    return found


def _snntorch_cells() -> list[TorchCell]:
    import snntorch  # pyright: ignore[reportMissingImports]

    def lapicque(reset: str) -> Any:
        return lambda: snntorch.Lapicque(beta=0.9, threshold=0.8, reset_mechanism=reset)

    def alpha(reset: str) -> Any:
        return lambda: snntorch.Alpha(alpha=0.9, beta=0.8, threshold=0.3, reset_mechanism=reset)

    found = [
        TorchCell(f"snntorch Lapicque, {r}", "snntorch", lapicque(r), 4.0, _snntorch("mem"))
        for r in ("subtract", "zero", "none")
    ]
    names = ("syn_exc", "syn_inh", "mem")
    return found + [
        TorchCell(f"snntorch Alpha, {r}", "snntorch", alpha(r), 2.0, _snntorch(*names))
        for r in ("subtract", "zero", "none")
    ]


def _spikingjelly_cells() -> list[TorchCell]:
    from spikingjelly.activation_based import (  # pyright: ignore[reportMissingImports]
        neuron as sj,
    )

    def cell(kind: str, drive: float, words: str = "", **options: Any) -> TorchCell:
        def make() -> Any:
            return getattr(sj, kind)(**options)

        return TorchCell(f"spikingjelly {kind}{words}", "spikingjelly", make, drive, _spikingjelly)

    relu = torch.nn.LeakyReLU()
    return [
        cell("QIFNode", 3.0),
        cell("EIFNode", 3.0),
        cell("IzhikevichNode", 3.0),
        cell("KLIFNode", 3.0),
        cell("KLIFNode", 3.0, ", scaled reset", scale_reset=True),
        cell("KLIFNode", 3.0, ", soft reset", v_reset=None),
        cell("LIAFNode", 3.0, act=relu, threshold_related=False),
        cell("LIAFNode", 3.0, ", related to the threshold", act=relu, threshold_related=True),
        cell("ComplementaryLIFNode", 3.0),
        cell("ParametricLIFNode", 3.0),
        cell("ParametricLIFNode", 3.0, ", undecayed input", decay_input=False),
        cell("RAFNode", 3.0),
        cell("HalfThresholdIFNode", 0.8),
        cell("TernaryIFNode", 0.8),
        cell("TernaryLIFNode", 3.0),
        cell("ActivationAwareIFNode", 0.8),
        cell("OTTTLIFNode", 3.0),
        cell("SLTTLIFNode", 3.0),
    ]


CELLS = {
    "norse": _norse_cells,
    "snntorch": _snntorch_cells,
    "spikingjelly": _spikingjelly_cells,
    "torch": _torch_cells,
}
"""Library -> the function that lists its cells."""


def traced(module: Any, shape: tuple[int, ...]) -> nirx.Neuron:
    """The Neuron of a cell, also where a NIR node does the same. **Raises**: `NirxError`."""
    found = trace_cell(module, type(module).__name__, shape)
    if found is None:
        raise nirx.UnsupportedError(f"{type(module).__name__} keeps no state")
    return found.node


def run_cell(cell: TorchCell) -> tuple[Any, np.ndarray, np.ndarray, dict[str, Any]]:
    """Run a cell in its library.

    The input is a random signal in -0.2 to 1 of the cell's drive, another one for every name.

    Returns: the module in float64, as it was before the run; inputs, outputs and states after
    each step, [time, batch, features].
    """
    rng = np.random.Generator(np.random.PCG64(zlib.crc32(cell.name.encode())))
    xs = (rng.random((STEPS, BATCH, SIZE)) * 1.2 - 0.2) * cell.drive
    module, fresh = (cell.make().double().eval() for _ in range(2))
    state, ys, traces = None, [], {}
    with torch.no_grad():
        for x in torch.from_numpy(xs):
            y, state, shown = cell.run(module, x, state)
            ys.append(y.double().numpy().copy())
            for name, value in shown.items():
                own = value.double().expand(BATCH, SIZE).numpy().copy()
                traces.setdefault(name, []).append(own)
    whole = {name: np.array(t) for name, t in traces.items() if len(t) == STEPS}
    return fresh, xs, np.array(ys), whole
