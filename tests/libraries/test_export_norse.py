"""Norse models into NIR by hand-written maps, then on JAX: the spikes of Norse itself.

Runs in the optional environment of `make libraries`.
"""

from __future__ import annotations

import nir
import numpy as np
import pytest
import torch

import nirx
import nirx_torch

pytest.importorskip("norse", reason="norse is installed by `make libraries` only")
norse = pytest.importorskip("norse.torch")

STEPS, BATCH = 1000, 4


def array(value, size):
    return np.full(size, float(value), np.float32)


def box(size):
    def export(cell):
        p = cell.p
        tau = array(1 / p.tau_mem_inv, size)
        return nir.LIF(
            tau,
            array(1, size),
            array(p.v_leak, size),
            array(p.v_th, size),
            array(p.v_reset, size),
        )

    return export


def current_based(size):
    def export(cell):
        p = cell.p
        return nir.CubaLIF(
            array(1 / p.tau_syn_inv, size),
            array(1 / p.tau_mem_inv, size),
            array(1, size),
            array(p.v_leak, size),
            array(p.v_th, size),
            array(p.v_reset, size),
        )

    return export


def recurrent(cell):
    size = cell.hidden_size
    return nir.NIRGraph(
        nodes={
            "input": nir.Input(np.array([cell.input_size])),
            "in": nir.Linear(cell.input_weights.detach()),
            "lif": current_based(size)(cell),
            "recurrent": nir.Linear(cell.recurrent_weights.detach()),
            "output": nir.Output(np.array([size])),
        },
        edges=[
            ("input", "in"),
            ("in", "lif"),
            ("lif", "recurrent"),
            ("recurrent", "lif"),
            ("lif", "output"),
        ],
        type_check=False,
    )


def models():
    torch.manual_seed(0)
    yield (
        norse.SequentialState(
            torch.nn.Linear(5, 30),
            norse.LIFBoxCell(),
            torch.nn.Linear(30, 10),
            norse.LIFBoxCell(),
        ),
        {1: box(30), 3: box(10)},
        "norse.LIFBoxCell",
        15.0,
    )
    yield (
        norse.SequentialState(torch.nn.Linear(5, 30), norse.LIFCell(), torch.nn.Linear(30, 4)),
        {1: current_based(30)},
        "norse.LIFCell",
        6.0,
    )
    yield (
        norse.SequentialState(norse.LIFRecurrentCell(5, 30), torch.nn.Linear(30, 4)),
        {0: recurrent},
        "norse.LIFCell",
        6.0,
    )


@pytest.mark.parametrize("case", range(3))
def test_a_norse_model_runs_on_jax_with_its_spikes(case):
    model, exporters, preset, gain = list(models())[case]
    module_map = {type(model[i]): lambda m: by_module[id(m)](m) for i in exporters}
    by_module = {id(model[i]): f for i, f in exporters.items()}
    graph = nirx_torch.torch_to_nir(model, module_map, discretization=nirx.PRESETS[preset])
    xs = gain * torch.rand((STEPS, BATCH, 5), generator=torch.Generator().manual_seed(1))
    spikes, outputs, state = [], [], None
    keep = {}
    place = min(exporters)
    model[place].register_forward_hook(lambda m, i, out: keep.update(z=out[0].clone()))
    with torch.no_grad():
        for x in xs:
            y, state = model(x, state)
            spikes.append(keep["z"])
            outputs.append(y)
    names = [n for n in nirx.schedule(graph).order if n.endswith(("lif", str(place)))]
    net = nirx.from_nir(graph, backend="jax")
    ys, _, rec = net.run(xs.numpy(), record=names[:1])
    own = torch.stack(spikes).numpy()
    assert 0.01 < own.mean() < 0.9
    assert int((np.asarray(rec[names[0]]) != own).sum()) == 0
    np.testing.assert_allclose(np.asarray(ys), torch.stack(outputs).numpy(), atol=2e-5)
