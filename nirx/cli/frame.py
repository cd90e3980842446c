"""What every command has: `--quiet`, and bars for the stages of long work."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Annotated, Any, get_type_hints

from typer import Option

from nirx.basics.progress import listening
from nirx.cli.progress import StageBars
from nirx.cli.quiet import quietly

__all__ = ["framed"]

Quiet = Annotated[
    bool, Option("--quiet", "-q", help="No progress and no warnings; results and errors stay.")
]


def framed(command: Callable[..., Any]) -> Callable[..., Any]:
    """The same command with the option --quiet, and with its progress shown.

    Arguments:
        command: whose signature Typer reads.
    """

    @wraps(command)
    def run(*args: Any, quiet: bool = False, **options: Any) -> Any:
        with quietly(quiet), listening(StageBars()):
            return command(*args, **options)

    own = inspect.signature(command, eval_str=True)
    kind = inspect.Parameter.KEYWORD_ONLY
    last = inspect.Parameter("quiet", kind, default=False, annotation=Quiet)
    run.__signature__ = own.replace(parameters=[*own.parameters.values(), last])  # type: ignore[attr-defined]
    run.__annotations__ = {**get_type_hints(command, include_extras=True), "quiet": Quiet}
    return run
