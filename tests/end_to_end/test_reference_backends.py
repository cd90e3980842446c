"""The same reference from every backend: the demo network and the NIR paper's graphs."""

from __future__ import annotations

import nir
import pytest

import nirx
from nirx.references.reading import ReferenceFile
from nirx_conformance.demo.train import NETWORK
from support.running import BACKENDS

PAPER = {
    "braille_noDelay_bias_zero": 1e-4,
    "braille_noDelay_noBias_subtract": 1e-4,
    "lif_norse": 1e-4,
    "cnn_sinabs": 1.0,
}


def check(path, discretization, tmp_path):
    """One digest from three backends; nir opens the file; each backend verifies as exact."""
    options = {"discretization": discretization, "steps": 1000}
    files = {b: tmp_path / f"{b}.h5" for b in BACKENDS}
    digests = {
        nirx.reference(path, "poisson:rate=0.3", file, backend=backend, **options).digest
        for backend, file in files.items()
    }
    assert len(digests) == 1
    for file in files.values():
        assert set(nir.read_data(str(file)).nodes) >= {"input", "output"}
    with ReferenceFile(files["numpy"]) as file:
        file.verify_content()
        spiking = [o for o in file.observables if o.spiking]
        assert any(piece.any() for o in spiking for piece in file.pieces(o))
    for backend in ("torch", "jax"):
        assert nirx.verify(files["numpy"], backend=backend).verdict == "exact"


@pytest.mark.slow
def test_the_demo_network(tmp_path):
    check(NETWORK, None, tmp_path)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::nirx.NirxWarning")
@pytest.mark.parametrize(
    "name",
    # The convolutions of the CNN take half a minute.
    [pytest.param(n, marks=pytest.mark.exhaustive if n == "cnn_sinabs" else ()) for n in PAPER],
)
@pytest.mark.sampled(2)
def test_the_papers_graphs(name, paper, tmp_path):
    check(paper / f"{name}.nir", nirx.Discretization(dt=PAPER[name]), tmp_path)
