"""Fixtures: one node under the oracle."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import nir
import numpy as np
import pytest

from nirx import Discretization
from nirx_conformance import oracle


@pytest.fixture
def run_node() -> Callable[..., oracle.OracleResult]:
    """`run_node(node, xs, **choices)`: in -> node -> out; xs is [time, *features], dt is 1."""

    def run(node: Any, xs: Any, **choices: Any) -> oracle.OracleResult:
        xs = np.asarray(xs, float)
        shape: Any = np.array(xs.shape[1:])
        nodes = {"in": nir.Input(shape), "node": node, "out": nir.Output(ANY)}
        graph = nir.NIRGraph(nodes, [("in", "node"), ("node", "out")], type_check=False)
        return oracle.run(graph, Discretization(**{"dt": 1.0, **choices}), xs)

    return run


ANY: Any = None
"""A shape left open."""
