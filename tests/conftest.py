"""Fixtures for all tests, and how a long run keeps its memory small."""

from __future__ import annotations

import gc
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import nir
import pytest

import nirx
from nirx.files import writing
from nirx.tracing.draft import Draft
from support.examples import EXAMPLES, Example, make_example
from support.graphs import recurrent
from support.nir_reader import checked_draft, checked_writer
from support.paper import shared_folder
from support.running import BACKENDS, DTYPES

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # in the background of a shell
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Slow tests run first, so that no worker is left with one at the end."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.fixture(scope="module", autouse=True)
def _free_compiled_programs(request: pytest.FixtureRequest) -> Iterator[None]:
    """Drop JAX's compiled programs after each module of a full run.

    JAX keeps every program it compiled. In a run of all tests that takes gigabytes and slows
    down what comes after; the default run is faster with them.
    """
    yield
    if "jax" in sys.modules and "not slow" not in str(request.config.getoption("markexpr")):
        sys.modules["jax"].clear_caches()
        gc.collect()


@pytest.fixture(autouse=True)
def _nir_reads_what_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "_write_file", checked_writer(writing._write_file))
    monkeypatch.setattr(Draft, "build", checked_draft(Draft.build))


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(params=DTYPES)
def dtype(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(params=sorted(EXAMPLES))
def example(request: pytest.FixtureRequest) -> Example:
    return make_example(request.param)


@pytest.fixture
def examples() -> list[Example]:
    return [make_example(name) for name in sorted(EXAMPLES)]


@pytest.fixture(scope="session")
def paper() -> Path:
    """The graphs of the NIR paper, beside the checkout."""
    return shared_folder("nir_paper")


@pytest.fixture
def loop() -> nir.NIRGraph:
    """`recurrent()` with the discretization of `rule`."""
    return recurrent()


@pytest.fixture
def rule() -> nirx.Discretization:
    return nirx.Discretization(dt=1e-3)
