"""What cannot be quantized is refused, with the numbers."""

# nir's own annotations are narrower than what it accepts.
# pyright: reportArgumentType=false

from __future__ import annotations

import nir
import numpy as np
import pytest

import nirx
from nirx import Arithmetic, Discretization, GraphError, InputError
from support.graphs import chain, line, make_graph, neuron

FLOATS = Discretization(dt=1.0)


def layer(weight=0.7, **values):
    return chain({"w": nir.Linear(np.full((2, 2), weight)), "n": neuron(nir.LIF, **values)})


def loop():
    nodes = {"w": nir.Linear(np.eye(2) * 0.3), "li": neuron(nir.LI), "b": nir.Linear(np.eye(2))}
    return make_graph([*line("input", "w", "li", "output"), *line("li", "b", "li")], **nodes)


def averaged_and_not():
    nodes = {
        "n": neuron(nir.IF, (1, 4, 4)),
        "p": nir.AvgPool2d(np.array([1, 2]), np.array([1, 1]), np.array([0, 0])),
        "q": nir.SumPool2d(np.array([1, 2]), np.array([1, 1]), np.array([0, 0])),
        "m": neuron(nir.LIF, (1, 4, 3)),
    }
    edges = [*line("input", "n", "p", "m", "output"), *line("n", "q", "m")]
    return make_graph(edges, (1, 4, 4), (1, 4, 3), **nodes)


def added_to_spikes(weight):
    nodes = {"w": nir.Linear(np.eye(2) * weight), "n": neuron(nir.LIF)}
    return make_graph([*line("input", "w", "n", "output"), ("input", "n")], **nodes)


def barely_any():
    return chain([nir.Linear(np.eye(2)), neuron(nir.IF, v_threshold=1e-9)])


@pytest.mark.parametrize(
    ("graph", "target", "text"),
    [
        (loop(), Arithmetic(), "feed back into their own sum"),
        (averaged_and_not(), Arithmetic(), "differs in scale by 2"),
        (added_to_spikes(0.3), Arithmetic(), "its weights reach 0.3 in units of what input"),
        (added_to_spikes(300.0), Arithmetic(), "0.5 to 127 (8 bits)"),
        (layer(v_threshold=-1.0), Arithmetic(), "its threshold is -"),
        (
            chain([nir.Linear(np.eye(2)), neuron(nir.IF, v_threshold=1e-9)]),
            "dynapcnn",
            "its threshold is 0 units; expected 1 to 32767",
        ),
        (
            layer(tau=0.5),
            Discretization(integrator="exponential", arithmetic=Arithmetic()),
            "it loses 2 of itself in a step",
        ),
        (
            layer(v_leak=0.3),
            Discretization(initial_v="leak", arithmetic=Arithmetic()),
            "it starts at its v_leak",
        ),
    ],
)
@pytest.mark.filterwarnings("ignore::nirx.NirxWarning")
def test_graphs(graph, target, text):
    with pytest.raises(GraphError) as caught:
        nirx.quantize(graph, target, discretization=FLOATS)
    assert text in str(caught.value)


@pytest.mark.parametrize(
    ("target", "options", "text"),
    [
        ("loihy", {}, "did you mean 'loihi'"),
        ("sinabs.IAF", {}, "the presets with integers are loihi"),
        (FLOATS, {}, "has no arithmetic"),
        (8, {}, "arithmetic is a int"),
        (Arithmetic(), {"scale": "neuron"}, "expected 'layer', 'channel', 'power-of-two'"),
        (Arithmetic(), {"scale": {"n": 3}}, "no layer with weights"),
        (Arithmetic(), {"scale": {"w": 0}}, "expected a positive number"),
        (Arithmetic(), {"inputs": np.full((3, 2), 0.5)}, "the input holds 0.5"),
    ],
)
def test_arguments(target, options, text):
    with pytest.raises(InputError) as caught:
        nirx.quantize(layer(), target, discretization=FLOATS, **options)
    assert text in str(caught.value)


def test_scales_of_layers_that_are_added_have_to_agree():
    nodes = {k: nir.Linear(np.eye(2)) for k in "ab"} | {"n": neuron(nir.LIF)}
    edges = [*line("input", "a", "n", "output"), *line("input", "b", "n")]
    graph = make_graph(edges, **nodes)
    with pytest.raises(GraphError, match=r"a: 4, b: 8"):
        nirx.quantize(graph, Arithmetic(), scale={"a": 4, "b": 8}, discretization=FLOATS)


def test_integers_are_not_quantized_for_another_arithmetic():
    found = nirx.quantize(layer(), Arithmetic(), discretization=FLOATS)
    again = nirx.quantize(found.graph, Arithmetic())
    assert again.taken
    with pytest.raises(InputError, match="in integer units already"):
        nirx.quantize(found.graph, Arithmetic(weight_bits=4))


def test_compare_with_integers_takes_no_tolerance():
    with pytest.raises(InputError, match="takes no reproducible="):
        nirx.compare(layer(), np.zeros((2, 2)), arithmetic="int8", tolerance=0.1)
