"""JAX's compiled programs are dropped before they use up a process's memory mappings."""

from pathlib import Path

import jax
import pytest

from nirx_conformance.programs import release_programs
from nirx_conformance.suite.runner import Task, run_task


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="no /proc: no limit of mappings")
def test_programs_are_dropped_above_the_limit_only():
    double = jax.jit(lambda x: x * 2)
    assert double(1.0) == 2

    def programs():
        return double._cache_size()  # pyright: ignore[reportAttributeAccessIssue]

    release_programs(above=10**9)
    assert programs() == 1
    release_programs(above=0)
    assert programs() == 0
    assert double(3.0) == 6


def test_each_task_looks(monkeypatch):
    seen = []
    monkeypatch.setattr("nirx_conformance.suite.runner.release_programs", lambda: seen.append(1))
    run_task(Task("neuron LIF", "numpy"))
    assert seen == [1]
