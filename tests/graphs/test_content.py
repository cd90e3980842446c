"""content_digest: equal content has one digest, any difference another."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from nirx.graphs.content import content_digest


@dataclass
class Hidden:
    value: Any = field(repr=False)


@dataclass
class Other(Hidden):
    pass


LONG = np.arange(5000.0)
DIFFERENT: list[Any] = [
    *(0, 0.0, False, None, "", "0", b"0", (), [], {}, {"a": 1}, {"a": "1"}, {"b": 1}, {1: 1}),
    *((1, 2), [1, 2], [[1], 2], [1, [2]], ["1,2"], ["1", "2"], 0.1, np.nextafter(0.1, 1).item()),
    *(LONG, LONG + (LONG == 2500), LONG.astype("f4"), LONG[:, None], [LONG], "\ud800", "\\ud800"),
    *(Hidden(1), Hidden(2), Other(1), Hidden(LONG), int, str, np.float32(0), np.float64(0)),
    *(np.array("same"), np.array("diff"), np.array(["1", 1], object), np.array([1, "1"], object)),
]


def test_different_content_has_different_digests():
    assert len({content_digest(value) for value in DIFFERENT}) == len(DIFFERENT)


@pytest.mark.parametrize("numbers", [True, False])
def test_equal_content_has_the_same_digest(numbers):
    a = {"x": [1, (2.0, "é")], "y": Hidden(LONG), 3: None}
    b = {3: None, "y": Hidden(LONG.copy()), "x": [1, (2.0, "é")]}
    assert content_digest(a, numbers) == content_digest(b, numbers)


def test_without_numbers_only_dtypes_and_shapes_of_arrays_count():
    def digest(value: Any) -> str:
        return content_digest([value, np.array("same")], numbers=False)

    assert digest(LONG) == digest(LONG + 1)
    assert len({digest(v) for v in (LONG, LONG.astype("f4"), LONG[:, None], 0.0)}) == 4
    assert digest(np.array("same")) != digest(np.array("diff"))
