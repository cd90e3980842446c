"""`Discretization`: every choice that turns NIR's equations into time steps."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from nirx.basics.paths import Path, format_path, parse_path
from nirx.basics.shown import Shown
from nirx.dynamics.arithmetic import Arithmetic
from nirx.errors import InputError, did_you_mean

__all__ = ["SEMANTICS_VERSION", "Discretization"]

SEMANTICS_VERSION = 1
"""Version of docs/semantics.md that this code follows."""

ADDED_LATER = ("input_gain", "arithmetic")
"""Choices that an older nirx does not know: a text without one means its default, so that what
was stored before keeps its bits."""
GLOBAL_ONLY = ("dt", "feedback", "feedback_initial", "overrides")
"""Choices that apply to a whole graph and cannot be overridden for one node."""


@dataclass(frozen=True)
class Discretization(Shown):
    """How a time step is computed. The first value of each choice is the default.

    Arguments:
        dt: length of a step, in the unit of the graph's time constants and delays.
        integrator: `"euler"` (a = dt/tau) or `"exponential"` (a = -expm1(-dt/tau)).
        input_gain: with the exponential integrator, the factor of the input: `"matched"` to the
            decay (1 - exp(-dt/tau)), or that of Euler (`"euler"`: dt/tau). It concerns the
            membranes of LI, LIF, CubaLI and CubaLIF, and their synapse where it is `"scaled"`.
        threshold: whether a v exactly at the threshold spikes: `"gt"` no, `"ge"` yes.
        reset: `"value"` (to v_reset), `"subtract"` (subtracts v_threshold and ignores v_reset)
            or `"none"`.
        reset_when: in the `"same"` step as the spike; in the `"next"` step, after the leak;
            `"next-leaked"`: in the next step, before the leak.
        spikes: `"single"` (0 or 1) or `"multi"` (the largest n with n * v_threshold <= v;
            ties count for either `threshold`).
        max_spikes: the maximum number of spikes in a step; only with `spikes="multi"`.
        output: a neuron's output is computed from the `"new"` or from the `"old"` membrane
            potential (one step late).
        synapse: in CubaLI and CubaLIF, `"current-first"` (v uses the new i) or
            `"voltage-first"` (v uses the old i).
        synapse_input: `"scaled"` (i + a*(w_in*x - i)), `"jump"` ((i - a*i) + w_in*x) or
            `"jump-then-decay"` (j = i + w_in*x, then j - a*j).
        initial_v: a neuron starts at `"zero"` or at its `"leak"` (v_leak; I and IF at 0).
        feedback: which edges of a cycle are one step late: the natural `"back-edges"`, or
            in a cyclic `"component"` every edge that leaves a neuron.
        feedback_initial: before the first step a feedback edge carries the value that its
            source has when everything is `"silent"`, or `"zero"`.
        overrides: `{path: {choice: value}}` for single nodes or whole subgraphs; the
            longest path wins. Of `arithmetic` only the values that differ are given.
        arithmetic: the `nirx.Arithmetic` of a chip that computes in integers; None computes in
            floating point.

    **Units**: dt has the unit of tau and delay; nirx never converts.

    **Raises**: `InputError` for a meaningless value or combination.

    **Source**: docs/semantics.md, version 1.
    """

    dt: float = 1e-4
    integrator: Literal["euler", "exponential"] = "euler"
    input_gain: Literal["matched", "euler"] = "matched"
    threshold: Literal["gt", "ge"] = "gt"
    reset: Literal["value", "subtract", "none"] = "value"
    reset_when: Literal["same", "next", "next-leaked"] = "same"
    spikes: Literal["single", "multi"] = "single"
    max_spikes: int | None = None
    output: Literal["new", "old"] = "new"
    synapse: Literal["current-first", "voltage-first"] = "current-first"
    synapse_input: Literal["scaled", "jump", "jump-then-decay"] = "scaled"
    initial_v: Literal["zero", "leak"] = "zero"
    feedback: Literal["back-edges", "component"] = "back-edges"
    feedback_initial: Literal["silent", "zero"] = "silent"
    overrides: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    arithmetic: Arithmetic | None = None

    def __post_init__(self):
        _check_dt(self.dt)
        object.__setattr__(self, "dt", float(self.dt))
        for name, allowed in CHOICES.items():
            value = getattr(self, name)
            if value not in allowed:
                raise InputError(
                    f"Discretization: {name}={value!r}; expected one of "
                    + ", ".join(repr(x) for x in allowed)
                )
        if self.arithmetic is not None:
            object.__setattr__(self, "arithmetic", Arithmetic.of(self.arithmetic))
        _check_combination(self)
        object.__setattr__(self, "overrides", _freeze_overrides(self.overrides))
        for path in self.overrides:
            self.at(parse_path(path))  # raises unless every override is a legal combination

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        return hash(self.to_json())

    def __reduce__(self):
        return Discretization.from_json, (self.to_json(),)

    @cached_property
    def _overrides_by_path(self) -> dict[Path, Discretization]:
        base = replace(self, overrides={})
        by_path: dict[Path, Discretization] = {}
        for path in sorted(map(parse_path, self.overrides), key=len):
            own = dict(self.overrides[format_path(path)])
            around = _nearest(by_path, path, base)
            if "arithmetic" in own:
                own["arithmetic"] = _changed(around, own["arithmetic"], path)
            by_path[path] = replace(around, **own)
        by_path[()] = base
        return by_path

    def at(self, path: Path) -> Discretization:
        """The choices for one node, with the overrides for it and for its subgraphs applied."""
        by_path = self._overrides_by_path
        return by_path[()] if len(by_path) == 1 else _nearest(by_path, path, by_path[()])

    @property
    def in_integers(self) -> bool:
        """Whether a graph computes in the integers of a chip."""
        return self.arithmetic is not None

    def changes(self) -> dict[str, Any]:
        """The choices that differ from the default, without dt and the overrides."""
        apart = ("dt", "overrides")
        defaults = {f.name: f.default for f in fields(self) if f.name not in apart}
        return {n: getattr(self, n) for n, own in defaults.items() if getattr(self, n) != own}

    def _parts(self) -> list[Any]:
        from nirx.dynamics.discretization_table import discretization_table

        return [discretization_table(self)]

    def __str__(self) -> str:
        return repr(self)

    def to_json(self) -> str:
        """Canonical JSON: equal choices have equal texts."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        if self.arithmetic is not None:
            values["arithmetic"] = self.arithmetic.to_dict()
        for name in ADDED_LATER:
            if values[name] == DEFAULTS[name]:
                del values[name]
        values["overrides"] = {
            path: {k: dict(v) if isinstance(v, Mapping) else v for k, v in own.items()}
            for path, own in self.overrides.items()
        }
        return json.dumps({"semantics": SEMANTICS_VERSION, **values}, sort_keys=True)

    @staticmethod
    def from_json(text: str) -> Discretization:
        """The inverse of `to_json`.

        **Raises**: `InputError` for anything else.
        """
        try:
            values = json.loads(text)
            version = values.pop("semantics")
        except (ValueError, AttributeError, KeyError, TypeError, RecursionError) as error:
            raise InputError(f"not a discretization: {text!r:.200}; expected JSON") from error
        if version != SEMANTICS_VERSION:
            raise InputError(
                f"discretization of semantics version {version!r}; this nirx knows version "
                f"{SEMANTICS_VERSION}; update nirx or pass discretization= yourself"
            )
        known = [f.name for f in fields(Discretization)]
        for name in values:
            if name not in known:
                raise InputError(f"Discretization has no {name!r}; {did_you_mean(name, known)}")
        return Discretization(**values)


def _choices() -> dict[str, tuple[str, ...]]:
    hints = get_type_hints(Discretization)
    return {k: get_args(t) for k, t in hints.items() if get_origin(t) is Literal}


CHOICES: dict[str, tuple[str, ...]] = _choices()
"""Every choice with a fixed list of values, the default first."""

DEFAULTS: dict[str, Any] = {f.name: f.default for f in fields(Discretization)}


def _nearest(
    by_path: Mapping[Path, Discretization], path: Path, default: Discretization
) -> Discretization:
    for length in range(len(path), 0, -1):
        if path[:length] in by_path:
            return by_path[path[:length]]
    return default


def _changed(around: Discretization, values: Any, path: Path) -> Arithmetic:
    if around.arithmetic is None:
        raise InputError(
            f"Discretization: overrides[{format_path(path)!r}] sets 'arithmetic', but the graph "
            "has none; set arithmetic= itself"
        )
    return around.arithmetic.changed(values)


def _check_dt(dt: Any) -> None:
    try:
        good = not isinstance(dt, bool | str) and math.isfinite(dt) and dt > 0
    except (TypeError, OverflowError):
        good = False
    if not good:
        raise InputError(f"Discretization: dt={dt!r}; expected a positive, finite number")


def _check_combination(d: Discretization) -> None:
    if d.input_gain == "euler" and d.integrator == "euler":
        raise InputError(
            'Discretization: input_gain="euler" has no effect with integrator="euler", whose input '
            'already has the gain dt/tau; use integrator="exponential", or leave input_gain at '
            '"matched"'
        )
    limit = d.max_spikes
    if limit is not None:
        if isinstance(limit, bool) or not isinstance(limit, int) or not 1 <= limit <= 2**53:
            raise InputError(f"Discretization: max_spikes={limit!r}; expected None or 1..2**53")
        if d.spikes == "single":
            raise InputError('Discretization: max_spikes needs spikes="multi"')
    if d.reset == "none" and d.reset_when != "same":
        raise InputError(
            f'Discretization: reset_when="{d.reset_when}" has no effect with reset="none"; '
            'leave reset_when at "same"'
        )
    if d.output == "old" and d.reset_when == "same" and d.reset != "none":
        raise InputError(
            'Discretization: output="old" finds spikes in the old membrane potential, which '
            'reset_when="same" has already reset; use reset_when="next" or "next-leaked"'
        )


def _freeze_overrides(overrides: Any) -> Mapping[str, Mapping[str, Any]]:
    if not isinstance(overrides, Mapping):
        raise InputError(f"Discretization: overrides={overrides!r}; expected {{path: {{...}}}}")
    allowed = [*(f for f in CHOICES if f not in GLOBAL_ONLY), "max_spikes", "arithmetic"]
    frozen = {}
    for path, own in overrides.items():
        if not isinstance(path, str | tuple):
            raise InputError(f"Discretization: overrides has the key {path!r}; expected a path")
        text = format_path(parse_path(path) if isinstance(path, str) else path)
        if not isinstance(own, Mapping):
            raise InputError(f"Discretization: overrides[{text!r}]={own!r}; expected a dict")
        for name in own:
            if name not in allowed:
                raise InputError(
                    f"Discretization: overrides[{text!r}] sets {name!r}, which cannot be set for "
                    f"one node; {did_you_mean(str(name), allowed)}"
                )
        own = {k: _frozen(v) if k == "arithmetic" else v for k, v in sorted(own.items())}
        frozen[text] = MappingProxyType(own)
    return MappingProxyType(dict(sorted(frozen.items())))


def _frozen(arithmetic: Any) -> Any:
    """The values of an arithmetic by name; anything else is refused where it is applied."""
    if isinstance(arithmetic, Arithmetic):
        arithmetic = arithmetic.to_dict()
    if isinstance(arithmetic, Mapping):
        return MappingProxyType(dict(sorted(arithmetic.items(), key=lambda item: str(item[0]))))
    return arithmetic
