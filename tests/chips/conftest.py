"""The simulators; a test that asks for one skips where it is not installed, and says so."""

from __future__ import annotations

import pytest

from nirx_conformance.chips.simulators import LAVA, XYLO, Simulator


@pytest.fixture(scope="session")
def lava() -> Simulator:
    return installed(LAVA)


@pytest.fixture(scope="session")
def xylo() -> Simulator:
    return installed(XYLO)


def installed(simulator: Simulator) -> Simulator:
    reason = simulator.missing()
    if reason:
        pytest.skip(reason)
    return simulator
