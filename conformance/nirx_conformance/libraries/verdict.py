"""`Verdict`: whether a library's run equals the exact executor's, and if not, how it differs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import Any

import numpy as np

import nirx
from nirx.comparison.result import NodeComparison
from nirx.comparison.runs import compare_runs
from nirx.dynamics.discretization import CHOICES
from nirx_conformance.libraries.library import Library
from nirx_conformance.libraries.trials import Trial

__all__ = ["Outcome", "Verdict", "compared", "explained"]


class Outcome(StrEnum):
    """What a cell says, from good to bad; the last two are neither."""

    EXACT = "exact"
    ROUNDING = "rounding"
    DIFFERENT = "different"
    REFUSED = "refused"
    CRASH = "crash"
    NONE = "none"
    TAKEN = "taken"


@dataclass(frozen=True)
class Verdict:
    """One cell.

    Arguments:
        detail: how it differs, or the text of the refusal or the crash.
        by_nirx: whether nirx ran all nodes itself because the library has none of them.
        steps: the presets that a bridge ran with; none for NIR's plain step.
    """

    outcome: Outcome
    detail: str = ""
    by_nirx: bool = False
    steps: tuple[str, ...] = ()


def compared(
    trial: Trial, step: nirx.Discretization, dtype: str, outputs: Callable[[Any], Any]
) -> Verdict:
    """A run of the library against one of the exact executor."""
    theirs = np.asarray(outputs(trial.xs.astype(dtype)))
    ours, node = _exact_outputs(trial, step, dtype, theirs)
    if node is None:
        return Verdict(Outcome.DIFFERENT, f"an output of shape {theirs.shape}, not {ours.shape}")
    # A library that answers a step late computes something else, though nothing but the time.
    outcome = Outcome.DIFFERENT if node.later else Outcome(node.fidelity)
    if outcome is not Outcome.DIFFERENT:
        return Verdict(outcome)
    if not node.spikes:
        text = f"values differ by up to {node.max_error:.2g}, where the largest is"
        return Verdict(outcome, f"{text} {float(np.abs(ours).max()):.2g}")
    if (theirs != np.round(theirs)).any():
        return Verdict(outcome, f"output values that are not spikes, up to {theirs.max():.2g}")
    counts = f"{int(theirs.sum())} spikes instead of {int(ours.sum())}"
    return Verdict(outcome, f"{node.differing} of {node.elements} elements differ: {counts}")


def _exact_outputs(
    trial: Trial, step: nirx.Discretization, dtype: str, theirs: np.ndarray
) -> tuple[np.ndarray, NodeComparison | None]:
    """The exact executor's outputs, and the comparison with others; None for another shape."""
    xs = trial.xs.astype(dtype)
    _, _, recorded = nirx.from_nir(trial.graph, "numpy", step, dtype).run(xs, record=[trial.watch])
    ours = recorded[trial.watch]
    if theirs.shape != ours.shape:
        return ours, None

    def found(_: Any) -> Any:
        return {}, None, {trial.watch: theirs}

    options = {"discretization": step, "dtype": dtype, "record": [trial.watch]}
    (other,) = compare_runs(trial.graph, xs, ["numpy", found], **options).others
    return ours, other.nodes[0]


def explained(library: Library, trial: Trial, step: nirx.Discretization, theirs: Any) -> str:
    """The single choice, or the preset of the library, that reproduces its output; else ""."""
    others: dict[str, dict[str, Any]] = {
        f"{name}={value!r}": {name: value}
        for name, (default, *values) in CHOICES.items()
        for value in values
        if getattr(step, name) == default
    }
    for name, preset in nirx.PRESETS.items():
        if name.startswith(f"{library.name}."):
            others[f"the preset {name}"] = {**vars(preset), "dt": step.dt}
    for text, choices in others.items():
        known = {f.name: choices[f.name] for f in fields(step) if f.name in choices}
        try:
            node = _exact_outputs(trial, replace(step, **known), "float32", theirs)[1]
        except nirx.NirxError:  # not all choices can be combined
            continue
        if node is not None and node.first_divergence is None:
            return f"{text} reproduces it"
    return ""
