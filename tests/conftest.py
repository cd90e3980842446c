"""Fixtures for all tests, and how a long run keeps its memory small."""

from __future__ import annotations

import gc
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from zlib import crc32

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

# Ignored in the background of a shell and under nohup; the processes that tests start inherit that.
for _name, _handler in (("SIGINT", signal.default_int_handler), ("SIGHUP", signal.SIG_DFL)):
    _number = getattr(signal, _name, None)  # Windows has no SIGHUP
    if _number is not None and signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, _handler)


def _sampled(items: list[pytest.Item]) -> list[list[pytest.Item]]:
    """The cases of each sampled test, without those that are exhaustive already."""
    found: dict[str, list[pytest.Item]] = {}
    for item in items:
        exhaustive = item.get_closest_marker("exhaustive") is not None
        if item.get_closest_marker("sampled") is not None and not exhaustive:
            found.setdefault(item.nodeid.partition("[")[0], []).append(item)
    return list(found.values())


def _share(item: pytest.Item) -> int:
    marker = item.get_closest_marker("sampled")
    assert marker is not None, "of a sampled test"
    return marker.args[0]


@pytest.hookimpl(tryfirst=True)  # before tests are chosen by their marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Of a sampled test most cases are exhaustive. Slow tests run first, so that no worker is left
    with one at the end."""
    for cases in _sampled(items):
        # By their names, so that the sample follows no order of backends or dtypes.
        chosen = [i for i in cases if crc32(i.name.encode()) % _share(i) == 0] or cases[:1]
        for item in cases:
            if item not in chosen:
                item.add_marker(pytest.mark.exhaustive)
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
