"""nirtorch 2.6 as a backend under test: its graph interpreter, with exact neurons put in.

    .venv-libraries/bin/nirx conformance --backend nirtorch_backend:BACKEND --report report/

nirtorch brings no neurons, so these do nirx's default step; what fails is nirtorch's own:
its default modules, its wiring, its order, its state.
"""

from __future__ import annotations

import gc
import signal
from contextlib import contextmanager
from functools import partial

import nir
import nirtorch
import numpy as np
import torch

import nirx


class Neuron(torch.nn.Module):
    """NIR's neurons in forward Euler, on nirtorch's terms: (x, state) -> (y, state)."""

    def __init__(self, node, dt):
        super().__init__()
        self.node, self.dt = type(node).__name__, dt
        for name, value in vars(node).items():
            if isinstance(value, np.ndarray | np.generic | int | float):
                self.register_buffer(name, torch.from_numpy(np.array(value)).double())

    def forward(self, x, state=None):
        shape = torch.broadcast_shapes(x.shape, self.r.shape)
        v, i = state or (torch.zeros(shape, dtype=x.dtype), torch.zeros(shape, dtype=x.dtype))
        if self.node.startswith("Cuba"):
            i = i + (self.dt / self.tau_syn) * (self.w_in * x - i)
            x = i
        if self.node in ("I", "IF"):
            v = v + (self.dt * self.r) * x
        else:
            tau = self.tau_mem if self.node.startswith("Cuba") else self.tau
            v = v + (self.dt / tau) * ((self.v_leak - v) + self.r * x)
        if self.node in ("I", "LI", "CubaLI"):
            return v, (v, i)
        z = (v > self.v_threshold).to(x.dtype)
        return z, (torch.where(z > 0, self.v_reset.expand(v.shape), v), i)


class Elementwise(torch.nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


def above(threshold, x):
    return (x > threshold).to(x.dtype)


def tensor(value):
    return torch.from_numpy(np.array(value)).double()


@contextmanager
def at_most(seconds):
    """Raise TimeoutError after a time: on some graphs nirtorch never returns."""

    def stop(signum, frame):
        raise TimeoutError(f"it did not return within {seconds:g} s")

    before = signal.signal(signal.SIGALRM, stop)
    # Again and again: nirtorch catches what is raised in some of its loops, and goes on.
    signal.setitimer(signal.ITIMER_REAL, seconds, 0.5)
    gc.disable()  # what is raised in a callback of the collector ends nothing
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        gc.enable()


class NirtorchBackend:
    name = "nirtorch"
    records = "outputs"

    def prepare(self, graph, discretization=None, dtype="float64", **options):
        assert discretization is not None
        if options or discretization != nirx.Discretization(dt=discretization.dt):
            raise nirx.UnsupportedError("nirtorch has no discretization; the adapter has one")
        if any(isinstance(node, nir.Delay) for node in graph.nodes.values()):
            raise nirx.UnsupportedError("nirtorch has no Delay")
        dt = discretization.dt
        neurons = (nir.I, nir.IF, nir.LI, nir.LIF, nir.CubaLI, nir.CubaLIF)
        node_map = dict.fromkeys(neurons, lambda node: Neuron(node, dt))
        node_map[nir.Scale] = lambda n: Elementwise(partial(torch.mul, tensor(n.scale)))
        node_map[nir.Threshold] = lambda n: Elementwise(partial(above, tensor(n.threshold)))
        try:
            with at_most(5.0):
                net = nirtorch.nir_to_torch(graph, node_map, dtype=getattr(torch, dtype))
        except Exception as error:  # nirtorch refuses in many ways, none of them a type of its own
            raise nirx.UnsupportedError(f"nirtorch refuses: {error}") from error
        kind = getattr(torch, dtype)
        names = [n for n, node in graph.nodes.items() if isinstance(node, nir.Output)]

        def run(inputs, state=None, record=()):
            if state is not None or isinstance(inputs, dict):
                raise nirx.UnsupportedError("nirtorch's state is its own; it takes one Input")
            own, rows = None, []
            with torch.no_grad():
                for x in torch.from_numpy(np.array(inputs)).to(kind):
                    result = net(x) if own is None else net(x, own)
                    own = result[-1]
                    rows.append(result[0])
            return {names[0]: torch.stack(rows).numpy()}, None, {}

        return run


BACKEND = NirtorchBackend()
