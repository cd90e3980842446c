"""`pytest --nirx-backend=NAME`: one test per case of the suite.

    pytest --nirx-backend=mine.backend:BACKEND --nirx-level=core --nirx-xfail=xfail.toml

The tests are added to whatever else is collected; without `--nirx-backend` there are none.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

__all__ = ["pytest_addoption", "pytest_collection"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options."""
    group = parser.getgroup("nirx", "the conformance suite of nirx")
    group.addoption(
        "--nirx-backend",
        action="append",
        default=[],
        metavar="NAME",
        help="a backend to test: an installed name, or package.module:object; may be repeated",
    )
    group.addoption(
        "--nirx-level",
        default="full",
        help="core, recurrent, full (default), reproducible, gradients or integers",
    )
    group.addoption("--nirx-xfail", default=None, metavar="FILE", help="TOML of expected failures")


@pytest.hookimpl(hookwrapper=True)
def pytest_collection(session: pytest.Session) -> Iterator[None]:
    """Add the cases to the collected tests."""
    yield
    backends = session.config.getoption("--nirx-backend")
    if not backends:
        return
    from nirx.errors import NirxError
    from nirx.execution.backend import find_backend
    from nirx_conformance.suite.runner import cases_of, known_names, level_tasks
    from nirx_conformance.suite.xfail import read_xfail

    level: Any = session.config.getoption("--nirx-level")
    path: Any = session.config.getoption("--nirx-xfail")
    try:
        for backend in backends:
            find_backend(backend)  # fail once, not in every case
        cases = cases_of(level)
        reasons = read_xfail(path, known_names(level)) if path else {}
    except NirxError as error:
        raise pytest.UsageError(str(error)) from error
    for backend in backends:
        suite = Suite.from_parent(session, name=f"nirx[{backend}]", path=Path(__file__))
        for task in level_tasks(level, [backend], [c.name for c in cases]):
            item = CaseItem.from_parent(
                suite, name=task.case, task=task, reason=reasons.get(task.case)
            )
            session.items.append(item)
            session.testscollected += 1


class Suite(pytest.Collector):
    """All cases of one backend."""

    def collect(self) -> list[pytest.Item]:
        return []


class CaseFailure(Exception):
    """A case with an unexpected outcome."""


class CaseItem(pytest.Item):
    """One case on one backend."""

    def __init__(self, *, task: Any, reason: str | None, **options: Any):
        super().__init__(**options)
        self.task, self.reason = task, reason

    def runtest(self) -> None:
        from nirx_conformance.suite.outcome import Outcome
        from nirx_conformance.suite.runner import run_task

        result = run_task(self.task).expected_to_fail(self.reason)
        if result.outcome in (Outcome.UNSUPPORTED, Outcome.NOT_RUN):
            pytest.skip(f"{result.outcome}: {result.message}")
        if result.outcome is Outcome.XFAIL:
            pytest.xfail(result.message)
        if result.outcome is not Outcome.PASS:
            raise CaseFailure(f"{result.outcome}: {result.message}")

    def repr_failure(self, excinfo: Any, style: Any = None) -> Any:
        if isinstance(excinfo.value, CaseFailure):
            return f"{self.task.backend}, {self.name!r}\n{excinfo.value}"
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        return self.path, None, f"nirx[{self.task.backend}] {self.name}"
