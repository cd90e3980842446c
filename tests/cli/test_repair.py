"""--repair, on every command that reads a .nir file."""

# pyright: reportArgumentType=false

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nir
import numpy as np
import pytest

import nirx
from nirx.cli import main
from support.graphs import affine, chain, lif

D = nirx.Discretization(dt=1.0)

COMMANDS = {
    "info": ["info"],
    "run": ["run", "--random", "1", "--steps", "5"],
    "compare": ["compare", "--random", "1", "--steps", "5", "--backends", "numpy,torch"],
    "reference": ["reference", "--input", "poisson:rate=0.5", "--steps", "5"],
    "diagnose": ["diagnose"],
    "move": ["move", "--random", "1", "--steps", "5", "--to", "norse"],
}


def written(path: Path, takes: Any = (256, 3), gives: Any = 2) -> str:
    graph = chain({"fc": affine(2, 3), "lif": lif(2, v_threshold=0.5)}, takes, gives)
    graph.metadata = {"nirx_discretization": D.to_json()}
    nir.write(path, graph)
    return str(path)


def arguments(command: str, file: str, folder: Path) -> list[str]:
    name, *options = COMMANDS[command]
    if command == "reference":
        options += ["--out", str(folder / "r.nirref")]
    if command == "diagnose":
        xs = np.random.default_rng(0).random((9, 1, 3)).astype(np.float32)
        good = chain({"fc": affine(2, 3), "lif": lif(2, v_threshold=0.5)}, 3, 2)
        np.savez(folder / "x.npz", input=xs)
        np.savez(folder / "y.npz", lif=nirx.from_nir(good, "numpy", D).run(xs)[0])
        options += [str(folder / "y.npz"), "--input", str(folder / "x.npz")]
    return [name, file, *options]


@pytest.mark.parametrize("command", [name for name in COMMANDS if name != "move"])
def test_a_command_refuses_a_batch_axis_and_takes_it_with_repair(command, tmp_path, capsys):
    call = arguments(command, written(tmp_path / "g.nir"), tmp_path)
    assert main(call) == 2
    assert "it declares a batch axis of 256" in capsys.readouterr().err
    assert main([*call, "--repair"]) == 0
    assert "repaired input: declared a batch axis of 256" in capsys.readouterr().err


def test_move_takes_repair_for_files_only(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("nirx.cli.move.find_bridge", lambda name: None)
    call = arguments("move", written(tmp_path / "g.nir"), tmp_path)
    assert main(call) == 2
    assert "batch axis of 256" in capsys.readouterr().err
    main([*call, "--repair"])  # whether Norse is installed or not
    assert "repaired input: declared a batch axis of 256" in capsys.readouterr().err
    assert main(["move", "os:getcwd", "--to", "norse", "--repair"]) == 2
    assert "--repair goes with a .nir file" in capsys.readouterr().err


def test_a_wrong_output_is_a_warning_and_the_command_runs(tmp_path, capsys):
    file = written(tmp_path / "g.nir", 3, (4, 2))
    assert main(["info", file, "--json"]) == 0
    out, err = capsys.readouterr()
    assert "output declares a batch axis of 4" in err
    found = {node["path"]: node["input_shape"] for node in json.loads(out)["nodes"]}
    assert found["output"] == [2]


def test_an_npy_file_of_events_is_an_input(tmp_path, capsys):
    events = np.array([(0, 0), (2_000_000, 1), (4_000_000, 1)], [("t", "i8"), ("x", "i8")])
    np.save(tmp_path / "x.npy", events)
    file = written(tmp_path / "g.nir", 3)
    call = ["run", file, "--input", str(tmp_path / "x.npy"), "--json"]
    assert main(call) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["steps"], found["batch"]) == (5, [1])
