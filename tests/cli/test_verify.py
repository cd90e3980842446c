"""`nirx verify`: tables, JSON, plots and exit status."""

from __future__ import annotations

import json
from pathlib import Path

import nir
import numpy as np
import pytest

from nirx.cli import main
from nirx.files.archive import save_arrays
from support.bench import Bench, signal, spiking
from support.graphs import chain


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with a reference and recordings; "bad.npz" lacks the spike at step and index."""
    folder = tmp_path_factory.mktemp("verify")
    graph = chain({"fc": nir.Linear(np.eye(4, dtype=np.float32)), "lif": spiking(4)}, 4)
    recorded = Bench(graph, folder / "r.h5", signal(4, 80)).recorded
    save_arrays(folder / "good.npz", recorded)
    save_arrays(folder / "short.npz", {key: value[:50] for key, value in recorded.items()})
    for name, near in (("near", np.float32(0.01)), ("rounded", recorded["lif.v"] * 3e-7)):
        values = (recorded["lif.v"] + near).astype(np.float32)
        save_arrays(folder / f"{name}.npz", {**recorded, "lif.v": values})
    step, *index = map(int, np.argwhere(recorded["lif"] > 0)[9])
    recorded["lif"][step, *index] = 0
    save_arrays(folder / "bad.npz", recorded)
    return folder, step, index


@pytest.fixture(autouse=True)
def _in_the_folder(made, monkeypatch):
    monkeypatch.chdir(made[0])


def verify(*args: object) -> int:
    return main(["verify", "r.h5", *map(str, args)])


def test_an_exact_recording_ends_with_0(capsys):
    assert verify("good.npz") == 0
    out = capsys.readouterr().out
    assert "verdict: exact" in out
    assert "lif (spikes)" in out


def test_a_backend_verifies_the_reference(backend, capsys):
    assert verify("--backend", backend, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["verdict"] == "exact"
    assert found["observed"] == f"backend {backend}"
    assert [n["key"] for n in found["nodes"]] == ["fc", "lif", "lif.v", "output"]
    assert found["not_observed"] == [], "the input is given, not observed"


@pytest.mark.slow
def test_a_fault_is_located_and_drawn(made, capsys, tmp_path):
    pytest.importorskip("matplotlib")
    _, step, index = made
    plot = tmp_path / "p.png"
    assert verify("bad.npz", "--plot", plot, "--why") == 1
    out = capsys.readouterr().out
    place = f"step {step}, lif, sample {index[0]}, neuron {index[1]}"
    assert f"first diverges at {place}: reference 1, observed 0" in out
    assert "one spike missing" in out
    assert "no candidate explains lif" in out
    assert f"plot: {plot}" in out
    assert plot.read_bytes().startswith(b"\x89PNG")
    assert verify("bad.npz", "--plot", plot, "--json") == 1
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


def test_tolerances(capsys):
    assert verify("near.npz") == 1
    assert verify("near.npz", "--lsb", "0.01", "--membrane", "0.9") == 1
    capsys.readouterr()
    assert verify("near.npz", "--lsb", "lif.v=0.01", "--membrane", "1", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["verdict"] == "within tolerance"
    assert found["tolerance"]["lsb"] == {"lif.v": 0.01}
    assert verify("near.npz", "--lsb", "1", "--lsb", "lif.v=0.001", "--membrane", "1") == 1
    assert verify("bad.npz", "--rate", "0.99") == 0
    assert verify("bad.npz", "--jitter", "2") == 1


def test_the_hint_on_rounding_can_be_typed(capsys):
    assert verify("rounded.npz") == 1
    (line,) = [x for x in capsys.readouterr().out.splitlines() if "by rounding only" in x]
    options = line.partition("allow it with ")[2].partition(" (Python")[0].split()
    assert verify("rounded.npz", *options) == 0


def test_partial(capsys):
    assert verify("short.npz") == 2
    text = capsys.readouterr().err
    assert "has 50 steps, the reference 80" in text
    assert "--partial" in text
    assert verify("short.npz", "--partial") == 0
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
def test_bad_input_is_one_line(args, text, capsys):
    assert main(["verify", *args]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert text in captured.err
    assert captured.err.count("\n") == 1


def test_a_changed_reference_is_bad_input(tmp_path, capsys):
    data = Path("r.h5").read_bytes()
    changed = data.replace(b'"licence": ""', b'"licence": "x')
    assert changed != data
    assert len(changed) == len(data)
    (tmp_path / "r.h5").write_bytes(changed)
    assert main(["verify", str(tmp_path / "r.h5"), "--backend", "numpy"]) == 2
    assert "nirx: error:" in capsys.readouterr().err
