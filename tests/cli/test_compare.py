"""`nirx compare`: tables, JSON, plot and exit status."""

from __future__ import annotations

import json
import subprocess
import sys

import nir
import numpy as np
import pytest

import nirx
from nirx.cli import compare as compare_module
from nirx.cli import main, options
from nirx.execution.backend import find_backend
from support.graphs import chain, lif


@pytest.fixture
def file(tmp_path):
    nodes = {"fc": nir.Linear(np.eye(4, dtype=np.float32)), "lif": lif(4, v_threshold=0.3)}
    nirx.write(tmp_path / "g.nir", chain(nodes, 4), nirx.Discretization(dt=1.0))
    return str(tmp_path / "g.nir")


class Wrong:
    """The NumPy backend with a threshold that is a little too high from some step on."""

    name = "wrong"

    def prepare(self, graph, discretization=None, dtype="float32", **options):
        run = find_backend("numpy").prepare(graph, discretization, dtype, **options)

        def wrong(inputs, state=None, record=()):
            ys, state, recordings = run(inputs, state, record)
            recordings = {k: v.copy() for k, v in recordings.items()}
            if "lif.v" in recordings:
                recordings["lif.v"][20:, 1, 2] += 0.25
            return ys, state, recordings

        return wrong


@pytest.fixture
def wrong(monkeypatch):
    def find(name: str):
        return Wrong() if name == "wrong" else find_backend(name)

    for module in (compare_module, options):
        monkeypatch.setattr(module, "find_backend", find)


ARGS = ["--random", "0", "--steps", "40", "--batch", "2"]


def test_agreement(file, capsys):
    assert main(["compare", file, "--backends", "numpy,numpy", *ARGS]) == 0
    out, err = capsys.readouterr()
    assert "no divergence" in out
    assert "node by node" not in out
    assert err == ""


def test_difference(file, capsys, wrong):
    assert main(["compare", file, "--backends", "numpy,wrong", *ARGS]) == 1
    out = capsys.readouterr().out
    assert "wrong first diverges at step 20, lif.v[1, 2]" in out
    assert "wrong against numpy, node by node" in out
    row = next(line for line in out.splitlines() if line.strip().startswith("lif.v"))
    assert row.split()[1:3] == ["20", "320"]


def test_json(file, capsys, wrong):
    assert main(["compare", file, "--backends", "numpy,numpy,wrong", *ARGS, "--json"]) == 1
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert err == ""
    assert found["agree"] is False
    assert (found["steps"], found["batch"]) == (40, [2])
    assert [b["agree"] for b in found["backends"]] == [True, False]
    first = found["first_divergence"]
    assert (first["step"], first["node"], first["index"]) == (20, "lif.v", [1, 2])
    nodes = {n["key"]: n for n in found["backends"][1]["nodes"]}
    assert nodes["lif.v"]["differing"] == 20
    assert nodes["lif"]["differing"] == 0


def test_tolerance_and_record(file, wrong):
    args = ["compare", file, "--backends", "numpy,wrong", *ARGS]
    assert main([*args, "--tolerance", "10"]) == 0
    assert main([*args, "--record", "lif"]) == 0
    assert main([*args, "--record", "lif", "--record", "lif.v"]) == 1


def test_input_file(file, tmp_path):
    np.savez(tmp_path / "x.npz", input=np.ones((10, 4)))
    args = ["compare", file, "--backends", "numpy,numpy", "--input", f"{tmp_path}/x.npz"]
    assert main(args) == 0


@pytest.mark.slow
@pytest.mark.parametrize(("backend", "status"), [("numpy", 0), ("wrong", 1)])
def test_plot(file, tmp_path, wrong, capsys, backend, status):
    pytest.importorskip("matplotlib")
    target = tmp_path / "p.png"
    args = ["compare", file, "--backends", f"numpy,{backend}", *ARGS, "--plot", str(target)]
    assert main(args) == status
    assert target.read_bytes().startswith(b"\x89PNG")
    assert str(target) in capsys.readouterr().out


def test_all_three_backends(file, capsys):
    pytest.importorskip("torch")
    pytest.importorskip("jax")
    assert main(["compare", file, *ARGS, "--dtype", "float64"]) == 0
    out = capsys.readouterr().out
    assert "torch" in out
    assert "jax" in out


def test_one_dtype_for_each_backend(file, tmp_path, capsys):
    pytest.importorskip("torch")
    np.savez(tmp_path / "x.npz", input=np.full((10, 4), 1.0 + 2.0**-30))  # 1 in float32
    given = ["compare", file, "--input", f"{tmp_path}/x.npz", "--json"]
    several = [*given, "--backends", "numpy,torch,torch", "--dtype", "float64, float32,bfloat16"]
    main(several)
    found = json.loads(capsys.readouterr().out)
    assert found["dtype"] == ["float64", "float32", "bfloat16"]
    assert found["reference"] == "numpy float64"
    assert [own["backend"] for own in found["backends"]] == ["torch float32", "torch bfloat16"]
    assert found["tolerance"] == 5e-2
    assert main([*given, "--backends", "torch,torch", "--dtype", "bfloat16"]) == 0
    assert json.loads(capsys.readouterr().out)["dtype"] == "bfloat16"


@pytest.mark.parametrize(
    ("dtype", "message"),
    [
        ("float32,float64,float32", "3 dtypes for 2 backends"),
        ("float32,float8", "dtype='float8'"),
        ("float32,", "dtype=''"),
    ],
)
def test_wrong_dtypes(file, capsys, dtype, message):
    args = ["compare", file, "--backends", "numpy,numpy", *ARGS, "--dtype", dtype]
    assert main(args) == 2
    assert message in capsys.readouterr().err


@pytest.mark.slow
def test_exit_status_of_the_process(file, tmp_path):
    args = [sys.executable, "-m", "nirx", "compare", file, "--backends", "numpy,numpy", *ARGS]
    done = subprocess.run([*args, "--json"], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["agree"] is True
