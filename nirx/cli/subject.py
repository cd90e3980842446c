"""What a command works on: a `.nir` file, or a model named `module:object`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nirx.basics.importing import import_object
from nirx.bridging.movable import Movable, open_model
from nirx.cli.opening import Opened, open_graph, schedule_graph
from nirx.errors import InputError, NirxError

__all__ = ["import_model", "names_model", "open_subject", "shape_of"]


def open_subject(
    text: str,
    source: str | None,
    input_shape: str | None,
    dt: float | None,
    preset: str | None,
    sets: list[str] | None,
    overrides: list[str] | None,
    *,
    repair: bool = False,
    max_memory: str | None = None,
) -> tuple[Movable, Opened]:
    """A graph or a model, and its graph scheduled as the options ask for.

    Arguments:
        text: path of a file, or `module:object`.
        source, input_shape: the options --from and --input-shape.
        dt, preset, sets, overrides, repair, max_memory: as for `open_graph`.

    **Raises**: `FileError`, `GraphError`, `InputError`, `UnsupportedError`.
    """
    shape = None if input_shape is None else shape_of(input_shape)
    choices = (dt, preset, sets, overrides)
    if names_model(text):
        if repair:
            raise InputError(f"--repair goes with a .nir file, but {text!r} is a Python object")
        subject = open_model(import_model(text), source, shape)
        return subject, schedule_graph(subject.graph, *choices)
    opened = open_graph(_graph_file(text), *choices, repair=repair, max_memory=max_memory)
    return open_model(opened.graph, source, shape), opened


def names_model(text: str) -> bool:
    """Whether it is `module:object` and not a file."""
    return ":" in text and not Path(text).exists()


def _graph_file(model: str) -> Path:
    path = Path(model)
    if path.suffix == ".py" or not path.exists():
        raise InputError(
            f"{model}: {'a Python file' if path.exists() else 'no such file'}; expected "
            "a .nir file or module:object, as in my_package.models:build"
        )
    return path


def import_model(model: str) -> Any:
    """The object of `module:object`, or what it returns if it is a class or function."""
    try:
        found = import_object(model, "model")
        if isinstance(found, type) or type(found).__name__ == "function":
            found = found()
        return found
    except NirxError:
        raise
    except Exception as error:  # the user's own code may raise anything
        raise InputError(
            f"model {model!r} raised {type(error).__name__}: {error}; it must be a model, or a "
            "function without arguments that builds one"
        ) from error


def shape_of(text: str) -> tuple[int, ...]:
    """The shape that --input-shape means. **Raises** `InputError`."""
    try:
        return tuple(int(n) for n in text.split(","))
    except ValueError:
        raise InputError(f"--input-shape {text!r}; expected integers, as in 2,34,34") from None
