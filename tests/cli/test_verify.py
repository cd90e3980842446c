"""`nirx verify`: tables, JSON, plots and exit status."""

from __future__ import annotations

import itertools
import json
from typing import Any

import nir
import numpy as np
import pytest

import nirx
from nirx.cli import main
from nirx.files.archive import save_arrays
from nirx.references.reference import reference

D = nirx.Discretization(dt=1e-3)


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Any:
    folder = tmp_path_factory.mktemp("verify")
    n, shape = np.ones(4, np.float32), np.array([4])
    nodes: dict[str, Any] = {"input": nir.Input({"input": shape})}
    nodes["fc"] = nir.Linear(np.eye(4, dtype=np.float32))
    nodes["lif"] = nir.LIF(n * 0.005, n, n * 0, n * 0.3, n * 0)
    nodes["output"] = nir.Output({"output": shape})
    graph = nir.NIRGraph(nodes, list(itertools.pairwise(nodes)), type_check=False)
    xs = (np.random.default_rng(0).random((80, 2, 4)) < 0.6).astype(np.float32)
    reference(graph, xs, folder / "r.h5", discretization=D)
    rec = nirx.from_nir(graph, "numpy", D, reproducible=True).run(xs, record="all")[2]
    save_arrays(folder / "good.npz", rec)
    step, *index = map(int, np.argwhere(rec["lif"] > 0)[9])
    bad = {**rec, "lif": rec["lif"].copy()}
    bad["lif"][step, *index] = 0
    save_arrays(folder / "bad.npz", bad)
    near = {**rec, "lif.v": rec["lif.v"] + np.float32(0.01)}
    save_arrays(folder / "near.npz", near)
    save_arrays(folder / "short.npz", {key: value[:50] for key, value in rec.items()})
    return folder, step, index


def test_exact(made, capsys):
    folder, _, _ = made
    assert main(["verify", str(folder / "r.h5"), str(folder / "good.npz")]) == 0
    out = capsys.readouterr().out
    assert "verdict: exact" in out
    assert "lif (spikes)" in out


@pytest.mark.parametrize("backend", ["numpy", "torch", "jax"])
def test_backends(backend, made, capsys):
    folder, _, _ = made
    assert main(["verify", str(folder / "r.h5"), "--backend", backend, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["verdict"] == "exact"
    assert found["observed"] == f"backend {backend}"
    assert [n["key"] for n in found["nodes"]] == ["fc", "lif", "lif.v", "output"]
    assert found["not_observed"] == [], "the input is given, not observed"


def test_a_fault(made, capsys, tmp_path):
    pytest.importorskip("matplotlib")
    folder, step, index = made
    plot = tmp_path / "p.png"
    args = ["verify", str(folder / "r.h5"), str(folder / "bad.npz"), "--plot", str(plot)]
    assert main([*args, "--why"]) == 1
    out = capsys.readouterr().out
    place = f"step {step}, lif, sample {index[0]}, neuron {index[1]}"
    assert f"first diverges at {place}: reference 1, observed 0" in out
    assert "one spike missing" in out
    assert "no candidate explains lif" in out
    assert f"plot: {plot}" in out
    assert plot.read_bytes().startswith(b"\x89PNG")
    assert main([*args, "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["verdict"] == "fails"
    assert not found["agree"]
    assert found["first_divergence"] == {
        "step": step,
        "node": "lif",
        "index": index,
        "reference": 1.0,
        "observed": 0.0,
    }
    by_key = {n["key"]: n for n in found["nodes"]}
    assert by_key["lif"]["missing"] == 1
    assert by_key["lif"]["kind"] == "one spike missing"
    assert by_key["lif.v"]["verdict"] == "exact"
    assert found["plot"] == str(plot)
    assert found["digest"]


def test_tolerances(made, capsys):
    folder, _, _ = made
    near = ["verify", str(folder / "r.h5"), str(folder / "near.npz")]
    assert main(near) == 1
    assert main([*near, "--lsb", "0.01", "--membrane", "0.9"]) == 1
    capsys.readouterr()
    assert main([*near, "--lsb", "lif.v=0.01", "--membrane", "1", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["verdict"] == "within tolerance"
    assert found["tolerance"]["lsb"] == {"lif.v": 0.01}
    assert main([*near, "--lsb", "1", "--lsb", "lif.v=0.001", "--membrane", "1"]) == 1
    bad = ["verify", str(folder / "r.h5"), str(folder / "bad.npz")]
    assert main([*bad, "--rate", "0.99"]) == 0
    assert main([*bad, "--jitter", "2"]) == 1


def test_the_hint_on_rounding_can_be_typed(made, capsys, tmp_path):
    folder, _, _ = made
    with np.load(folder / "good.npz") as file:
        rec = dict(file)
    rec["lif.v"] = rec["lif.v"] * np.float32(1 + 3e-7)
    save_arrays(tmp_path / "r.npz", rec)
    args = ["verify", str(folder / "r.h5"), str(tmp_path / "r.npz")]
    assert main(args) == 1
    (line,) = [x for x in capsys.readouterr().out.splitlines() if "by rounding only" in x]
    flags = line.partition("allow it with ")[2].partition(" (Python")[0].split()
    assert main([*args, *flags]) == 0


def test_partial(made, capsys):
    folder, _, _ = made
    short = ["verify", str(folder / "r.h5"), str(folder / "short.npz")]
    assert main(short) == 2
    text = capsys.readouterr().err
    assert "has 50 steps, the reference 80" in text
    assert "--partial" in text
    assert main([*short, "--partial"]) == 0
    assert "the first 50 steps" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (["r.h5"], "neither a recording nor a backend"),
        (["r.h5", "good.npz", "--backend", "numpy"], "both a recording and a backend"),
        (["none.h5", "good.npz"], "no such file"),
        (["r.h5", "none.npz"], "no such file"),
        (["good.npz", "good.npz"], "good.npz"),
        (["r.h5", "good.npz", "--lsb", "x"], "expected X or KEY=X"),
        (["r.h5", "good.npz", "--lsb", "1", "--lsb", "2"], "given twice"),
        (["r.h5", "good.npz", "--lsb", "lif=1"], "holds spikes"),
        (["r.h5", "good.npz", "--membrane", "1"], "set the size of one by lsb"),
        (["r.h5", "good.npz", "--jitter", "-1"], "jitter=-1"),
        (["r.h5", "good.npz", "--rate", "1"], "--rate 1 lets a dead chip pass; 0.05 is 5 %"),
        (["r.h5", "good.npz", "--plot", "x.gif"], "a plot ends in"),
        (["r.h5", "--backend", "nope"], "no backend 'nope'"),
    ],
)
def test_bad_input_is_one_line(args, text, made, capsys, monkeypatch):
    monkeypatch.chdir(made[0])
    assert main(["verify", *args]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert text in captured.err
    assert captured.err.count("\n") == 1


def test_a_changed_reference_is_bad_input(made, tmp_path, capsys):
    data = (made[0] / "r.h5").read_bytes()
    changed = data.replace(b'"notes": ""', b'"notes":"" ')
    assert changed == data or len(changed) == len(data)
    text = data.replace(b'"licence": ""', b'"licence": "x"'[: len(b'"licence": ""')])
    (tmp_path / "r.h5").write_bytes(text)
    assert text != data
    assert main(["verify", str(tmp_path / "r.h5"), "--backend", "numpy"]) == 2
    assert "nirx: error:" in capsys.readouterr().err
