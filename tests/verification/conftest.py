"""Fixtures: references that no test changes."""

from __future__ import annotations

import pytest

from support.bench import Bench, layered, nested, signal
from support.chips import camera_chip, chip_of_layers


@pytest.fixture(scope="session")
def bench(tmp_path_factory) -> Bench:
    """Of three layers."""
    return Bench(layered(), tmp_path_factory.mktemp("layered") / "r.h5")


@pytest.fixture(scope="session")
def small(tmp_path_factory) -> Bench:
    """Of a nested graph, 60 steps long."""
    path = tmp_path_factory.mktemp("nested") / "r.h5"
    return Bench(nested(), path, signal(4, 60), compression="none")


@pytest.fixture(scope="module")
def chip(tmp_path_factory) -> Bench:
    """Of two layers, for lists of events."""
    return chip_of_layers(tmp_path_factory.mktemp("chip"))


@pytest.fixture(scope="module")
def camera(tmp_path_factory) -> Bench:
    """Of one layer of pixels."""
    return camera_chip(tmp_path_factory.mktemp("camera"))
