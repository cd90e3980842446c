"""The discretization that the options add up to."""

from __future__ import annotations

import json

import pytest

import nirx
from nirx.cli import main
from support.graphs import chain, lif


@pytest.fixture
def file(tmp_path):
    nirx.write(tmp_path / "g.nir", chain({"sub": chain({"a:b=c": lif(1)}, 1)}, 1))
    return str(tmp_path / "g.nir")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("--dt 1e-3", nirx.Discretization(dt=1e-3)),
        ("--preset sinabs.LIF", nirx.PRESETS["sinabs.LIF"]),
        (
            "--preset norse.LIFBoxCell --dt 2e-3 --set initial_v=zero",
            nirx.Discretization(dt=2e-3),
        ),
        (
            "--set dt=1e-3 --set spikes=multi --set max_spikes=3",
            nirx.Discretization(dt=1e-3, spikes="multi", max_spikes=3),
        ),
        (
            "--dt 1e-3 --set spikes=multi --set max_spikes=none",
            nirx.Discretization(dt=1e-3, spikes="multi"),
        ),
        (
            "--dt 1e-3 --override sub/a:b=c:threshold=ge --override sub:reset=none",
            nirx.Discretization(
                dt=1e-3, overrides={"sub/a:b=c": {"threshold": "ge"}, "sub": {"reset": "none"}}
            ),
        ),
    ],
)
def test_options_add_up(file, capsys, options, expected):
    assert main(["info", file, *options.split(), "--json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["discretization"] == json.loads(expected.to_json())
    assert err == ""


def test_a_choice_without_dt_still_warns_of_dt(file, capsys):
    assert main(["info", file, "--set", "threshold=ge", "--json"]) == 0
    assert "dt=0.0001 is assumed" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ("--preset norse.LIFBox", "did you mean 'norse.LIFBoxCell'?"),
        ("--preset norse.LIFBox", "spyx.CuBaLIF"),
        ("--set integrator", "expected CHOICE=VALUE"),
        ("--set integratr=euler", "did you mean 'integrator'?"),
        ("--set dt=fast", "expected a number"),
        ("--set max_spikes=1.5", "expected a whole number or none"),
        ("--set overrides={}", "no choice 'overrides'"),
        ("--set reset=none --set reset=value", "twice"),
        ("--dt 1e-3 --set dt=1e-3", "twice"),
        ("--dt 1e-3 --set threshold=gte", "'gt', 'ge'"),
        ("--dt 1e-3 --set output=old", "reset_when"),
        ("--override threshold=ge", "expected PATH:CHOICE=VALUE"),
        ("--dt 1 --override nobody:threshold=ge", "'nobody'"),
        ("--dt 1 --override sub:dt=1", "cannot be set for one node"),
    ],
)
def test_options_that_make_no_sense_are_refused(file, capsys, options, text):
    assert main(["info", file, *options.split()]) == 2
    assert text in capsys.readouterr().err
