"""`calling`: errors of a model's own code name the model."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from nirx.errors import InputError, NirxError
from nirx_jax.trace import CallFailed

__all__ = ["calling"]


@contextlib.contextmanager
def calling(model: Any, shape: Any) -> Iterator[None]:
    """Around a call of the model: what it raises becomes an `InputError` with model and input.

    Arguments:
        model: the model, or its name in errors.
        shape: shape of the input of the call.

    **Raises**: `InputError`; a `NirxError` is passed on, even if the library has wrapped it.
    """
    try:
        yield
    except Exception as error:  # whatever it may be
        if isinstance(error, CallFailed) and isinstance(error.__cause__, Exception):
            error = error.__cause__  # the tracer names its own wrapper of the model
        elif isinstance(error, NirxError):
            raise
        hidden = _hidden(error)
        if hidden is not None:
            raise hidden from hidden.__cause__
        kind = model if isinstance(model, str) else type(model).__name__
        said = next(iter(str(error).strip().splitlines()), "")
        size = tuple(int(n) for n in shape)
        raise InputError(
            f"{kind}: its call with an input of shape {size} fails ({type(error).__name__}: "
            f"{said}); check that the model can be called so; if its input has another shape, pass "
            "input_shape= (of one sample), or xs= of that shape"
        ) from error


def _hidden(error: BaseException | None) -> NirxError | None:
    seen: list[BaseException] = []
    while error is not None and not any(error is other for other in seen):
        if isinstance(error, NirxError):
            return error
        seen.append(error)
        error = error.__cause__ or error.__context__
    return None
