"""Subclasses of the libraries' modules, and the libraries' own: never exported as another one."""

from __future__ import annotations

import numpy as np
import pytest

import nirx
from nirx.bridging.bridge import find_bridge

pytestmark = pytest.mark.filterwarnings("ignore")


def export(library, model, shape=None):
    return find_bridge(library).export(model, shape)


def twice(kind):
    """The class with an input that counts twice."""

    def forward(self, x, state=None):
        return kind.forward(self, 2 * x, *([] if state is None else [state]))

    def renamed(self):
        return "data"

    return type("Twice", (kind,), {"forward": forward}), type("Same", (kind,), {"note": renamed})


NEURONS = {
    "norse": ("norse.torch", "LIFBoxCell", {}),
    "snntorch": ("snntorch", "Leaky", {"beta": 0.8, "init_hidden": True}),
    "spikingjelly": ("spikingjelly.activation_based.neuron", "LIFNode", {}),
    "sinabs": ("sinabs.layers", "LIF", {"tau_mem": 10.0}),
}


@pytest.mark.parametrize("library", NEURONS)
def test_neuron_with_a_call_of_its_own(library):
    torch = pytest.importorskip("torch")
    module, name, options = NEURONS[library]
    kind = getattr(pytest.importorskip(module), name)
    other, same = twice(kind)
    models = [torch.nn.Sequential(torch.nn.Identity(), k(**options)) for k in (kind, same, other)]
    plain, inherited = (export(library, model, (3,)) for model in models[:2])
    assert nirx.same_graph(plain, inherited)
    if library == "sinabs":  # whose layers take all time steps in one call
        with pytest.raises(nirx.UnsupportedError, match="Twice"):
            export(library, models[2], (3,))
        return
    found = export(library, models[2], (3,))
    xs = np.random.default_rng(0).random((60, 3)).astype("float32")
    doubled, once = (nirx.from_nir(g, "numpy").run(x)[0] for g, x in ((plain, 2 * xs), (found, xs)))
    np.testing.assert_array_equal(once, doubled)
    assert once.sum() > 0


def test_a_standardized_weight_is_not_the_weight():
    layers = pytest.importorskip("spikingjelly.activation_based.layer")
    torch = pytest.importorskip("torch")

    class Centred(layers.Conv2d):
        def forward(self, x):
            return self._conv_forward(x, self.weight - self.weight.mean(), self.bias)

    plain, centred = (torch.nn.Sequential(k(1, 2, 3)) for k in (layers.Conv2d, Centred))
    assert list(export("spikingjelly", plain, (1, 5, 5)).nodes) == ["input", "0", "output"]
    weight = centred[0].weight
    (node,) = [
        n for n in export("spikingjelly", centred, (1, 5, 5)).nodes.values() if hasattr(n, "weight")
    ]
    np.testing.assert_allclose(node.weight, (weight - weight.mean()).detach().numpy(), atol=1e-6)


def test_a_residual_of_rockpool_is_no_chain():
    combinators = pytest.importorskip("rockpool.nn.combinators")
    modules = pytest.importorskip("rockpool.nn.modules")
    model = combinators.Residual(modules.LinearJax((3, 3)), modules.LIFJax((3,)))
    with pytest.raises(nirx.UnsupportedError, match="Residual"):
        export("rockpool-jax", model)


def test_a_linear_of_low_rank_is_no_linear():
    nnx = pytest.importorskip("flax.nnx")
    spyx = pytest.importorskip("spyx.nn")
    layer = nnx.LoRALinear(3, 2, lora_rank=1, rngs=nnx.Rngs(0))
    with pytest.raises(nirx.UnsupportedError, match="LoRALinear"):
        export("spyx", spyx.Sequential(layer, spyx.LIF((2,), rngs=nnx.Rngs(0))))
