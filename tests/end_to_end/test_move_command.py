"""`nirx move`, with a library that is made up for the purpose."""

from __future__ import annotations

import json
import sys

import pytest

import nirx
from nirx.cli import main
from support.toy_library import EULER, Model, graph, sluggish, toys  # noqa: F401


@pytest.fixture
def model_file(tmp_path, monkeypatch):
    (tmp_path / "toy_models.py").write_text(
        "model, secret = None, 3\n\ndef make():\n    return model\n\n"
        "def fails():\n    raise ValueError('no weights')\n\ndef wants(x):\n    return x\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    import toy_models  # type: ignore[import-not-found]

    toy_models.model = Model()
    yield "toy_models"
    del sys.modules["toy_models"]


def test_the_command_writes_the_graph_with_its_discretization(model_file, tmp_path, capsys):
    out = tmp_path / "out.nir"
    arguments = [f"{model_file}:make", "--from", "toy", "--to", "torch", "--out", str(out)]
    assert main(["move", *arguments]) == 0
    text = capsys.readouterr().out
    assert "toy -> torch, against the exact executor" in text
    assert "fidelity:" in text
    assert nirx.schedule(nirx.read(out)).discretization == EULER
    assert main(["move", str(out), "--to", "toy", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["fidelity"] in ("exact", "rounding")
    assert found["source"] is None
    assert {n["key"] for n in found["backends"][0]["nodes"]} >= {"cell1", "cell2"}


def test_the_command_returns_1_where_something_differs(model_file, capsys):
    assert main(["move", f"{model_file}:model", "--from", "toy", "--to", "off"]) == 1
    assert "first diverges at" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["toy_models:make", "--to", "nowhere"], "no bridge 'nowhere'"),
        (["toy_models:gone", "--from", "toy", "--to", "toy"], "cannot be imported"),
        (["toy_models:secret", "--to", "toy"], "the model is a int, which is of no library"),
        (["toy_models:Model", "--to", "toy"], "has no attribute 'Model'"),
        (
            ["toy_models:fails", "--to", "toy"],
            "raised ValueError: no weights; it must be a model",
        ),
        (["toy_models:wants", "--to", "toy"], "raised TypeError: "),
        (["toy_models:make()", "--to", "toy"], "such as 'toy_models:make'"),
        (["toy_models.py:make", "--to", "toy"], "such as 'toy_models:make'"),
        (["no_such_file.nir", "--to", "toy"], "no such file"),
        (["toy_models", "--to", "toy"], "module:object"),
        (["toy_models:make", "--to", "norse"], "pip install norse"),
        (
            ["toy_models:make", "--from", "toy", "--to", "toy", "--input-shape", "a"],
            "expected integers",
        ),
        (
            ["toy_models:make", "--from", "toy", "--to", "toy", "--set", "reset=subtract"],
            "'cell1': reset='subtract'",
        ),
    ],
)
def test_the_command_refuses_in_one_line(model_file, arguments, text, capsys):
    assert main(["move", *arguments]) == 2
    captured = capsys.readouterr()
    assert text in captured.err
    assert captured.err.count("\n") == 1
    assert "Traceback" not in captured.err


def test_the_command_draws_as_high_as_it_takes(tmp_path, capsys):
    path = tmp_path / "sluggish.nir"
    nirx.write(path, sluggish(), EULER)
    assert main(["move", str(path), "--to", "toy", "--steps", "60"]) == 0
    text = capsys.readouterr().out
    assert "run on input [60, 4, 5] from 0 to " in text
    assert "never spiked" not in text


def test_the_model_file_is_not_overwritten(tmp_path, capsys):
    path = tmp_path / "m.nir"
    nirx.write(path, graph(), EULER)
    before = path.read_bytes()
    assert main(["move", str(path), "--to", "toy", "--out", str(path)]) == 2
    assert "is also an input" in capsys.readouterr().err
    assert path.read_bytes() == before
