"""One reference for all tests that only read it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from support.references import clip, write_reference


@pytest.fixture(scope="package")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """Its path, and what `nirx.reference` returned."""
    path = tmp_path_factory.mktemp("reference") / "ref.h5"
    return path, write_reference(path, licence="CC0", notes="for a chip")


@pytest.fixture(scope="package")
def listed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One with spikes as events, over 400 steps."""
    path = tmp_path_factory.mktemp("events") / "ref.h5"
    write_reference(path, clip(400), spikes="events")
    return path
