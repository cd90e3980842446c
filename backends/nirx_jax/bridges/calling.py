"""`calling`: around every call of a model's own code, whose faults are the model's."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from nirx.errors import InputError, NirxError

__all__ = ["calling"]


@contextlib.contextmanager
def calling(model: Any, shape: Any) -> Iterator[None]:
    """What the model's code raises becomes an `InputError` that names the model and its input.

    Arguments:
        model: or what it is called in errors.
        shape: of what it is called with.

    **Raises**: `InputError`; a `NirxError` stays what it is, also where the library put an
    error of its own around it.
    """
    try:
        yield
    except NirxError:
        raise
    except Exception as error:  # whatever it may be
        hidden = _hidden(error)
        if hidden is not None:
            raise hidden from hidden.__cause__
        kind = model if isinstance(model, str) else type(model).__name__
        said = next(iter(str(error).strip().splitlines()), "")
        size = tuple(int(n) for n in shape)
        raise InputError(
            f"{kind}: its call with an input of shape {size} fails ({type(error).__name__}: "
            f"{said}); call the model so yourself; if its input has another shape, say so by "
            "input_shape= (of one sample), or give xs= of that shape"
        ) from error


def _hidden(error: BaseException | None) -> NirxError | None:
    seen: list[BaseException] = []
    while error is not None and not any(error is other for other in seen):
        if isinstance(error, NirxError):
            return error
        seen.append(error)
        error = error.__cause__ or error.__context__
    return None
