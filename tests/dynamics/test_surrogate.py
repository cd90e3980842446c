"""The named surrogates and how one is chosen."""

from __future__ import annotations

import math

import numpy as np
import pytest

import nirx
from nirx.execution.node_surrogates import SURROGATES, resolve_surrogate

U = np.array([-2.0, -1.0, -0.25, 0.0, 0.25, 1.0, 2.0])

BY_HAND = {
    "superspike": [1 / (1 + 100 * abs(u)) ** 2 for u in U],
    "arctan": [1 / (1 + (math.pi * u) ** 2) for u in U],
    "triangular": [0.0, 0.0, 0.75, 1.0, 0.75, 0.0, 0.0],
    "straight-through": [1.0] * 7,
}


def test_these_are_all_the_names():
    assert set(SURROGATES) == set(BY_HAND)


@pytest.mark.parametrize("name", BY_HAND)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_named_surrogates_by_hand(name, dtype):
    found = resolve_surrogate(name)(U.astype(dtype))
    assert found.dtype == dtype
    np.testing.assert_allclose(found, BY_HAND[name], rtol=1e-6)


def test_a_callable_is_its_own_surrogate():
    def own(u):
        return 2 * u

    assert resolve_surrogate(own) is own


@pytest.mark.parametrize("wrong", ["arctam", "", None, 3, ["arctan"]])
def test_anything_else_is_refused_with_the_choices(wrong):
    with pytest.raises(nirx.InputError, match="'superspike', 'arctan'"):
        resolve_surrogate(wrong)


def test_the_table_cannot_be_changed_by_accident():
    with pytest.raises(TypeError):
        SURROGATES["arctan"] = abs  # type: ignore[index]
