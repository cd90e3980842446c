"""`nirx bench` measures and prints; the numbers themselves are the machine's affair."""

# pyright: reportAttributeAccessIssue=false

import json

import pytest

from nirx.cli.app import main
from nirx.execution.bench import LAYERS, bench, feed_forward


def test_the_network_is_the_one_that_is_promised():
    graph = feed_forward()
    assert [len(graph.nodes[f"lif{i}"].tau) for i in (1, 2, 3)] == list(LAYERS[1:])
    assert graph.nodes["fc1"].weight.shape == (256, 700)


def test_every_combination_is_measured():
    timings = list(bench(["numpy"], [1, 2], steps=3, repeats=1, dtype="float32"))
    assert [(t.batch, t.inputs) for t in timings] == [
        (1, "spikes"),
        (1, "real values"),
        (2, "spikes"),
        (2, "real values"),
    ]
    assert all(t.fast > 0 and t.reproducible > 0 for t in timings)
    assert timings[0].ratio == timings[0].reproducible / timings[0].fast


def test_the_command_prints_json(capsys):
    arguments = ["--backends", "numpy", "--batch", "1", "--steps", "2", "--repeats", "1", "--json"]
    assert main(["bench", *arguments]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {t["inputs"] for t in found["timings"]} == {"spikes", "real values"}


@pytest.mark.parametrize("backends", ["", "nupmy"])
def test_unknown_backends_are_refused(backends, capsys):
    assert main(["bench", "--backends", backends]) == 2
    assert "error" in capsys.readouterr().err
