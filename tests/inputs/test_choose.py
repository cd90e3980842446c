"""`source_for`: which source an array, a path or a text stands for, and what is refused."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from nirx.errors import FileError, InputError
from nirx.graphs.schedule import schedule
from nirx.inputs import source_for
from support.inputs import STEP, THREE, read, two_inputs

TWO = schedule(two_inputs((3,), (2, 2)), STEP)


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        ("no.npz", FileError, "no.npz: no such file"),
        (Path("no.npy"), FileError, "no such file"),
        (Path("."), FileError, r"no \.npz file in it"),
        (Path("x.nir"), FileError, "a NIR graph is not an input"),
        ("x.mat", InputError, "neither a file nor a generator"),
        ("npz:", InputError, "expected npz:FILE"),
        ("npz:x.npz,unit=1", InputError, "no option 'unit'; it takes none"),
        (3.5, InputError, "the input is a float; expected arrays, a path"),
        (None, InputError, "NoneType"),
        ({"inn": np.zeros((2, 3))}, InputError, "did you mean 'in'"),
        ({}, InputError, "no array for Input 'in'"),
        (np.zeros((2, 4)), InputError, r"shape \(2, 4\); expected"),
        (np.zeros(3), InputError, "time first"),
        (np.zeros((2, 3), complex), InputError, "expected real numbers"),
        ([["a", "b", "c"]], InputError, "expected real numbers"),
        (np.zeros((2, 3), object), InputError, "expected real numbers"),
    ],
)
def test_bad_inputs_are_refused(data, error, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=message):
        read(data)


def test_steps_and_batch_must_fit_an_array():
    with pytest.raises(InputError, match="has 4 steps, but steps=5"):
        read(np.zeros((4, 3)), steps=5)
    with pytest.raises(InputError, match=r"has a batch of 2, but batch=\(3,\)"):
        read(np.zeros((4, 2, 3)), batch=3)
    assert read(np.zeros((4, 6, 3)), batch=(2, 3)).shape == (4, 2, 3, 3)
    assert read(np.zeros((0, 3))).shape == (0, 1, 3)


def test_the_array_is_copied():
    xs = np.zeros((4, 3))
    source = source_for(THREE, xs, "float64")
    xs[:] = 1
    assert not source.read(0, 4)["in"].any()


def test_the_place_of_a_file_does_not_matter(tmp_path):
    identities = []
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        path = tmp_path / folder / f"{folder}.npy"
        np.save(path, np.ones((4, 2, 3)))
        identities.append(source_for(THREE, path, "float32").identity)
    assert identities[0] == identities[1]
    assert str(tmp_path) not in json.dumps(identities)


def test_several_inputs_are_matched_by_name(tmp_path):
    random = np.random.default_rng(0).random
    xs = {"a": random((7, 2, 3)), "b": random((7, 2, 2, 2))}
    np.savez(tmp_path / "x.npz", a=xs["a"], b=xs["b"])
    for data in (xs, tmp_path / "x.npz", str(tmp_path / "x.npz")):
        source = source_for(TWO, data, "float64")
        found = source.read(0, source.steps)
        assert all(np.array_equal(found[name], xs[name]) for name in xs)


def test_a_source_is_returned_as_it_is():
    own = source_for(THREE, "poisson", "float32")
    assert source_for(THREE, own, "float32") is own
    with pytest.raises(InputError, match="expected float64"):
        source_for(THREE, own, "float64")
    with pytest.raises(InputError, match=r"expected \['a', 'b'\]"):
        source_for(TWO, own, "float32")
    with pytest.raises(InputError, match="steps=2000"):
        source_for(THREE, own, "float32", steps=2000)


GENERATE = """
import json, nirx
from nirx.inputs import source_for
from support.inputs import STEP, spiking_graph

graph = spiking_graph((2, 3))
for text in ("poisson:rate=0.3", "regular", "ramp", "pulses:every=3", "corners"):
    s = source_for(nirx.schedule(graph, STEP), text, "float32", graph=graph)
    print(json.dumps(s.identity, sort_keys=True), nirx.digest(s.read(0, s.steps)))
"""


@pytest.mark.slow
def test_generators_do_not_depend_on_the_hash_seed():
    def run(seed: str) -> str:
        path = os.pathsep.join(filter(None, [str(Path(__file__).parents[1]), *sys.path]))
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": path}
        command = [sys.executable, "-c", GENERATE]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=100)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert run("1") == run("2")
