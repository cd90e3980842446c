"""Infinite spike counts and NaN in recordings: a statement or one error, never a traceback."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import nirx
from nirx.cli import main
from nirx.files.archive import save_arrays
from support.graphs import affine, chain, lif

RULE = nirx.Discretization(dt=1.0, spikes="multi", reset="subtract")
XS = np.full((5, 2), 3.0, np.float32)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A network whose spike counts are infinite, its input, and recordings that are not finite."""
    monkeypatch.chdir(tmp_path)
    nodes = {"fc": affine(2, 2, 3e38), "lif": lif(tau=1.0)}
    nirx.write("g.nir", chain(nodes), RULE)
    np.save("x.npy", XS)
    values = {"inf": np.inf, "minus": -np.inf, "nan": np.nan, "big": 3e38, "few": 5}
    for name, value in values.items():
        save_arrays(Path(f"{name}.npz"), {"lif": np.full((5, 2), value, np.float32)})
    return tmp_path


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Exit status, output and errors of a command."""
    status = main(list(arguments))
    out, err = capsys.readouterr()
    assert "Traceback" not in out + err
    return status, out, err


def test_infinite_counts_of_a_run_are_named(folder, capsys):
    status, out, _ = said(capsys, "run", "g.nir", "--input", "x.npy", "--json")
    assert status == 0
    assert json.loads(out)["outputs"]["output"]["spikes"] == "inf"
    status, out, _ = said(capsys, "run", "g.nir", "--input", "x.npy")
    assert (status, "inf" in out) == (0, True)


def test_infinite_counts_are_compared_and_plotted(folder, capsys):
    options = ("--backends", "numpy,torch", "--plot", "p.png", "--json")
    status, out, _ = said(capsys, "compare", "g.nir", "--input", "x.npy", *options)
    assert (status, json.loads(out)["agree"]) == (0, True)


@pytest.mark.parametrize("spikes", ["dense", "events"])
def test_infinite_counts_are_stored_and_verified(spikes, folder, capsys):
    reference = ("--input", "x.npy", "--out", "r.h5", "--spikes", spikes)
    assert said(capsys, "reference", "g.nir", *reference)[0] == 0
    assert said(capsys, "verify", "r.h5", "--backend", "torch")[0] == 0
    for name in ("inf", "minus", "nan", "big", "few"):
        for options in ((), ("--jitter", "1"), ("--rate", "0.5"), ("--lsb", "1")):
            status, out, err = said(capsys, "verify", "r.h5", f"{name}.npz", "--partial", *options)
            if name == "few" and not options:
                assert "the reference holds numbers other than spike counts" in out
            assert (status in (1, 2), bool(out + err)) == (True, True), (name, options)


@pytest.mark.parametrize("name", ["inf", "minus", "nan", "big"])
def test_a_diagnosis_of_what_is_not_finite_is_refused_or_says_no(name, folder, capsys):
    status, _, err = said(capsys, "diagnose", "g.nir", f"{name}.npz", "--input", "x.npy")
    if name == "big":
        assert (status, err) == (1, "")
    else:
        assert status == 2
        assert err.startswith("nirx: error: observed['lif'] is ")
