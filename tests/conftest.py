"""What concerns all tests."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The slow tests first, so that no worker is left with one when the others have ended."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.fixture(scope="module", autouse=True)
def _compiled_programs_end_with_their_module(request: pytest.FixtureRequest) -> Iterator[None]:
    """JAX keeps every program it compiled; in a run of all tests gigabytes of them slow down all
    that comes after. The quick tests alone are quicker with them."""
    yield
    if "jax" in sys.modules and request.config.getoption("markexpr") != "not slow":
        sys.modules["jax"].clear_caches()
        gc.collect()
