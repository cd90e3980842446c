"""The options that say how recorded events are laid out, of `nirx verify` and `nirx diagnose`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import nirx
from nirx.cli import main
from nirx.files.archive import save_arrays
from support.bench import Bench
from support.chips import LAYERS, chip_of_layers, spikes, write


@pytest.fixture(scope="module")
def chip(tmp_path_factory) -> Bench:
    return chip_of_layers(tmp_path_factory.mktemp("chip"))


@pytest.fixture
def files(chip, tmp_path, monkeypatch) -> Path:
    """A folder with a graph, its input, a map, and a recording in ns that is 0.4 ms early."""
    monkeypatch.chdir(tmp_path)
    nirx.write("g.nir", chip.graph, nirx.Discretization(dt=1e-3))
    save_arrays(tmp_path / "x.npz", {"input": chip.xs})
    base = {"lif": 64, "sub/lif": 128}
    write(tmp_path / "map.csv", "address,node,neuron",
          [(base[key] + i, key, i) for key in LAYERS for i in range(4)])  # fmt: skip
    rows = sorted(
        (s * 10**6 + 600_000, base[key] + i) for key in LAYERS for s, i in spikes(chip, key)
    )
    write(tmp_path / "chip.csv", "stamp,word", rows)
    return tmp_path


LAYOUT = [
    *("--columns", "time=stamp,neuron=word", "--time-unit", "ns", "--offset", "1000000"),
    *("--rounding", "nearest", "--address-map", "map.csv"),
]


def test_verify(files, chip, capsys):
    assert main(["verify", str(chip.path), "chip.csv", *LAYOUT, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [n["key"] for n in found["nodes"]] == list(LAYERS)
    assert found["verdict"] == "exact"
    assert (found["events"]["unit"], found["events"]["largest"]) == ("ns", 0.4)
    assert main(["verify", str(chip.path), "chip.csv", *LAYOUT, "--report-above", "0.5"]) == 0
    assert "times in ns: 0 rounded by more than 0.5 of a step" in capsys.readouterr().out


@pytest.fixture
def late(files, chip) -> list[str]:
    """What makes the recording the run's again: its first step is step 1."""
    return [*LAYOUT[:4], "--offset", "600000", *LAYOUT[8:]]


def test_diagnose(files, late, capsys):
    given = ["g.nir", "chip.csv", "--input", "x.npz", "--dt", "1e-3", *late]
    assert main(["diagnose", *given, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["explained"] is True
    assert (found["events"]["rounded"], found["events"]["largest"]) == (0, 0.0)
    assert main(["diagnose", *given, "--dt", "1e-4"]) == 2
    assert "its events have times, so their steps depend on dt" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--columns", "stamp"], "--columns 'stamp'; expected WHAT=NAME"),
        (["--columns", "time=a,time=b"], "--columns: 'time' is given twice"),
        (["--columns", "tiem=stamp"], "did you mean 'time'"),
        (["--time-unit", "min"], "time_unit='min'; expected one of s, ms"),
        (["--offset", "soon"], "offset='soon'"),
        (["--rounding", "up"], "rounding='up'"),
        (["--merge", "last"], "merge='last'"),
        (["--address-map", "none.csv"], "none.csv: no such file"),
        ([], "line 1: unknown column 'stamp'"),
    ],
)
def test_bad_options_are_refused(files, chip, capsys, options, message):
    more = ["--columns", "time=stamp,neuron=word"] if "--columns" not in options else []
    assert main(["verify", str(chip.path), "chip.csv", *options, *(more if options else [])]) == 2
    out, err = capsys.readouterr()
    assert (out, message in err, "Traceback" in err) == ("", True, False)


def test_events_with_options_drive_a_network(files, chip):
    """The same layout as options of an input, and as an `EventFormat` of a reference."""
    rows = [(s * 1000 + 300, 10 + i) for s, _, i in np.argwhere(chip.xs > 0).tolist()]
    write(files / "in.csv", "stamp,word,flags", [(*row, 0) for row in rows])
    save_arrays(files / "m.npz", {"address": np.arange(10, 14), "neuron": np.arange(4)})
    data = "csv:in.csv,time=stamp,neuron=word,unit=us,map=m.npz"
    d = nirx.Discretization(dt=1e-3)
    form = nirx.EventFormat(
        columns={"time": "stamp", "neuron": "word"},
        time_unit="us",
        addresses={10 + i: i for i in range(4)},
    )
    made = nirx.reference(chip.graph, data, "a.h5", discretization=d, steps=60)
    same = nirx.reference(chip.graph, "in.csv", "b.h5", discretization=d, steps=60, events=form)
    assert made.digest == same.digest == nirx.verify(chip.path, chip.path).digest
