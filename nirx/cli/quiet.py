"""`--quiet`, an option of every command: no progress and no notes, only results and errors."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Annotated, Any, get_type_hints

from typer import Option

__all__ = ["is_quiet", "with_quiet"]

_QUIET: ContextVar[bool] = ContextVar("quiet", default=False)

Quiet = Annotated[
    bool,
    Option("--quiet", "-q", help="No progress and no warnings; results and errors stay."),
]


def is_quiet() -> bool:
    """Whether the command that runs was asked to be quiet."""
    return _QUIET.get()


def with_quiet(command: Callable[..., Any]) -> Callable[..., Any]:
    """The same command with the option --quiet.

    Arguments:
        command: whose signature Typer reads.
    """

    @wraps(command)
    def run(*args: Any, quiet: bool = False, **options: Any) -> Any:
        with _quietly(quiet):
            return command(*args, **options)

    own = inspect.signature(command, eval_str=True)
    last = inspect.Parameter(
        "quiet", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=Quiet
    )
    parameters = [*own.parameters.values(), last]
    run.__signature__ = own.replace(parameters=parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {**get_type_hints(command, include_extras=True), "quiet": Quiet}
    return run


@contextmanager
def _quietly(quiet: bool) -> Iterator[None]:
    before = _QUIET.set(quiet)
    try:
        yield
    finally:
        _QUIET.reset(before)
