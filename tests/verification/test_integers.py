"""Integers against a reference: exact, or within some units."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import nirx
from support.whole_graphs import RULE, layers, spikes


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    path = tmp_path_factory.mktemp("integers") / "r.h5"
    nirx.reference(layers(), spikes(), path, discretization=RULE)
    return path


@pytest.fixture
def recorded():
    """What a chip recorded, in 16 bits."""
    keys = ["b", "b.v"]
    found = nirx.from_nir(layers(), "numpy", RULE).run(spikes(), record=keys)[2]
    return {key: array.astype(np.int16) for key, array in found.items()}


@pytest.mark.parametrize("backend", ["torch", pytest.param("jax", marks=pytest.mark.slow)])
def test_a_backend_is_exact(reference, backend):
    assert nirx.verify(reference, backend=backend).verdict == "exact"


@pytest.mark.parametrize("dtype", [np.int16, np.float32, np.int64])
def test_a_recording_of_any_dtype_is_exact(reference, recorded, dtype):
    own = {key: array.astype(dtype) for key, array in recorded.items()}
    assert nirx.verify(reference, own).verdict == "exact"


def test_a_failure_is_told_in_units(reference, recorded):
    own = recorded["b.v"][7, 1, 2]
    recorded["b.v"][7, 1, 2] = own + 1
    found = nirx.verify(reference, recorded)
    assert found.verdict == "fails"
    place = f"step 7, b.v, sample 1, neuron 2: it is {own + 1}, expected {own}: 1 unit"
    assert place in str(found)
    assert "off by 1 unit at most" in str(found)
    assert found["b.v"].lsb_error == 1.0


def test_a_tolerance_in_units(reference, recorded):
    recorded["b.v"][7] += 2
    assert nirx.verify(reference, recorded, membrane=1).verdict == "fails"
    found = nirx.verify(reference, recorded, membrane=2)
    assert found.verdict == "within tolerance"
    assert "values within 2 units" in str(found)


def test_one_unit_of_a_million_is_not_rounding(reference, recorded):
    recorded["b.v"][7, 1, 2] += 1
    found = nirx.verify(reference, recorded)["b.v"]
    assert not replace(found, largest=1e6).off_by_rounding
    assert replace(found, largest=1e6, units=False).off_by_rounding


def test_fractions_are_not_taken_for_units(reference, recorded):
    found = nirx.verify(reference, {"b.v": recorded["b.v"] / 2})
    assert found.verdict == "fails"
    assert "the recording holds fractions, the reference integers" in str(found)
