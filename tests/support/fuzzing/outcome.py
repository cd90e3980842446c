"""What may come of an input: a result, or a NirxError, in little time and memory."""

from __future__ import annotations

import traceback
import warnings
from collections.abc import Callable
from typing import Any

import nirx

__all__ = ["ACCEPTED", "REFUSED", "Wrong", "outcome"]

ACCEPTED, REFUSED = "accepted", "refused"
MOST_IN_MESSAGE = 40_000
"""Characters, with room for the advice around a message of nirx."""


FRAMES = 10
"""Of a traceback, from its end."""


class Wrong(Exception):
    """What an input must not lead to."""


def outcome(use: Callable[[Any], None], given: Any) -> tuple[str, str]:
    """Use an input.

    Returns: `ACCEPTED` or `REFUSED`, and nothing; or what is wrong, in a line, and a traceback.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            warnings.simplefilter("ignore", nirx.NirxWarning)
            use(given)
    except nirx.NirxError as error:
        wrong = _hidden(error)
        return (wrong, traceback.format_exc(-FRAMES, chain=False)) if wrong else (REFUSED, "")
    except Exception as error:
        return _line(error), traceback.format_exc(-FRAMES, chain=False)
    return ACCEPTED, ""


def _hidden(error: BaseException) -> str:
    """What a refusal hides: memory that ran out only because of the limit, or no message."""
    text = str(error)
    if not text.strip() or len(text) > MOST_IN_MESSAGE:
        return f"{type(error).__name__} with a message of {len(text)} characters"
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, MemoryError):
            return f"a lack of memory became: {text[:200]}"
        hidden = cause.__context__ if not cause.__suppress_context__ else None
        cause = cause.__cause__ or hidden
    return ""


def _line(error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if "/nirx/" in f.filename] or frames
    place = f"{own[-1].filename.rsplit('/nirx/', 1)[-1]}:{own[-1].lineno}"
    return f"{type(error).__name__} at {place}: {str(error)[:200]}"
