"""`nirx.move`, with a library that is made up for the purpose."""

# nir's and torch's annotations are narrower than what both take and give.
# pyright: reportAttributeAccessIssue=false, reportOptionalMemberAccess=false

from __future__ import annotations

from dataclasses import replace

import nir
import numpy as np
import pytest
import torch

import nirx
from nirx.bridging.bridge import find_bridge, guess_bridge
from support.toy_library import EULER, TOY, Cell, Model, fidelities, graph, lif, sluggish, toys  # noqa: F401


def test_a_model_moves_and_every_layer_is_compared():
    model = Model()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    moved = nirx.move(model, "toy", source="toy")
    assert moved.fidelity in ("exact", "rounding")
    assert moved.discretization == EULER
    assert set(fidelities(moved.from_source)) == {"fc1", "cell1", "fc2", "cell2", "output"}
    assert set(fidelities(moved.to_target)) == {"fc1", "cell1", "fc2", "cell2", "output"}
    assert moved.silent == ()
    assert isinstance(moved.model, torch.nn.Module)
    assert isinstance(moved.model.cell1.cell, Cell)
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name])
    assert "rounding" in str(moved) or "exact" in str(moved)


@pytest.mark.slow
@pytest.mark.parametrize("to", ["toy", "torch", "jax"])
def test_a_graph_moves_without_a_source(to):
    given = graph()
    moved = nirx.move(given, to, discretization=EULER)
    assert moved.source is None
    assert moved.from_source is None
    assert moved.fidelity in ("exact", "rounding")
    assert moved.to_target.spike_mismatches == 0
    assert not given.metadata
    assert nirx.same_graph(moved.graph, given)
    xs = np.random.default_rng(0).random((20, 3, 5)).astype(np.float32)
    ours, _ = nirx.from_nir(moved.graph, "numpy").run(xs)
    theirs, _ = moved.model.run(torch.from_numpy(xs) if to != "jax" else xs)
    np.testing.assert_array_equal(nirx.state_to_numpy(theirs), ours)


def test_a_target_that_behaves_differently_is_detected():
    moved = nirx.move(graph(), "off", discretization=EULER)
    assert moved.fidelity == "different"
    found = moved.to_target.first_divergence
    assert found.node in ("lif1", "lif2", "fc2", "output")
    kinds = fidelities(moved.to_target)
    assert kinds["fc1"] != "different"
    assert kinds["lif1"] == "different"
    assert "DIFFER, from step" in str(moved)
    assert f"first diverges at step {found.step}, {found.node}" in str(moved)


def test_a_wrong_export_of_the_source_is_detected():
    model = Model()
    model.cell1.reset = 0.3  # which the exporter does not look at
    moved = nirx.move(model, "toy", source="toy")
    assert moved.fidelity == "different"
    assert fidelities(moved.from_source)["cell1"] == "different"
    assert fidelities(moved.to_target)["cell1"] != "different"


SUBTRACT = replace(EULER, reset="subtract")


def test_what_the_target_cannot_do_is_refused_with_the_nearest():
    with pytest.raises(nirx.NotRepresentable) as caught:
        nirx.move(graph(), "toy", discretization=SUBTRACT)
    text = str(caught.value)
    assert text.startswith("'lif1': reset='subtract'; toy.Cell cannot do that")
    assert "reset='value'" in text
    assert "adapt=True (--adapt)" in text
    assert caught.value.place == "lif1"


def test_adapting_takes_the_nearest_and_reports_it():
    moved = nirx.move(graph(), "toy", discretization=SUBTRACT, adapt=True)
    assert [change.node for change in moved.changes] == ["lif1", "lif2"]
    assert moved.fidelity == "different"
    assert moved.adapted.agree
    assert moved.adapted.discretization == EULER
    assert moved.discretization == SUBTRACT
    assert "changed: lif1: reset='subtract'" in str(moved)
    assert "toy against the changed graph: no spike differs" in str(moved)


def test_one_node_may_be_adapted_alone():
    d = replace(EULER, overrides={"lif2": {"reset": "subtract"}})
    moved = nirx.move(graph(), "toy", discretization=d, adapt=True)
    assert [change.node for change in moved.changes] == ["lif2"]
    assert fidelities(moved.to_target)["lif1"] != "different"
    assert moved.adapted.discretization == EULER


def test_silent_layers_are_named():
    given = graph()
    given.nodes["fc1"].bias[:] = -9
    given.nodes["fc2"].bias[:] = -9
    moved = nirx.move(given, "toy", discretization=EULER, xs=np.zeros((10, 2, 5)))
    assert moved.silent == ("lif1", "lif2")
    assert "never spiked" in str(moved)
    (row,) = [line for line in str(moved).splitlines() if line.startswith("│ lif1")]
    assert "no spikes" in row
    assert "exact" not in row
    assert ", as far as this input shows" in str(moved)


def test_random_spikes_are_as_high_as_it_takes():
    moved = nirx.move(sluggish(), "toy", discretization=EULER)
    high = moved.inputs["input"].max()
    assert moved.silent == ()
    assert high in (2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0)
    assert f"run on input [100, 4, 5] from 0 to {high:g}" in str(moved)
    lower = nirx.move(sluggish(), "toy", discretization=EULER, xs=moved.inputs["input"] / 2)
    assert lower.silent


def test_what_nothing_drives_stays_silent():
    given = sluggish()
    given.nodes["lif2"].v_threshold[:] = 1e30
    moved = nirx.move(given, "toy", discretization=EULER)
    assert moved.silent == ("lif2",)


def test_a_graph_without_spikes_is_run_as_it_is():
    given = nir.NIRGraph.from_list(nir.Linear(np.eye(3)))
    moved = nirx.move(given, "torch", discretization=EULER)
    assert moved.inputs["input"].max() == 1


def test_inputs_can_be_given():
    xs = np.random.default_rng(3).random((30, 2, 5))
    moved = nirx.move(graph(), "toy", discretization=EULER, xs={"input": xs})
    assert moved.comparison.recordings["numpy"]["lif1"].shape == (30, 2, 12)


def test_a_library_in_float32_alone_is_checked_in_float32(monkeypatch):
    monkeypatch.setattr("support.toy_library.TOY", replace(TOY, dtypes=("float32",)))
    moved = nirx.move(graph(), "toy", discretization=EULER)
    assert moved.comparison.recordings["numpy"]["fc1"].dtype == np.float32


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: nirx.move(Model(), "toi"), "no bridge 'toi'; did you mean 'toy'"),
        (lambda: nirx.move(graph(), "toy", source="toy"), "a graph needs neither"),
        (
            lambda: nirx.move(object(), "toy"),
            "the model is a object, which is of no library that nirx knows",
        ),
        (lambda: nirx.move(torch.nn.Linear, "toy"), "the model is the class Linear"),
        (lambda: nirx.move(object(), "toy", source="torch"), "expected a torch.nn.Module"),
    ],
)
def test_bad_calls(call, text):
    with pytest.raises(nirx.NirxError, match=text.replace("(", r"\(")):
        call()


def test_the_library_of_a_model_is_guessed():
    assert guess_bridge(Model()) == "torch"
    assert find_bridge("torch").name == "torch"


def test_a_network_of_jax_moves_to_torch_and_back():
    import nirx_jax

    net = nirx_jax.from_nir(graph(), EULER)
    moved = nirx.move(net, "torch")
    assert moved.source == "jax"
    assert moved.discretization == EULER
    assert set(fidelities(moved.from_source)) == {"fc1", "lif1", "fc2", "lif2", "output"}
    assert moved.fidelity in ("exact", "rounding")
    again = nirx.move(moved.model, "jax")
    assert again.source == "torch"
    assert again.fidelity in ("exact", "rounding")
    assert nirx.same_graph(again.graph, moved.graph)


def test_a_users_equinox_model_moves():
    import equinox as eqx
    import jax

    import nirx_jax

    class Own(eqx.Module):
        fc: eqx.nn.Linear
        cell: nirx_jax.NativeNode

        def __call__(self, x, state=None):
            return self.cell(self.fc(x), state)

    model = Own(
        eqx.nn.Linear(5, 12, key=jax.random.PRNGKey(0)), nirx_jax.NativeNode(lif(12), EULER)
    )
    model = eqx.tree_at(lambda m: m.fc.weight, model, 3 + 3 * model.fc.weight)
    moved = nirx.move(model, "torch", input_shape=(5,), discretization=EULER)
    assert moved.fidelity in ("exact", "rounding")
    assert fidelities(moved.from_source)["output"] != "different"
    assert not moved.silent
