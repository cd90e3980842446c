"""A graph read from a file, with the discretization that the options add up to."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import nir

from nirx.cli.memory_limit import read_limits
from nirx.dynamics.discretization import Discretization
from nirx.dynamics.presets import PRESETS
from nirx.errors import InputError, did_you_mean, warn_caller
from nirx.files.reading import read_noted
from nirx.graphs.metadata import stored_discretization
from nirx.graphs.schedule import Schedule, build_schedule

__all__ = ["Opened", "open_graph", "schedule_graph"]

Texts = list[str] | None


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
        return self.discretization.arithmetic is not None


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
    changes = _changes(dt, sets)
    if preset is not None:
        base, origins = _preset(preset), [f"preset {preset}"]
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
    if changes or overrides:
        per_node = {k: dict(v) for k, v in base.overrides.items()}
        for text in overrides or ():
            path, name, value = _override(text)
            per_node.setdefault(path, {})[name] = value
        base = replace(base, **changes, overrides=per_node)
        origins.append("options")
    if origins == ["default", "options"]:
        origins = ["options"]
    schedule, nodes = build_schedule(graph, base)
    return Opened(graph, base, " and ".join(origins), schedule, nodes)


def _preset(name: str) -> Discretization:
    if name not in PRESETS:
        hint = did_you_mean(name, PRESETS)
        near = f"{hint} " if hint.startswith("did") else ""
        listed = "".join(f"\n  - {known}" for known in PRESETS)
        raise InputError(f"--preset: there is no {name!r}; {near}the presets are:{listed}")
    return PRESETS[name]


def _changes(dt: float | None, sets: Texts) -> dict[str, Any]:
    changes: dict[str, Any] = {} if dt is None else {"dt": dt}
    for text in sets or ():
        name, value = _choice("--set", text)
        if name in changes:
            raise InputError(f"--set {text}: {name} is given twice")
        changes[name] = value
    return changes


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
    known = [f.name for f in fields(Discretization) if f.name != "overrides"]
    if name not in known:
        raise InputError(f"{option}: there is no choice {name!r}; {did_you_mean(name, known)}")
    if name not in ("dt", "max_spikes"):
        return name, value  # Discretization checks the value
    if name == "max_spikes" and value.lower() == "none":
        return name, None
    try:
        return name, float(value) if name == "dt" else int(value)
    except ValueError:
        kind = "a number" if name == "dt" else "a whole number or none"
        raise InputError(f"{option}: {name}={value!r}; expected {kind}") from None
