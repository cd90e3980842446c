"""Texts of errors for a page: one line, the same in every run."""

from __future__ import annotations

import re
import traceback

__all__ = ["clean", "first_line"]

LONGEST = 240


def first_line(error: BaseException) -> str:
    """`"ValueError: r must be 1"`: the kind of an error and the first line of its text.

    For an error without a text: the line of code that raised it.
    """
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if not lines:
        frames = traceback.extract_tb(error.__traceback__)[-1:]
        lines = [frame.line for frame in frames if frame.line]
    return clean(": ".join([type(error).__name__, *lines[:1]]))


def clean(text: str) -> str:
    """A text without addresses and folders, which differ from run to run."""
    text = re.sub(r"0x[0-9a-fA-F]+", "0x...", " ".join(text.split()))
    text = re.sub(r"(?<![\w<])/(?:[\w.+-]+/)+", "", text)
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."
