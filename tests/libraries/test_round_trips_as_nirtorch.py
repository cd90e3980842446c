"""Export and import with each library's own functions: nirx in place of nirtorch, 50 steps.

The sdists of snnTorch and Rockpool have no tests, so these round trips are nirx's own.
"""

from __future__ import annotations

import warnings

import pytest
import torch

import nirx_torch

pytest.importorskip("nirtorch", reason="nirtorch is installed by `make libraries` only")

# What the libraries and nirtorch themselves warn of is not at issue here.
pytestmark = pytest.mark.filterwarnings("ignore")

STEPS = 50

IMPORTED = {"reset_mechanism": "zero", "reset_delay": False}
"""What snnTorch's import gives every neuron; its export does not look at it."""


def snntorch_net():
    snn = pytest.importorskip("snntorch")
    torch.manual_seed(1)
    sizes = {"threshold": 0.3 * torch.ones(8), "init_hidden": True, **IMPORTED}
    return torch.nn.Sequential(
        torch.nn.Linear(6, 8),
        snn.Leaky(beta=0.9 * torch.ones(8), **sizes),
        torch.nn.Linear(8, 8),
        snn.Synaptic(alpha=0.5 * torch.ones(8), beta=0.8 * torch.ones(8), **sizes),
    )


def snntorch_recurrent():
    snn = pytest.importorskip("snntorch")
    torch.manual_seed(2)
    cell = snn.RLeaky(
        beta=0.9 * torch.ones(8),
        threshold=0.4 * torch.ones(8),
        V=0.3 * torch.rand(8),
        all_to_all=False,
        init_hidden=True,
    )
    return torch.nn.Sequential(torch.nn.Linear(6, 8), cell)


def snntorch_trip(model):
    from snntorch.export_nir import export_to_nir
    from snntorch.import_nir import import_from_nir

    return import_from_nir(export_to_nir(model, torch.zeros(3, 6), ignore_dims=[0]))


def norse_net():
    norse = pytest.importorskip("norse.torch")
    torch.manual_seed(3)
    layers = torch.nn.Linear(6, 8), torch.nn.Linear(8, 4)
    for layer in layers:
        torch.nn.init.uniform_(layer.weight, 0, 2)
    return norse.SequentialState(layers[0], norse.LIFBoxCell(), layers[1], norse.LIFBoxCell())


def norse_trip(model):
    import norse.torch as norse

    return norse.from_nir(norse.to_nir(model, torch.zeros(3, 6)), dt=1e-6)  # it exports tau = 1e-5


def sinabs_net():
    layers = pytest.importorskip("sinabs.layers")
    torch.manual_seed(4)
    return torch.nn.Sequential(
        torch.nn.Linear(6, 8),
        layers.IAFSqueeze(batch_size=3),
        torch.nn.Linear(8, 4),
        layers.IAFSqueeze(batch_size=3),
    )


def sinabs_trip(model):
    import sinabs

    return sinabs.from_nir(sinabs.to_nir(model, torch.zeros(3, 6)), batch_size=3)


def rockpool_net():
    pytest.importorskip("rockpool")
    from rockpool.nn.combinators import Sequential
    from rockpool.nn.modules import LIFTorch, LinearTorch

    torch.manual_seed(5)
    layers = LinearTorch((6, 8)), LIFTorch(8, dt=1e-3), LinearTorch((8, 4)), LIFTorch(4, dt=1e-3)
    return Sequential(*layers)


def rockpool_trip(model):
    from rockpool.nn.modules import from_nir, to_nir

    return from_nir(to_nir(model, torch.zeros(1, 6)))


CASES = {
    "snntorch": (snntorch_net, snntorch_trip, (3, 6)),
    "snntorch recurrent": (snntorch_recurrent, snntorch_trip, (3, 6)),
    "norse": (norse_net, norse_trip, (3, 6)),
    "sinabs": (sinabs_net, sinabs_trip, (3, 6)),
    "rockpool": (rockpool_net, rockpool_trip, (1, 6)),
}


def steps(net, xs):
    state, ys = None, []
    for x in xs:
        y, state = net(x, state)
        ys.append(y.detach().clone())
    return torch.stack(ys)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_a_round_trip_computes_what_it_does_with_nirtorch(case):
    make, trip, shape = CASES[case]
    torch.manual_seed(0)
    xs = 2 * torch.rand(STEPS, *shape)
    expected = steps(trip(make()), xs)
    assert expected.any()
    with nirx_torch.install_as_nirtorch():
        net = trip(make())
        assert isinstance(net, nirx_torch.Net)
        found = steps(net, xs)
        again = steps(net, xs)  # a fresh start
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)
    assert torch.equal(again, found)
    torch.testing.assert_close(net.run(xs)[0], found, rtol=0, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("case", ["snntorch", "sinabs"])
def test_modules_go_on_as_in_the_library_where_no_state_is_passed(case):
    make, trip, shape = CASES[case]
    torch.manual_seed(0)
    xs = 2 * torch.rand(STEPS, *shape)
    with nirx_torch.install_as_nirtorch(), warnings.catch_warnings():
        net = trip(make())
    model = make()
    assert torch.equal(
        torch.stack([net(x)[0] for x in xs]).detach(), torch.stack([model(x) for x in xs]).detach()
    )


@pytest.mark.slow
def test_a_sample_without_a_batch_and_one_with_time():
    norse = pytest.importorskip("norse.torch")
    model = norse_net()
    with nirx_torch.install_as_nirtorch():
        graphs = [norse.to_nir(model, torch.zeros(shape)) for shape in ((6,), (3, 6), (2, 3, 6))]
    for graph in graphs:
        assert list(graph.nodes) == ["input", "0", "1", "2", "3", "output"]
        assert list(graph.nodes["input"].input_type["input"]) == [6]


@pytest.mark.slow
def test_rockpool_reads_the_order_of_an_imported_network():
    with nirx_torch.install_as_nirtorch():
        net = rockpool_trip(rockpool_net())
        graph = net.as_graph()
    assert len(graph.input_nodes) == 6
    assert len(graph.output_nodes) == 4
