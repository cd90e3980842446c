"""`nirx info`: what it shows, for people and for machines."""

from __future__ import annotations

import json

import nir
import numpy as np
import pytest

import nirx
from nirx.cli import main
from support.graphs import chain, lif, line, make_graph


def nested_loop() -> nir.NIRGraph:
    """A subgraph with a LIF that feeds itself through a Linear, and a name full of markup."""
    loop = [*line("input", "lif", "rec", "lif"), ("lif", "output")]
    recurrence = nir.Linear(np.eye(3, dtype=np.float32))
    sub = make_graph(loop, 3, lif=lif(3, dtype=np.float32), rec=recurrence)
    fc = nir.Affine(np.arange(6, dtype=np.float32).reshape(3, 2), np.ones(3, np.float32))
    return chain({"[red]fc": fc, "sub": sub}, 2, 3)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "g.nir"
    nirx.write(path, nested_loop())
    return str(path)


def test_json_holds_everything(file, capsys):
    assert main(["info", file, "--dt", "1e-3", "--json"]) == 0
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert err == ""
    assert [n["path"] for n in found["nodes"]] == list(
        nirx.schedule(nested_loop(), nirx.Discretization(dt=1e-3)).order
    )
    affine = next(n for n in found["nodes"] if n["path"] == "[red]fc")
    assert (affine["type"], affine["input_shape"], affine["output_shape"]) == ("Affine", [2], [3])
    assert affine["parameter_bytes"] == (6 + 3) * 4
    assert affine["parameters"][0] == {
        "name": "weight", "shape": [3, 2], "dtype": "float32", "min": 0.0, "max": 5.0
    }  # fmt: skip
    assert found["feedback_edges"] == [["sub/rec", "sub/lif"]]
    assert [set(c) for c in found["components"]] == [{"sub/lif", "sub/rec"}]
    assert found["parameter_bytes"] == (9 + 15 + 9) * 4
    assert found["state_bytes_per_sample"] == (3 + 3) * 4  # v, and the feedback value
    assert found["discretization"]["dt"] == 1e-3
    assert found["discretization_origin"] == "options"


def test_text_shows_nesting_schedule_and_sizes(file, capsys):
    assert main(["info", file, "--dt", "1e-3"]) == 0
    out = capsys.readouterr().out
    for text in (
        "[red]fc  Affine  2 -> 3  36 B",
        "sub  NIRGraph",
        "│   ├── lif  LIF  3  60 B",
        "0 .. 5",
        "sub/rec -> sub/lif",
        "sub/lif, sub/rec",
        "132 B as stored",
        "24 B per sample",
        "step by step",
    ):
        assert text in out


def test_file_metadata_is_used_and_named(tmp_path, capsys):
    path = str(tmp_path / "g.nir")
    stored = nirx.Discretization(dt=2e-3, integrator="exponential")
    nirx.write(path, nested_loop(), stored)
    assert main(["info", path, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["discretization_origin"] == "file metadata"
    assert found["discretization"] == json.loads(stored.to_json())
    assert main(["info", path, "--dt", "1e-3", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["discretization_origin"] == "file metadata and options"
    assert found["discretization"]["integrator"] == "exponential"


def test_default_is_used_with_one_warning(file, capsys):
    assert main(["info", file, "--json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["discretization_origin"] == "default"
    assert err.count("nirx: warning: ") == 1
    assert len(err.splitlines()) == 1
    assert "--dt" in err


@pytest.mark.slow
def test_every_type_is_shown_with_its_settings(examples, tmp_path, capsys):
    path = str(tmp_path / "g.nir")
    for example in examples:
        nirx.write(path, example.graph)
        assert main(["info", path, "--dt", "1e-4", "--json"]) == 0
        found = json.loads(capsys.readouterr().out)
        assert main(["info", path, "--dt", "1e-4"]) == 0
        text = capsys.readouterr().out
        if example.name == "Conv2d":
            conv = next(n for n in found["nodes"] if n["type"] == "Conv2d")
            assert conv["settings"]["padding"] == "valid"
            assert conv["settings"]["stride"] == [1, 2]
            assert "padding" in text


def test_a_sound_file_of_the_paper(paper, capsys):
    assert main(["info", str(paper / "lif_norse.nir"), "--dt", "1e-4"]) == 0
    assert "v_threshold" in capsys.readouterr().out


def test_the_broken_file_of_the_paper(paper, capsys):
    status = main(["info", str(paper / "braille_noDelay_bias_zero_subgraph.nir")])
    out, err = capsys.readouterr()
    assert status == 2
    assert out == ""
    last = err.splitlines()[-1]
    assert last.startswith("nirx: error: ")
    assert "no node 'lif'" in last
    assert "did you mean 'lif1'?" in last
    assert err.count("nirx: error") == 1
