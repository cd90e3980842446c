"""Growth of work with size, without a clock: counts of the interpreter's own steps."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

__all__ = ["assert_linear", "operations"]


def operations(function: Callable[[], Any]) -> int:
    """How many bytecode instructions a call takes. What happens inside of C code counts as one."""
    count = 0

    def trace(frame: FrameType, event: str, arg: Any) -> Any:
        nonlocal count
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        count += event == "opcode"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        function()
    finally:
        sys.settrace(before)
    return count


def assert_linear(work: Callable[[int], Callable[[], Any]], size: int = 100) -> None:
    """Assert that twice the size takes about twice the instructions.

    Arguments:
        work: makes, for a size, the function whose instructions count.
    """
    work(size)()  # what is computed only once
    one, two = (operations(work(n)) for n in (size, 2 * size))
    assert two < 2.4 * one, f"size {size}: {one:,} instructions; {2 * size}: {two:,}"
