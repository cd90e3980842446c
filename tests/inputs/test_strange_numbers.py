"""Numbers at the limits of their types, in files of inputs: a result or a NirxError, no warning."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import nirx
from nirx.inputs.binning import Clock
from support.inputs import CAMERA, THREE, camera, read

NUMPY_HEADER = b"\x93NUMPY\x01\x00"


@pytest.mark.parametrize("unit", [1e-300, 1e-25, 1e-19, 1e-17])
@pytest.mark.parametrize("rounding", ["down", "nearest"])
def test_ticks_far_shorter_than_a_step_all_fall_into_the_first(unit, rounding):
    clock = Clock(unit, 1e-3, rounding=rounding)
    assert clock.steps(np.array([0, 5, 1000]), "x").tolist() == [0, 0, 0]


def test_a_step_of_more_ticks_than_a_float_holds_is_refused():
    with pytest.raises(nirx.InputError, match="too many ticks"):
        Clock(1e-300, 1e100)


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "g"])
def test_places_in_any_float_are_whole_numbers(dtype, tmp_path):
    path = camera(tmp_path / "x.h5", x=np.array([0, 4, 4], dtype))
    assert read(path, CAMERA).sum() == 3
    with pytest.raises(nirx.InputError, match="whole numbers"):
        read(camera(tmp_path / "y.h5", x=np.array([0, 4, np.inf], dtype)), CAMERA)


@pytest.mark.parametrize("count", [100, 300, 9000])
def test_a_header_of_nested_brackets_is_refused(count, tmp_path):
    text = b"[" * count
    path = Path(tmp_path / "x.npy")
    path.write_bytes(NUMPY_HEADER + len(text).to_bytes(2, "little") + text)
    with pytest.raises(nirx.FileError, match="damaged NumPy file"):
        read(path, THREE)
