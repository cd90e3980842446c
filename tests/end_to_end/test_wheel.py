"""What users install: the wheel, alone in a fresh environment."""

import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from support.paper import ROOT

PACKAGES = {"nirx", "nirx_torch", "nirx_jax", "nirx_conformance"}

RUN_ONE_GRAPH = """
import nir, numpy as np, nirx
one = np.ones(2)
nodes = {
    "i": nir.Input(np.array([2])), "o": nir.Output(np.array([2])),
    "lif": nir.LIF(tau=4 * one, r=4 * one, v_leak=0 * one, v_threshold=one),
}
graph = nir.NIRGraph(nodes, [("i", "lif"), ("lif", "o")])
net = nirx.from_nir(graph, backend="numpy", discretization=nirx.Discretization(dt=1.0))
ys, state = net.run(np.full((4, 2), 0.6, np.float32))
print(ys.sum(axis=0).tolist(), nirx.execution.backend.backend_names())
try:
    import nirx_torch
except ImportError as error:
    print(error)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out)]
    done = subprocess.run([*command, str(ROOT)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = out.glob("*.whl")
    return built


@pytest.mark.exhaustive
def test_the_wheel_holds_exactly_the_four_packages(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == PACKAGES
    for package in PACKAGES:
        assert f"{package}/py.typed" in names
    assert "nirx_conformance/demo/digits.nir" in names


@pytest.mark.exhaustive
def test_the_wheel_installs_and_runs_without_torch_and_jax(wheel, tmp_path):
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv/bin/python"
    install = [str(python), "-m", "pip", "install", "--quiet"]
    constraints = ["--constraint", str(ROOT / "constraints.txt")]
    done = subprocess.run([*install, *constraints, str(wheel)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    command = [str(python), "-W", "error", "-c", RUN_ONE_GRAPH]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    result, missing = done.stdout.splitlines()
    assert result == "[2.0, 2.0] ['jax', 'numpy', 'torch']"
    assert 'pip install "nirx[torch]"' in missing
    script = str(tmp_path / "venv/bin/nirx")
    done = subprocess.run([script, "--version"], capture_output=True, text=True)
    assert done.returncode == 0
    assert "0.1.0" in done.stdout
