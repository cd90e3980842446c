"""One training on torch, on JAX and handed over in the middle: the same losses."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("optax")

from nirx_conformance.demo.hand_over import STEPS, curves, draw


@pytest.mark.exhaustive
def test_the_curves_are_one(tmp_path):
    found = curves()
    assert {own.shape for own in found.values()} == {(STEPS,)}
    torch, jax, both = found.values()
    assert np.abs(jax - torch).max() < 1e-6
    assert np.abs(both - torch).max() < 1e-6
    assert np.median(np.abs(np.diff(torch))) > 1e-3  # the curve is no straight line
    assert torch[-1] < 0.6 * torch[0]
    draw(str(tmp_path / "curves.svg"), found)
    text = (tmp_path / "curves.svg").read_text()
    assert text.count("<svg") == 1
