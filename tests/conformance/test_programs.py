"""JAX's compiled programs are dropped before they use up a process's memory mappings."""

from pathlib import Path

import jax
import pytest

from nirx_conformance.programs import release_programs
from nirx_conformance.suite.runner import Task, run_task


def compiled():
    jax.jit(lambda x: x + 1)(1.0)
    return jax.jit(lambda x: x * 2)


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="no /proc: no limit of mappings")
def test_programs_are_dropped_above_the_limit_only():
    double = compiled()
    double(1.0)
    release_programs(above=10**9)
    assert double._cache_size() == 1
    release_programs(above=0)
    assert double._cache_size() == 0
    assert double(3.0) == 6


def test_each_task_looks(monkeypatch):
    seen = []
    monkeypatch.setattr("nirx_conformance.suite.runner.release_programs", lambda: seen.append(1))
    run_task(Task("neuron LIF", "numpy"))
    assert seen == [1]
