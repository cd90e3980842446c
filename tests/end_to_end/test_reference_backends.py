"""The same reference from every backend: the demo network and the NIR paper's graphs."""

from __future__ import annotations

import nir
import pytest

import nirx
from nirx.references.reading import ReferenceFile
from nirx_conformance.demo.train import NETWORK

PAPER = {
    "braille_noDelay_bias_zero": 1e-4,
    "braille_noDelay_noBias_subtract": 1e-4,
    "lif_norse": 1e-4,
    "cnn_sinabs": 1.0,
}


def check(path, discretization, tmp_path):
    """One digest from three backends; nir opens the file; each backend verifies as exact."""
    files = {}
    for backend in ("numpy", "torch", "jax"):
        out = tmp_path / f"{backend}.h5"
        files[backend] = nirx.reference(
            path,
            "poisson:rate=0.3",
            out,
            discretization=discretization,
            backend=backend,
            steps=1000,
        )
    assert len({written.digest for written in files.values()}) == 1
    for backend in files:
        found = nir.read_data(files[backend].path)
        assert set(found.nodes) >= {"input", "output"}
    with ReferenceFile(files["numpy"].path) as file:
        file.verify_content()
        spiking = [o for o in file.observables if o.spiking]
        assert any(piece.any() for o in spiking for piece in file.pieces(o))
    for backend in ("torch", "jax"):
        assert nirx.verify(files["numpy"].path, backend=backend).verdict == "exact"


def test_the_demo_network(tmp_path):
    check(NETWORK, None, tmp_path)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::nirx.NirxWarning")
@pytest.mark.parametrize("name", PAPER)
def test_the_papers_graphs(name, paper, tmp_path):
    check(paper / f"{name}.nir", nirx.Discretization(dt=PAPER[name]), tmp_path)
