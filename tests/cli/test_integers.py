"""Integers on the command line: `nirx quantize`, --set arithmetic.FIELD=VALUE, overflows."""

from __future__ import annotations

import json

import nir
import numpy as np
import pytest

import nirx
from nirx.cli import main
from support.graphs import chain, neuron


@pytest.fixture
def file(tmp_path):
    weights = np.array([[0.5, -0.25], [1.0, -1.0]])
    graph = chain({"w": nir.Linear(weights), "n": neuron(nir.LIF), "li": neuron(nir.LI)})
    nirx.write(tmp_path / "g.nir", graph)
    return str(tmp_path / "g.nir")


def test_quantize_writes_a_graph_that_runs_in_integers(file, tmp_path, capsys):
    out = str(tmp_path / "q.nir")
    chosen = ["--preset", "int8", "--set", "arithmetic.membrane_bits=24", "--dt", "1"]
    assert (
        main(["quantize", file, *chosen, "--out", out, "--random", "1", "--steps", "9", "--json"])
        == 0
    )
    found = json.loads(capsys.readouterr().out)
    weights, neurons, readout = found["nodes"]
    assert (weights["weight_bits"], weights["saturated"]) == (8, 0)
    assert neurons["threshold"][0] > 127
    assert neurons["v_overflows"] == 0
    assert readout["decay_percent"] == 0.0
    assert found["outputs"]["output"] > 0
    assert main(["info", out]) == 0
    shown = capsys.readouterr().out
    assert "membrane_bits       24" in shown
    assert "1 of the float graph" in shown
    state = str(tmp_path / "s.npz")
    assert main(["run", out, "--random", "1", "--steps", "9", "--json", "--state-out", state]) == 0
    run = json.loads(capsys.readouterr().out)
    assert run["overflows"] == {"n": {"v_overflows": 0}, "li": {"v_overflows": 0}}
    assert main(["run", out, "--random", "1", "--steps", "9", "--state-in", state]) == 0
    assert "states that left their bits" in capsys.readouterr().out


def test_overflows_are_counted(file, tmp_path, capsys):
    out = str(tmp_path / "q.nir")
    narrow = ["--set", "arithmetic.membrane_bits=10", "--dt", "1"]
    assert main(["quantize", file, *narrow, "--scale", "w=60", "--out", out]) == 0
    capsys.readouterr()
    np.save(tmp_path / "x.npy", np.tile([0, 9], (5, 1)))
    assert main(["run", out, "--input", str(tmp_path / "x.npy"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["overflows"]["n"]["v_overflows"] > 4


def test_compare_with_integers(file, capsys):
    options = ["--dt", "1", "--random", "0", "--steps", "9", "--arithmetic", "int8", "--json"]
    status = main(["compare", file, *options, "--set", "arithmetic.weight_bits=3"])
    found = json.loads(capsys.readouterr().out)
    assert set(found["causes"]) == {"weights", "decays", "width"}
    assert status == (0 if found["agree"] else 1)
    assert main(["compare", file, *options, "--record", "all"]) == 2
    assert "--arithmetic goes without" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("--set arithmetic.weight_bits=4", {"weight_bits": 4}),
        ("--preset loihi --set arithmetic.membrane_lowest=-5", {"membrane_lowest": -5}),
        ("--set arithmetic.decay=shift --set arithmetic.synapse_bits=9", {"decay": "shift"}),
        ("--preset loihi --set arithmetic.membrane_lowest=none", {"membrane_lowest": None}),
    ],
)
def test_fields_of_the_arithmetic(file, capsys, options, expected):
    """`nirx info` shows a graph under any discretization, whole or not."""
    assert main(["info", file, "--set", "dt=1", *options.split(), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["discretization"]["arithmetic"]
    base = nirx.PRESETS["loihi"].arithmetic if "loihi" in options else nirx.Arithmetic()
    assert base is not None
    assert found.items() >= expected.items()
    same = set(base.to_dict().items()) - set(found.items())
    assert {name for name, _ in same} <= {
        o.split(".")[1].split("=")[0] for o in options.split() if "." in o
    }


def test_an_override_of_one_field(file, capsys):
    options = ["--preset", "int8", "--override", "n:arithmetic.membrane_bits=20"]
    assert main(["info", file, *options, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["discretization"]
    assert found["overrides"] == {"n": {"arithmetic": {"membrane_bits": 20}}}
    assert main(["info", file, "--preset", "int8", "--set", "arithmetic=none", "--json"]) == 0
    assert "arithmetic" not in json.loads(capsys.readouterr().out)["discretization"]


@pytest.mark.parametrize(
    ("command", "text"),
    [
        ("info --set arithmetic.weight_bit=8", "did you mean 'arithmetic.weight_bits'"),
        ("info --set arithmetic.weight_bits=x", "expected a whole number"),
        ("info --set arithmetic.weight_bits=99", "expected a whole number, 1 to 32"),
        ("info --set arithmetic.decay=fast", "expected one of 'multiply', 'shift'"),
        ("info --set arithmetic=8", "expected one of its fields"),
        ("info --set arithmetic=none --set arithmetic.decay=shift", "expected one"),
        ("info --override n:arithmetic=none", "expected one of its fields"),
        ("quantize", "neither --preset nor --set arithmetic.FIELD=VALUE"),
        ("quantize --preset sinabs.IAF", "computes in floating point"),
        ("quantize --preset loihy", "did you mean 'loihi'"),
        ("quantize --preset int8 --scale w=x", "expected PATH=NUMBER"),
        ("quantize --preset int8 --scale =3", "expected PATH=NUMBER"),
        ("quantize --preset int8 --scale rows", "expected 'layer'"),
        (
            "quantize --preset int8 --dt 1 --random 1 --batch 9999 --max-memory 1M",
            "of memory needed",
        ),
        (
            "compare --arithmetic int8 --dt 1 --random 1 --batch 9999 --max-memory 1M",
            "of memory needed",
        ),
        ("run --random 1 --preset int8", "nirx.quantize(graph, arithmetic)"),
    ],
)
def test_bad_input_gets_one_line(file, capsys, command, text):
    name, *options = command.split()
    assert main([name, file, *options]) == 2
    assert text in capsys.readouterr().err


def test_a_refused_quantization_writes_nothing(file, tmp_path, capsys):
    out = tmp_path / "q.nir"
    options = ["--preset", "int8", "--set", "arithmetic.membrane_bits=3", "--dt", "1"]
    assert main(["quantize", file, *options, "--out", str(out), "--scale", "w=60"]) == 2
    assert "its threshold is" in capsys.readouterr().err
    assert not out.exists()
