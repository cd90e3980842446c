"""`nirx.move` and `nirx move`, with a library made up for the purpose: torch modules of our own."""

# nir's and torch's annotations are narrower than what both take and give.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportIndexIssue=false
# pyright: reportOptionalMemberAccess=false, reportOptionalCall=false, reportOperatorIssue=false

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from importlib.metadata import EntryPoint
from itertools import pairwise

import nir
import numpy as np
import pytest
import torch

import nirx
from nirx.basics.type_map import TypeMap
from nirx.bridging import bridge as bridges
from nirx.bridging.bridge import Bridge, find_bridge, guess_bridge
from nirx.bridging.limits import Limits
from nirx.bridging.membrane import membrane_of, neuron_node
from nirx.cli import main
from nirx.graphs.rules import with_rule
from nirx_torch.bridges.exporting import export_with
from nirx_torch.bridges.neuron import LibraryNeuron
from nirx_torch.bridges.running import run_steps
from nirx_torch.module_map import MODULE_MAP

EULER = nirx.Discretization(dt=1e-3)
LIMITS = Limits("toy.Cell", ({"reset": ("value",), "reset_when": ("same",), "output": ("new",)},))


class Cell(torch.nn.Module):
    """v = keep*v + x, spikes above 1, then 0 (or `reset`)."""

    def __init__(self, keep, reset=0.0):
        super().__init__()
        self.register_buffer("keep", torch.as_tensor(np.array(keep, np.float64)))
        self.reset = reset

    def forward(self, x, state=None):
        v = self.keep * (torch.zeros_like(x) if state is None else state) + x
        z = (v > 1).to(x.dtype)
        return z, torch.where(z > 0, torch.full_like(v, self.reset), v)


class ToyNeuron(LibraryNeuron):
    def advance(self, x, state):
        z, v = self.cell(x, state[0])
        return z, (v,)


def build(node, rule, reset=0.0):
    LIMITS.require(rule)
    shift = np.asarray(node.v_reset)
    own = membrane_of(node, rule).shifted(shift)
    own, scale = own.scaled(own.threshold), own.threshold
    cell = Cell(own.keep, reset)
    where = {"gain": own.gain, "offset": own.offset, "shift": shift, "scale": scale}
    return ToyNeuron(cell, node, rule, start=[own.start], **where)


def export(cell):
    zero = np.zeros(cell.keep.shape)
    own = membrane_of(nir.LIF(zero + 1, zero + 1, zero, zero + 1, zero), EULER)
    own = replace(own, keep=cell.keep.numpy(), gain=zero + 1, offset=zero, start=zero)
    return with_rule(neuron_node(own, EULER, True), EULER)


def toy(reset=0.0, **options):
    module_map = MODULE_MAP | {Cell: export}
    return Bridge(
        name="toy",
        library="toy",
        backend="torch",
        node_map=TypeMap({nir.LIF: partial(build, reset=reset)}),
        module_map=module_map,
        export=partial(export_with, module_map),
        run=run_steps,
        **options,
    )


TOYS = {"toy": toy(), "off": replace(toy(reset=0.4), name="off")}


@pytest.fixture(autouse=True)
def _toys(monkeypatch):
    real = bridges.entry_points

    def entry_points(group):
        own = [EntryPoint(n, f"{__name__}:TOYS", group) for n in TOYS]
        return [*real(group=group), *(own if group == "nirx.bridges" else [])]

    def load(self):
        return TOYS[self.name] if self.name in TOYS else plain(self)

    plain = EntryPoint.load
    monkeypatch.setattr(bridges, "entry_points", entry_points)
    monkeypatch.setattr(EntryPoint, "load", load)


def layers(seed=0):
    generator = torch.Generator().manual_seed(seed)
    first, second = torch.nn.Linear(5, 12), torch.nn.Linear(12, 4)
    with torch.no_grad():
        for layer in (first, second):
            layer.weight.copy_(1.5 * torch.randn(layer.weight.shape, generator=generator) + 0.5)
            layer.bias.copy_(0.1 * torch.randn(layer.bias.shape, generator=generator))
    return first, second


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.fc2 = layers()
        self.cell1, self.cell2 = Cell(np.full(12, 0.8)), Cell(np.linspace(0.5, 0.9, 4))

    def forward(self, x, state=None):
        first, second = (None, None) if state is None else state
        z, first = self.cell1(self.fc1(x), first)
        z, second = self.cell2(self.fc2(z), second)
        return z, (first, second)


def lif(size, seed=0):
    draw = np.random.default_rng(seed).uniform
    return nir.LIF(
        draw(2e-3, 2e-2, size),
        draw(5, 9, size),
        draw(-0.2, 0.3, size),
        draw(0.5, 1.5, size),
        draw(-0.3, 0.2, size),
    )


def graph():
    first, second = layers()
    nodes = {
        "input": nir.Input(np.array([5])),
        "fc1": MODULE_MAP[torch.nn.Linear](first),
        "lif1": lif(12),
        "fc2": MODULE_MAP[torch.nn.Linear](second),
        "lif2": lif(4, 1),
        "output": nir.Output(np.array([4])),
    }
    names = list(nodes)
    return nir.NIRGraph(nodes, list(pairwise(names)), type_check=False)


def fidelities(run):
    return {node.key: node.fidelity for node in run.nodes}


def test_a_model_moves_and_every_layer_is_judged():
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


def test_a_target_that_does_something_else_is_found_out():
    moved = nirx.move(graph(), "off", discretization=EULER)
    assert moved.fidelity == "different"
    found = moved.to_target.first_divergence
    assert found.node in ("lif1", "lif2", "fc2", "output")
    kinds = fidelities(moved.to_target)
    assert kinds["fc1"] != "different"
    assert kinds["lif1"] == "different"
    assert "DIFFER, from step" in str(moved)
    assert f"first diverges at step {found.step}, {found.node}" in str(moved)


def test_a_source_that_is_exported_wrongly_is_found_out():
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


def test_adapting_takes_the_nearest_and_says_so():
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


def test_silence_is_named():
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


def sluggish():
    """Spikes of height 1 do not reach its thresholds."""
    given = graph()
    for name in ("lif1", "lif2"):
        given.nodes[name].v_threshold[:] = 9
        given.nodes[name].r[:] = 1
    for name in ("fc1", "fc2"):
        given.nodes[name].weight[:] = np.abs(given.nodes[name].weight)
    given.nodes["fc2"].weight *= 40
    return given


def test_random_spikes_are_as_high_as_it_takes():
    moved = nirx.move(sluggish(), "toy", discretization=EULER)
    high = moved.inputs["input"].max()
    assert moved.silent == ()
    assert high in (2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0)
    assert f"run on input [100, 4, 5] from 0 to {high:g}" in str(moved)
    lower = nirx.move(sluggish(), "toy", discretization=EULER, xs=moved.inputs["input"] / 2)
    assert lower.silent


def test_the_command_draws_as_high_as_it_takes(tmp_path, capsys):
    path = tmp_path / "sluggish.nir"
    nirx.write(path, sluggish(), EULER)
    assert main(["move", str(path), "--to", "toy", "--steps", "60"]) == 0
    text = capsys.readouterr().out
    assert "run on input [60, 4, 5] from 0 to " in text
    assert "never spiked" not in text


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
    monkeypatch.setitem(TOYS, "toy", toy(dtypes=("float32",)))
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


# -- command line --------------------------------------------------------------------------

MODEL = f"{__name__}:Model"


@pytest.fixture
def model_file(tmp_path, monkeypatch):
    (tmp_path / "toy_models.py").write_text(
        "model, secret = None, 3\n\ndef make():\n    return model\n\n"
        "def fails():\n    raise ValueError('no weights')\n\ndef wants(x):\n    return x\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    import toy_models  # type: ignore[import-not-found]

    toy_models.model = Model()
    yield "toy_models"
    import sys

    del sys.modules["toy_models"]


def test_the_command_writes_the_graph_with_its_discretization(model_file, tmp_path, capsys):
    out = tmp_path / "out.nir"
    arguments = [f"{model_file}:make", "--from", "toy", "--to", "torch", "--out", str(out)]
    assert main(["move", *arguments]) == 0
    text = capsys.readouterr().out
    assert "toy -> torch, against the exact executor" in text
    assert "fidelity:" in text
    assert nirx.schedule(nirx.read(out)).discretization == EULER
    assert main(["move", str(out), "--to", "toy", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["fidelity"] in ("exact", "rounding")
    assert found["source"] is None
    assert {n["key"] for n in found["backends"][0]["nodes"]} >= {"cell1", "cell2"}


def test_the_command_says_1_where_something_differs(model_file, capsys):
    assert main(["move", f"{model_file}:model", "--from", "toy", "--to", "off"]) == 1
    assert "first diverges at" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["toy_models:make", "--to", "nowhere"], "no bridge 'nowhere'"),
        (["toy_models:gone", "--from", "toy", "--to", "toy"], "cannot be imported"),
        (["toy_models:secret", "--to", "toy"], "the model is a int, which is of no library"),
        (["toy_models:Model", "--to", "toy"], "has no attribute 'Model'"),
        (
            ["toy_models:fails", "--to", "toy"],
            "raised ValueError: no weights; it must be a model",
        ),
        (["toy_models:wants", "--to", "toy"], "raised TypeError: "),
        (["toy_models:make()", "--to", "toy"], "such as 'toy_models:make'"),
        (["toy_models.py:make", "--to", "toy"], "such as 'toy_models:make'"),
        (["no_such_file.nir", "--to", "toy"], "no such file"),
        (["toy_models", "--to", "toy"], "module:object"),
        (["toy_models:make", "--to", "norse"], "pip install norse"),
        (
            ["toy_models:make", "--from", "toy", "--to", "toy", "--input-shape", "a"],
            "expected integers",
        ),
        (
            ["toy_models:make", "--from", "toy", "--to", "toy", "--set", "reset=subtract"],
            "'cell1': reset='subtract'",
        ),
    ],
)
def test_the_command_refuses_in_one_line(model_file, arguments, text, capsys):
    assert main(["move", *arguments]) == 2
    captured = capsys.readouterr()
    assert text in captured.err
    assert captured.err.count("\n") == 1
    assert "Traceback" not in captured.err


# -- models of JAX -------------------------------------------------------------------------


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


def test_an_equinox_model_of_ones_own_moves():
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


def test_the_model_file_is_not_overwritten(tmp_path, capsys):
    path = tmp_path / "m.nir"
    nirx.write(path, graph(), EULER)
    before = path.read_bytes()
    assert main(["move", str(path), "--to", "toy", "--out", str(path)]) == 2
    assert "is also an input" in capsys.readouterr().err
    assert path.read_bytes() == before
