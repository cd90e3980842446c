"""Options that several commands share, and what their texts mean."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, Any

from typer import Argument, Option

from nirx.errors import InputError
from nirx.execution.backend import find_backend

__all__ = [
    "Dt",
    "Dtype",
    "Engine",
    "File",
    "FromLibrary",
    "Html",
    "InputShape",
    "Json",
    "Overrides",
    "Preset",
    "Record",
    "Repair",
    "Reproducible",
    "Sets",
    "Subject",
    "backend_names",
    "record_of",
]

File = Annotated[Path, Argument(metavar="FILE", help="The .nir file.")]
Repair = Annotated[
    bool,
    Option(
        "--repair",
        help="Mend what is certain in the file, such as a declared batch axis or a flattened "
        "subgraph; every change is listed. See docs/files.md.",
    ),
]
Subject = Annotated[
    str,
    Argument(
        metavar="MODEL",
        help="A .nir file, or module:object, a model or a function that builds one.",
    ),
]
FromLibrary = Annotated[
    str | None,
    Option(
        "--from",
        metavar="LIBRARY",
        help="The library that a model is from. Default: inferred from the model.",
    ),
]
Html = Annotated[
    Path | None,
    Option("--html", metavar="OUT.html", help="Write one page with everything to look at."),
]
InputShape = Annotated[
    str | None,
    Option(
        "--input-shape",
        metavar="N,N,...",
        help="Shape of one sample, if the model's layers do not determine it.",
    ),
]
_option = partial(
    Option, rich_help_panel="Discretization (default: the file's own, else dt=1e-4, forward Euler)"
)
Dt = Annotated[
    float | None, _option("--dt", help="Time step, in the unit of the file's time constants.")
]
Preset = Annotated[
    str | None,
    _option(
        "--preset",
        metavar="NAME",
        help="The discretization of a library, such as norse.LIFBoxCell or sinabs.LIF. "
        "Replaces the file's own.",
    ),
]
Sets = Annotated[
    list[str] | None,
    _option(
        "--set",
        metavar="CHOICE=VALUE",
        help="One choice, such as integrator=exponential, max_spikes=3 or "
        "arithmetic.weight_bits=8; repeatable.",
    ),
]
Overrides = Annotated[
    list[str] | None,
    _option(
        "--override",
        metavar="PATH:CHOICE=VALUE",
        help="One choice for one node or subgraph; repeatable.",
    ),
]
Dtype = Annotated[str, Option("--dtype", help="float32 or float64.")]
Engine = Annotated[
    str | None,
    Option(
        "--engine",
        metavar="ray",
        help="Divide the work among the processes of a Ray cluster: that of RAY_ADDRESS, or one of "
        "this machine, started by itself. The result is the same.",
    ),
]
Record = Annotated[
    list[str] | None,
    Option(
        "--record",
        metavar="KEY|all",
        help="A node (lif1/lif) or a state variable (lif1/lif.v); repeatable.",
    ),
]
Reproducible = Annotated[bool, Option("--reproducible", help="The same bits on every backend.")]
Json = Annotated[bool, Option("--json", help="Print one JSON object instead of tables.")]


def record_of(record: list[str] | None) -> Any:
    """The `record=` argument for the values of `--record`; None for none."""
    return "all" if record and "all" in record else record


def backend_names(text: str, least: int = 1) -> list[str]:
    """The names in `--backends A,B,...`, all of them checked before any work is done.

    **Raises**: `InputError` for fewer than `least`, or for a name that is not a backend.
    """
    names = [name.strip() for name in text.split(",") if name.strip()]
    if len(names) < least:
        raise InputError(f"--backends {text!r}; expected at least {least}, separated by commas")
    for name in names:
        find_backend(name)
    return names
