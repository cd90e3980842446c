"""A graph read from a file, with the discretization that the options add up to."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import nir

from nirx.cli.memory_limit import read_limits
from nirx.dynamics.arithmetic import CHOICES as WORDS
from nirx.dynamics.arithmetic import Arithmetic
from nirx.dynamics.discretization import Discretization
from nirx.dynamics.presets import PRESETS
from nirx.errors import InputError, did_you_mean, warn_caller
from nirx.files.reading import read_noted
from nirx.graphs.metadata import stored_discretization
from nirx.graphs.schedule import Schedule, build_schedule

__all__ = ["Opened", "integer_fields", "open_graph", "preset_named", "schedule_graph"]

Texts = list[str] | None

ARITHMETIC = "arithmetic"
"""The choice whose fields have names of their own, with a dot."""


@dataclass(frozen=True)
class Opened:
    """A graph and its schedule.

    Arguments:
        discretization: the one in use.
        origin: where it came from, in words.
        nodes: the graph's own node for each position of the schedule.
    """

    graph: nir.NIRGraph
    discretization: Discretization
    origin: str
    schedule: Schedule
    nodes: list[Any]

    @property
    def in_integers(self) -> bool:
        """Whether it computes in the integers of a chip."""
        return self.discretization.in_integers


def open_graph(
    file: Path,
    dt: float | None,
    preset: str | None,
    sets: Texts,
    overrides: Texts,
    *,
    repair: bool = False,
    max_memory: str | None = None,
) -> Opened:
    """Read a file and schedule it under the discretization that the options ask for.

    The base is the preset, else the file's metadata, else the default (with a warning if dt is
    not given either); dt, sets and overrides are applied to it in this order.

    Arguments:
        repair: whether to mend first what is certain, as `nirx.repair` does.
        max_memory: the option, which limits what the file may cost to read.

    **Raises**: `FileError`, `GraphError`, `InputError`.
    """
    # The other warnings depend on the discretization; scheduling repeats those of the one in use.
    graph, notes, _ = read_noted(file, "repair" if repair else "check", read_limits(max_memory))
    for text in notes:
        warn_caller(text)
    return schedule_graph(graph, dt, preset, sets, overrides)


def schedule_graph(
    graph: nir.NIRGraph, dt: float | None, preset: str | None, sets: Texts, overrides: Texts
) -> Opened:
    """`open_graph` for a graph in memory.

    **Raises**: `GraphError`, `InputError`.
    """
    changes, integers = _changes(dt, sets)
    if preset is not None:
        base, origins = preset_named(preset), [f"preset {preset}"]
    else:
        base, origins = stored_discretization(graph), ["file metadata"]
    if base is None:
        base, origins = Discretization(), ["default"]
        if "dt" not in changes:
            assumed = "is" if changes else "and forward Euler are"
            warn_caller(
                "no --dt or --preset given and no discretization in the file: "
                f"dt={base.dt:g} {assumed} assumed"
            )
    if integers:
        changes["arithmetic"] = (base.arithmetic or Arithmetic()).changed(integers)
    if changes or overrides:
        per_node = {k: dict(v) for k, v in base.overrides.items()}
        for text in overrides or ():
            path, name, value = _override(text)
            own = per_node.setdefault(path, {})
            whole, _, field = name.partition(".")
            own[whole] = {**own.get(whole, {}), field: value} if field else value
        base = replace(base, **changes, overrides=per_node)
        origins.append("options")
    if origins == ["default", "options"]:
        origins = ["options"]
    schedule, nodes = build_schedule(graph, base)
    return Opened(graph, base, " and ".join(origins), schedule, nodes)


def preset_named(name: str) -> Discretization:
    """The preset that an option names. **Raises** `InputError`."""
    if name not in PRESETS:
        hint = did_you_mean(name, PRESETS)
        near = f"{hint} " if hint.startswith("did") else ""
        listed = "".join(f"\n  - {known}" for known in PRESETS)
        raise InputError(f"--preset: there is no {name!r}; {near}the presets are:{listed}")
    return PRESETS[name]


def integer_fields(sets: Texts) -> tuple[list[str], dict[str, Any]]:
    """The texts of --set without those of the arithmetic, and the fields of these."""
    mine = [text for text in sets or () if text.startswith(f"{ARITHMETIC}.")]
    return [text for text in sets or () if text not in mine], _changes(None, mine)[1]


def _changes(dt: float | None, sets: Texts) -> tuple[dict[str, Any], dict[str, Any]]:
    """The choices to change, and the fields of the arithmetic."""
    changes: dict[str, Any] = {} if dt is None else {"dt": dt}
    integers: dict[str, Any] = {}
    for text in sets or ():
        name, value = _choice("--set", text)
        whole, _, field = name.partition(".")
        own, key = (integers, field) if field else (changes, whole)
        if key in own:
            raise InputError(f"--set {text}: {name} is given twice")
        own[key] = value
    if ARITHMETIC in changes and integers:
        raise InputError(
            f"--set {ARITHMETIC}=none together with --set {ARITHMETIC}.FIELD=VALUE; expected one"
        )
    return changes, integers


def _override(text: str) -> tuple[str, str, Any]:
    # A path may contain ":" and "="; the name and value of a choice never contain ":".
    path, colon, choice = text.rpartition(":")
    if not colon or not path:
        raise InputError(f"--override {text!r}; expected PATH:CHOICE=VALUE, as in lif1:reset=none")
    return path, *_choice("--override", choice)


def _choice(option: str, text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise InputError(f"{option} {text!r}; expected CHOICE=VALUE, as in integrator=exponential")
    known = [f.name for f in fields(Discretization) if f.name not in ("overrides", ARITHMETIC)]
    numbers = [f"{ARITHMETIC}.{f.name}" for f in fields(Arithmetic)]
    if name in numbers:
        return name, _of_arithmetic(option, name, value)
    if name == ARITHMETIC:
        if value.lower() == "none" and option == "--set":
            return name, None
        raise InputError(
            f"{option} {text!r}; expected one of its fields, as in {ARITHMETIC}.weight_bits=8"
            + (f", or {ARITHMETIC}=none" if option == "--set" else "")
        )
    if name not in known:
        hint = did_you_mean(name, numbers if name.startswith(f"{ARITHMETIC}.") else known)
        raise InputError(f"{option}: there is no choice {name!r}; {hint}")
    if name not in ("dt", "max_spikes"):
        return name, value  # Discretization checks the value
    if name == "max_spikes" and value.lower() == "none":
        return name, None
    try:
        return name, float(value) if name == "dt" else int(value)
    except ValueError:
        kind = "a number" if name == "dt" else "a whole number or none"
        raise InputError(f"{option}: {name}={value!r}; expected {kind}") from None


def _of_arithmetic(option: str, name: str, value: str) -> Any:
    """The value of a field of the arithmetic, which Arithmetic checks."""
    if name.partition(".")[2] in WORDS:
        return value
    if name.endswith(".membrane_lowest") and value.lower() == "none":
        return None
    try:
        return int(value)
    except ValueError:
        raise InputError(f"{option}: {name}={value!r}; expected a whole number") from None
