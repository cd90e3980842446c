"""Commands on graphs in integers: whole numbers in, int64 out."""

from __future__ import annotations

import json

import h5py
import numpy as np
import pytest

import nirx
from nirx.cli import main
from support.whole_graphs import RULE, layers, spikes


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with a graph and its input, in float32 as files often are."""
    monkeypatch.chdir(tmp_path)
    nirx.write("g.nir", layers(), RULE)
    np.savez("x.npz", input=spikes(dtype="f4"))
    np.savez("half.npz", input=spikes() * 0.5)
    return tmp_path


def numbers(path):
    with np.load(path, allow_pickle=False) as archive:
        return dict(archive)


@pytest.mark.parametrize("backend", ["numpy", "torch"])
def test_a_run_in_pieces_and_from_a_state(here, backend):
    run = ["run", "g.nir", "--input", "x.npz", "--backend", backend, "--record", "b.v"]
    assert main([*run, "--out", "y.npz", "--chunk", "7", "--state-out", "s.npz"]) == 0
    expected, state, recorded = nirx.from_nir(layers(), "numpy", RULE).run(spikes(), record=["b.v"])
    found = numbers("y.npz")
    np.testing.assert_array_equal(found["output"], expected)
    np.testing.assert_array_equal(found["b.v"], recorded["b.v"])
    states = numbers("s.npz")
    assert {a.dtype for a in (*found.values(), *states.values())} == {np.dtype("int64")}
    np.testing.assert_array_equal(states["a/i_overflows"], state["a"]["i_overflows"])
    assert main([*run, "--out", "z.h5", "--state-in", "s.npz"]) == 0
    again, _ = nirx.from_nir(layers(), "numpy", RULE).run(spikes(), state)
    with h5py.File("z.h5") as file:
        found = np.asarray(file["output"])
    assert found.dtype == np.int64
    np.testing.assert_array_equal(found, again)


@pytest.mark.parametrize("command", ["run", "compare", "diagnose"])
def test_fractions_are_bad_input(command, here, capsys):
    np.savez("o.npz", b=np.zeros((50, 2, 3)))
    files = ["g.nir", "o.npz"] if command == "diagnose" else ["g.nir"]
    assert main([command, *files, "--input", "half.npz"]) == 2
    assert "expected whole numbers" in capsys.readouterr().err


def test_a_state_with_fractions_is_bad_input(here, capsys):
    main(["run", "g.nir", "--input", "x.npz", "--state-out", "s.npz"])
    np.savez("s.npz", **{name: array + 0.5 for name, array in numbers("s.npz").items()})
    assert main(["run", "g.nir", "--input", "x.npz", "--state-in", "s.npz"]) == 2
    assert "holds fractions" in capsys.readouterr().err


def test_backends_agree_without_a_tolerance(here, capsys):
    assert (
        main(["compare", "g.nir", "--input", "x.npz", "--backends", "numpy,torch", "--json"]) == 0
    )
    found = json.loads(capsys.readouterr().out)
    assert (found["dtype"], found["tolerance"]) == ("int64", 0.0)


def test_python_takes_whole_floats_as_the_commands_do():
    assert nirx.compare(layers(), spikes(dtype="f4"), ["numpy", "torch"], discretization=RULE).agree
    with pytest.raises(nirx.InputError, match="expected whole numbers"):
        nirx.compare(layers(), spikes() * 0.5, ["numpy", "torch"], discretization=RULE)


def test_info_and_a_reference(here, capsys):
    assert main(["info", "g.nir"]) == 0
    shown = capsys.readouterr().out
    assert "input_shift" in shown
    assert "per sample in int64" in shown
    assert main(["reference", "g.nir", "--input", "corners", "--out", "r.h5"]) == 0
    assert "integers, int64" in capsys.readouterr().out
    assert main(["verify", "r.h5", "--backend", "torch", "--membrane", "1"]) == 0
