"""Silence at the command line: a line on stderr, fields in JSON, exit status 0."""

from __future__ import annotations

import json

import numpy as np
import pytest

import nirx
from nirx.cli import main
from nirx.cli import silence as own
from support.graphs import chain, lif

D = nirx.Discretization(dt=1.0)


@pytest.fixture
def files(tmp_path):
    for name, thresholds in {"silent": (9, 9), "partly": (0.1, 9), "loud": (0.1, 0.1)}.items():
        layers = {f"lif{k}": lif(v_threshold=t) for k, t in enumerate(thresholds)}
        nirx.write(tmp_path / f"{name}.nir", chain(layers), D)
    np.save(tmp_path / "x.npy", np.ones((30, 2, 2), np.float32))
    return tmp_path


@pytest.mark.parametrize(
    ("name", "silent", "nothing", "line"),
    [
        ("silent", ["lif0", "lif1"], True, "no neuron of 2 layers spiked (lif0, lif1)"),
        ("partly", ["lif1"], False, "never spiked"),
        ("loud", [], False, ""),
    ],
)
@pytest.mark.parametrize("command", ["run", "run in pieces", "compare"])
def test_run_and_compare(name, silent, nothing, line, command, files, capsys):
    more = {"run": [], "run in pieces": ["--chunk", "7"], "compare": ["--backends", "numpy,torch"]}
    args = [str(files / f"{name}.nir"), "--input", str(files / "x.npy"), "--json"]
    assert main([command.split()[0], *args, *more[command]]) == 0
    out, err = capsys.readouterr()
    payload = json.loads(out)
    assert (payload["silent"], payload["nothing_compared"]) == (silent, nothing)
    assert err.startswith("nirx: warning: ") if line else not err
    assert line in err
    assert err.count("\n") == bool(line)
    assert ("nothing was compared" in err) == (nothing and command == "compare")


def test_layers_that_are_too_large_to_watch_are_left_out(files, capsys, monkeypatch):
    monkeypatch.setattr(own, "MOST_BYTES", 100)
    args = [str(files / "silent.nir"), "--input", str(files / "x.npy"), "--json"]
    assert main(["run", *args]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["silent"] == ["lif1"]  # seen at the output
    assert "no neuron of lif1 spiked" in err


def test_a_run_without_steps_is_not_silent(files, capsys):
    assert main(["run", str(files / "silent.nir"), "--random", "0", "--steps", "0"]) == 0
    assert not capsys.readouterr().err


def test_verify(files, capsys):
    ref = str(files / "r.h5")
    nirx.reference(files / "silent.nir", np.ones((30, 2, 2), np.float32), ref)
    assert main(["verify", ref, "--backend", "torch", "--json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["nothing_compared"] is True
    assert "nirx: warning: nothing was compared: no neuron of 2 layers spiked" in err


def test_conformance(capsys):
    args = ["conformance", "--backend", "numpy", "--case", "silence from the start"]
    assert main([*args, "--json"]) == 0
    out, err = capsys.readouterr()
    payload = json.loads(out)
    assert payload["silent"] == ["silence from the start"]
    assert payload["nothing_compared"] is True
    assert payload["results"][0]["nothing_compared"] is True
    assert payload["results"][0]["silent"]
    assert "nothing was compared but values below threshold: no neuron spikes in 1 case" in err
    assert main([*args, "--case", "affine of spikes"]) == 0
    out, err = capsys.readouterr()
    assert "'silence from the start'" in out
    assert not err
