"""`nirx compare` over a folder and over a pattern: one row per graph."""

from __future__ import annotations

import json

import nir
import numpy as np
import pytest

import nirx
from nirx.cli import compare as compare_module
from nirx.cli import main, options
from nirx.execution.backend import find_backend
from nirx.scaling.choose import is_installed
from support.graphs import chain, lif
from support.ray_runs import ray_run

ARGS = ["--random", "0", "--steps", "10"]


class Wrong:
    """The NumPy backend, wrong for networks of more than four neurons."""

    name = "wrong"

    def prepare(self, graph, discretization=None, dtype="float32", **more):
        run = find_backend("numpy").prepare(graph, discretization, dtype, **more)

        def wrong(inputs, state=None, record=()):
            ys, state, found = run(inputs, state, record)
            if inputs["input"].shape[-1] > 4:
                found = {k: v + 1 if k == "lif.v" else v for k, v in found.items()}
            return ys, state, found

        return wrong


@pytest.fixture
def folder(tmp_path, monkeypatch):
    def find(name: str):
        return Wrong() if name == "wrong" else find_backend(name)

    for module in (compare_module, options):
        monkeypatch.setattr(module, "find_backend", find)
    own = tmp_path / "models"
    (own / "more").mkdir(parents=True)
    for name, size in {"b": 5, "a": 4, "more/c": 3}.items():
        nodes = {"fc": nir.Linear(np.eye(size, dtype=np.float32)), "lif": lif(size)}
        nirx.write(own / f"{name}.nir", chain(nodes, size), nirx.Discretization(dt=1.0))
    (own / "notes.txt").write_text("no graph")
    return own


def compared(capsys, status, *args):
    """The rows of `--json`: the graph's name, and its result."""
    assert main(["compare", *map(str, args), *ARGS, "--json"]) == status
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert sum(found[name] for name in ("agree", "differ", "error")) == len(found["graphs"])
    assert found[{0: "agree", 1: "differ", 2: "error"}[status]] > 0
    rows = [(own["file"].rpartition("models/")[2], own["result"]) for own in found["graphs"]]
    return rows, found["graphs"], err


def test_a_folder_and_the_largest_status(folder, capsys):
    same, wrong = ["--backends", "numpy,numpy"], ["--backends", "numpy,wrong"]
    rows, graphs, _ = compared(capsys, 0, folder, *same)
    assert rows == [("a.nir", "agree"), ("b.nir", "agree")]
    assert graphs[0]["steps"] == 10
    rows, graphs, _ = compared(capsys, 1, folder, *wrong)
    assert rows == [("a.nir", "agree"), ("b.nir", "differ")]
    assert graphs[1]["first_divergence"]["node"] == "lif.v"
    rows, *_ = compared(capsys, 1, folder / "**" / "*.nir", *wrong)
    assert rows == [("a.nir", "agree"), ("b.nir", "differ"), ("more/c.nir", "agree")]
    assert main(["compare", str(folder), *wrong, *ARGS]) == 1
    out = capsys.readouterr().out
    assert "2 graphs: 1 agree, 1 differ, 0 error" in out
    assert "step 0, lif.v[0, 0]" in out


def test_a_graph_that_cannot_be_read_does_not_stop_the_others(folder, capsys):
    (folder / "a.nir").write_bytes(b"no graph")
    rows, graphs, _ = compared(capsys, 2, folder, "--backends", "numpy,wrong")
    assert rows == [("a.nir", "error"), ("b.nir", "differ")]
    assert "a.nir" in graphs[0]["error"]


def test_what_is_refused_before_any_graph_is_run(folder, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    for args, message in (
        ([tmp_path / "empty"], "no graph there"),
        ([tmp_path / "*.nir"], "no graph there"),
        ([folder, "--backends", "nunpy,numpy"], "did you mean 'numpy'"),
        ([folder, "--dtype", "float8"], "dtype='float8'"),
        ([folder, "--plot", "x.png"], "go with one of them"),
        ([folder, "--engine", "rai"], "did you mean 'ray'"),
        ([folder / "a.nir", "--engine", "ray"], "is one model"),
    ):
        assert main(["compare", *map(str, args), *ARGS]) == 2
        out, err = capsys.readouterr()
        assert message in err
        assert out == ""


ON_RAY = """
import sys
from nirx.cli import main
print("\\nstatus", main(["compare", *sys.argv[1:]]), flush=True)
"""


@pytest.mark.exhaustive
@pytest.mark.skipif(not is_installed("ray"), reason="Ray is not installed")
def test_on_ray_the_table_is_the_same(folder, capsys):
    (folder / "c.nir").write_bytes(b"no graph")
    args = [str(folder), "--backends", "numpy,numpy", *ARGS]
    assert main(["compare", *args]) == 2
    out = capsys.readouterr().out
    said = ray_run(ON_RAY, *args, "--engine", "ray")
    assert out in said
    assert "status 2" in said
