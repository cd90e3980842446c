"""Every row of docs/neurons.md: the page says what happens, and what became of a neuron runs as the
library itself."""

# The libraries are not in .venv, where types are checked.
# pyright: reportMissingImports=false

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import nirx
from nirx.bridging.bridge import find_bridge
from support import jax_neurons, torch_neurons

PAGE = Path(__file__).parents[2] / "docs/neurons.md"
SOURCES = {**dict.fromkeys(torch_neurons.LIBRARIES, torch_neurons)}
SOURCES |= dict.fromkeys(jax_neurons.LIBRARIES, jax_neurons)

COUNTS = ("LIFJax",)
"""They count the spikes of a step in float32 only, where other ties are seen: few of them."""
STEPS = 300

pytestmark = [
    pytest.mark.exhaustive,
    pytest.mark.filterwarnings("ignore"),  # of the libraries, and of surrogates without a formula
]


@pytest.mark.parametrize("library", SOURCES)
def test_it_runs_as_the_library_or_is_refused(library):
    if find_spec(library.partition("-")[0]) is None:
        pytest.skip(f"{library} is not installed")
    bridge, kinds = find_bridge(library), SOURCES[library].neurons_of(library)
    ran = []
    for kind in kinds:
        torch.manual_seed(0)
        if SOURCES[library].outcome(library, kind).startswith(("refused", "cannot be built")):
            continue
        found, expected = _runs(bridge, library, kinds[kind])
        ran.append(kind)
        differ = np.count_nonzero((found != 0) != (expected != 0))
        assert differ == 0, kind
        if kind not in COUNTS:
            np.testing.assert_allclose(found, expected, atol=5e-6, rtol=1e-6, err_msg=kind)
    assert ran


def _runs(bridge: Any, library: str, build: Any) -> tuple[np.ndarray, np.ndarray]:
    """Outputs of nirx and of the library, where the neuron is busy."""
    with SOURCES[library].surroundings(library):
        model = build()
        if isinstance(model, torch.nn.Module):
            model.eval()
        dtype = bridge.dtypes[-1] if type(model).__name__ != "FlexSN" else "float32"
        net = nirx.from_nir(bridge.export(model, input_shape=(4,)), "numpy", None, dtype)
        for scale in (1, 5, 30, 200):
            xs = (scale * (np.random.default_rng(0).random((STEPS, 2, 4)) - 0.2)).astype(dtype)
            expected = bridge.run(model, xs, dtype)["output"]
            if np.count_nonzero(expected) > 0.02 * expected.size:
                return np.asarray(net.run(xs)[0]), expected
    raise AssertionError("it never spikes")


@pytest.mark.parametrize("source", [torch_neurons, jax_neurons], ids=["torch", "jax"])
def test_the_page_says_what_happens(source):
    for library in source.LIBRARIES:
        pytest.importorskip(library.partition("-")[0])
    page = PAGE.read_text()
    rows = [row for row in source.table().splitlines() if "cannot be built here" not in row]
    assert len(rows) > 30
    assert [row for row in rows if row not in page] == []
