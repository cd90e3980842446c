"""A third backend plugs in by its entry point alone: no line of nirx names it."""

from __future__ import annotations

import json
import sys

import h5py
import numpy as np
import pytest

import nirx
from nirx.cli import main
from support.graphs import recurrent

CODE = """
import numpy as np

from nirx.execution.assemble import assemble, native_arrays
from nirx.execution.backend import NetworkBackend
from nirx.execution.execute import Executor
from nirx.execution.numpy_ops import NumpyOps
from nirx.execution.runners import NativeRunner

CALLS = []


class ThirdOps(NumpyOps):
    def add(self, a, b):
        CALLS.append("add")
        return super().add(a, b)


class Net:
    def __init__(self, schedule, runners, dtype):
        self.schedule = schedule
        self._executor = Executor(schedule, ThirdOps(np.dtype(dtype)), runners)

    def __call__(self, x, state=None):
        return self._executor.step(x, state)

    def run(self, xs, state=None, record=None, chunk=64):
        return self._executor.run(xs, state, record, chunk)

    def init_state(self, batch_shape=()):
        return self._executor.init_state(batch_shape)


def from_nir(graph, discretization=None, dtype="float32", reproducible=False, node_map=None,
             surrogate="superspike", detach_reset=False, flavour="plain"):
    built = assemble(graph, discretization, node_map, dtype)
    runners = [
        NativeRunner(place.dynamics, {
            name: array.astype(dtype)
            for name, array in native_arrays(type(place.dynamics), node).items()
        })
        for place, node in zip(built.schedule.nodes, built.nodes)
    ]
    return Net(built.schedule, runners, dtype)


class Third(NetworkBackend):
    name = "third"
    packages = ("hypothesis",)
    from_nir = staticmethod(from_nir)


BACKEND = Third()
"""

MISSING = 'raise ImportError("third needs numbers; install it with: pip install third[numbers]")'


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Install a module `third` with an entry point, in a folder on the path."""

    def install(code: str) -> None:
        (tmp_path / "third.py").write_text(code)
        info = tmp_path / "third-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: third\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text("[nirx.backends]\nthird = third:BACKEND\n")
        monkeypatch.syspath_prepend(str(tmp_path))

    yield install
    sys.modules.pop("third", None)


XS = np.random.default_rng(0).random((20, 2, 3)).astype(np.float32)


def test_it_runs_compares_and_counts_as_a_network(installed, rule):
    installed(CODE)
    net = nirx.from_nir(recurrent(), "third", rule, flavour="plain")
    assert isinstance(net, nirx.Network)
    found = nirx.compare(recurrent(), XS, backends=("numpy", "third"), discretization=rule)
    assert found.bitwise
    assert "add" in sys.modules["third"].CALLS
    with pytest.raises(nirx.InputError, match="backend 'third' has no option 'device'"):
        nirx.from_nir(recurrent(), "third", rule, device="cpu")


def test_a_reference_states_the_versions_of_its_packages(installed, rule, tmp_path):
    installed(CODE)
    out = tmp_path / "r.h5"
    nirx.reference(recurrent(), XS, out, discretization=rule, backend="third")
    with h5py.File(out) as file:
        header = json.loads(np.asarray(file["nirx/header"]).tobytes())
    assert {"third", "hypothesis"} <= {header["software"]["backend"], *header["software"]}


def test_the_command_line_takes_it(installed, rule, tmp_path, capsys):
    installed(CODE)
    nirx.write(tmp_path / "g.nir", recurrent())
    np.savez(tmp_path / "x.npz", input=XS)
    options = ["--backend", "third", "--dt", "1e-3", "--input", str(tmp_path / "x.npz")]
    assert main(["run", str(tmp_path / "g.nir"), *options]) == 0
    assert "third" in capsys.readouterr().out


def test_its_own_import_error_says_what_to_install(installed):
    installed(MISSING)
    with pytest.raises(nirx.UnsupportedError, match=r"pip install third\[numbers\]"):
        nirx.from_nir(recurrent(), "third")
