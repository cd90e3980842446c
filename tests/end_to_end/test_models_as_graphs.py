"""`compare`, `reference`, `diagnose` and `verify` take a library's model as `move` does."""

# nir's own annotations are narrower than what it accepts.
# pyright: reportAttributeAccessIssue=false, reportOptionalMemberAccess=false

from __future__ import annotations

import json
import sys

import numpy as np
import pytest

import nirx
from nirx.cli import main
from support.toy_library import EULER, Model, toys  # noqa: F401

XS = (np.random.default_rng(3).random((40, 2, 5)) < 0.5).astype(np.float32) * 4
XS64 = XS.astype(np.float64)


@pytest.fixture
def ref(tmp_path):
    found = nirx.reference(Model(), XS64, tmp_path / "r.h5", source="toy", dtype="float64")
    assert "cell1" in found.keys
    return tmp_path / "r.h5"


@pytest.fixture
def named(tmp_path, monkeypatch):
    """The model as a command line names it."""
    code = "from support.toy_library import Model\n\n\ndef make():\n    return Model()\n"
    (tmp_path / "own_models.py").write_text(code)
    monkeypatch.syspath_prepend(str(tmp_path))
    np.save(tmp_path / "x.npy", XS)
    yield "own_models:make"
    sys.modules.pop("own_models", None)


def test_compare_runs_the_exported_graph_with_the_discretization_of_the_model():
    model = Model()
    found = nirx.compare(model, XS, ("numpy", "torch"), source="toy")
    assert found.discretization == EULER
    assert found.spiking == ("cell1", "cell2")
    assert nirx.assert_equivalent(model, XS, ("numpy", "torch"), source="toy").agree
    graph = nirx.move(model, "toy", source="toy").original
    assert nirx.compare(graph, XS, ("numpy", "torch")).digests == found.digests


def test_reference_and_diagnose():
    rule = nirx.Discretization(dt=1e-3, reset="subtract")
    graph = nirx.move(Model(), "toy", source="toy").original
    spikes = nirx.from_nir(graph, "numpy", rule, "float64").run(XS64, record=["cell1"])[2]
    found = nirx.diagnose(Model(), XS64, spikes, source="toy")
    assert found.discretization.reset == "subtract"
    assert found.explained


def test_verify_runs_a_model_in_its_own_library(ref):
    found = nirx.verify(ref, backend=Model(), source="toy")
    assert found.observed == "model of toy"
    assert {"cell1", "cell2", "output"} <= {node.key for node in found.nodes}
    assert "cell1.v" in found.not_observed
    assert all(node.verdict == "exact" for node in found.nodes if node.spikes)
    other = Model()
    other.fc2.bias.data -= 2
    found = nirx.verify(ref, backend=other, source="toy")
    assert found["cell1"].verdict == "exact"
    assert found["cell2"].verdict == "fails"


def test_verify_runs_a_graph_or_a_file_with_its_own_discretization(ref, tmp_path):
    graph = nirx.move(Model(), "toy", source="toy").original
    assert nirx.verify(ref, backend=graph).verdict == "exact"
    nirx.write(tmp_path / "g.nir", graph, nirx.Discretization(dt=1e-3, reset="subtract"))
    assert nirx.verify(ref, backend=tmp_path / "g.nir")["cell1"].verdict == "fails"
    assert nirx.verify(ref, backend=str(tmp_path / "g.nir")).observed.endswith("g.nir")
    graph.nodes["cell2b"] = graph.nodes.pop("cell2")
    graph.edges = [tuple({"cell2": "cell2b"}.get(end, end) for end in e) for e in graph.edges]
    found = nirx.verify(ref, backend=graph)
    assert found.verdict == "exact"
    assert "cell2" in found.not_observed


@pytest.mark.parametrize("model", [3, None, 2.5, np.zeros(3)])
def test_what_is_neither_graph_nor_model_is_refused(model, ref, tmp_path):
    with pytest.raises(nirx.InputError, match=r"expected a nir\.NIRGraph or a path, got a"):
        nirx.compare(model, XS)
    with pytest.raises(nirx.InputError, match=r"expected a nir\.NIRGraph or a path, got a"):
        nirx.reference(model, XS, tmp_path / "x.h5")
    with pytest.raises(nirx.InputError):
        nirx.verify(ref, backend=model)


@pytest.mark.slow
def test_the_commands_take_a_model(named, ref, tmp_path, capsys):
    x, own = ["--input", str(tmp_path / "x.npy")], ["--from", "toy"]
    assert main(["compare", named, *own, *x, "--backends", "numpy,torch", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["dt"] == 1e-3
    out = str(tmp_path / "c.h5")
    args = [named, *own, *x, "--dtype", "float64", "--out", out, "--json"]
    assert main(["reference", *args]) == 0
    digest = json.loads(capsys.readouterr().out)["digest"]
    assert main(["verify", str(ref), "--backend", named, *own, "--json"]) in (0, 1)
    found = json.loads(capsys.readouterr().out)
    assert found["digest"] == digest
    assert found["observed"] == "model of toy"
    assert main(["diagnose", named, out, *own, *x, "--json"]) == 0
    assert main(["compare", "own_models:gone", *x]) == 2
    assert "cannot be imported" in capsys.readouterr().err
