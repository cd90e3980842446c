"""What a test of this folder registers is gone after it."""

from collections.abc import Iterator

import pytest

from nirx.dynamics import node_types


@pytest.fixture(autouse=True)
def clean() -> Iterator[None]:
    before = dict(node_types._TYPES)
    yield
    node_types._TYPES.clear()
    node_types._TYPES.update(before)
