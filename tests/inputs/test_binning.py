"""Times to steps: exact for whole ticks, and k*dt belongs to step k."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from nirx.errors import NirxWarning
from nirx.inputs.binning import Clock


@pytest.mark.parametrize("dt", [1e-3, 1e-4, 3e-4, 0.1, 1 / 3])
def test_whole_ticks_are_binned_exactly(dt):
    ticks = np.arange(0, 200_000, 7)
    found = Clock(1e-6, dt).steps(ticks, "x")
    ratio = Fraction("1e-6") / Fraction(repr(dt))
    wanted = [int(int(t) * ratio) for t in ticks]
    assert found.tolist() == wanted


def test_times_k_dt_belong_to_step_k():
    for dt in (1e-4, 1e-3, 0.1, 0.3):
        steps = np.arange(20_000)
        clock = Clock(1.0, dt)
        assert np.array_equal(clock.steps(steps * dt, "x"), steps)
        assert np.array_equal(clock.steps((steps + 0.5) * dt, "x"), steps)
        late = np.count_nonzero(np.floor(steps * dt / dt) != steps)
        assert clock.moved == late


def test_a_moved_time_is_reported():
    clock = Clock(1.0, 1e-3)
    assert clock.steps(np.array([0.002 - 1e-10]), "x").tolist() == [2]
    with pytest.warns(NirxWarning, match="1 events lie within 1e-06 steps before the beginning"):
        clock.warn("x")
