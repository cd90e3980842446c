"""Where in the user's source an operation of a jaxpr is, for errors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import equinox
import jax
import jaxtyping

__all__ = ["label_of", "place_of"]

LIBRARIES = tuple(
    str(Path(str(module.__file__)).parent) + "/" for module in (jax, equinox, jaxtyping)
)
OWN = str(Path(__file__).parent) + "/"


def label_of(eqn: Any, around: tuple[Any, ...]) -> str:
    """The operation, prefixed with the function that contains it: `relu/max`."""
    name = _function(around[-1]) if around else ""
    return f"{name}/{eqn.primitive.name}" if name else eqn.primitive.name


def place_of(eqn: Any, around: tuple[Any, ...], kind: str) -> str:
    """`at model.py:12`, or `in Model.__call__` if no line of the user's code is known.

    A function that JAX has traced before keeps the lines of its first call: inside a call, a
    line counts only if it is in the called function.

    Arguments:
        eqn: the operation.
        around: the enclosing calls, outermost first.
        kind: the module's type.
    """
    best = None
    for caller, inner in zip([None, *around], [*around, eqn], strict=True):
        frames = _frames(inner)
        names = [name.rsplit(".", 1)[-1] for _, _, name in frames]
        if frames and (caller is None or best is None or _function(caller) in names):
            best = frames[0]
    return f"at {Path(best[0]).name}:{best[1]}" if best else f"in {kind}.__call__"


def _function(eqn: Any) -> str:
    name = eqn.params.get("name")
    if not isinstance(name, str):
        inner = eqn.params.get("call_jaxpr", eqn.params.get("jaxpr"))
        name = getattr(getattr(inner, "debug_info", None), "func_name", "")
    return str(name)


def _frames(eqn: Any) -> list[tuple[str, int, str]]:
    """The user's lines, innermost first: file, line, function."""
    traceback = getattr(eqn.source_info, "traceback", None)
    found = []
    for frame in getattr(traceback, "frames", ()):
        if frame.file_name.startswith(OWN):
            break  # the code that called nirx is not the model
        if not frame.file_name.startswith(LIBRARIES):
            line = getattr(frame, "line_num", None) or getattr(frame, "start_line", 0)
            found.append((frame.file_name, line, frame.function_name))
    return found
