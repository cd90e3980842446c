"""From a problem whose recording is in integers to the arithmetic that explains it."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from nirx.basics.paths import Path, format_path
from nirx.basics.progress import stage
from nirx.diagnosis.arithmetic_diagnosis import ArithmeticDiagnosis
from nirx.diagnosis.candidates import dynamics_of
from nirx.diagnosis.integers.fits import Fits
from nirx.diagnosis.integers.search import Best, search, varied
from nirx.diagnosis.integers.stages import bits_of
from nirx.diagnosis.integers.units import in_units, scales_of
from nirx.diagnosis.integers.words import Constant, sentences
from nirx.diagnosis.judge import judge
from nirx.diagnosis.observed import EXACT
from nirx.diagnosis.problem import Problem, make_variants
from nirx.diagnosis.result import Diagnosis
from nirx.dynamics.arithmetic import NUMBERS, Arithmetic
from nirx.dynamics.coefficients import decay_fraction
from nirx.dynamics.discretization import Discretization
from nirx.errors import GraphError, NirxWarning

__all__ = ["diagnose_integers", "holds_integers"]

DECAYS = ("nearest", "down")
WIDEST = 40
"""Bits of a state: products with a decay's constant stay exact."""
FEW = 8
"""Below this, a recording of whole numbers is hardly one in a chip's units."""


def holds_integers(problem: Problem) -> bool:
    """Whether all recorded states and inputs are whole numbers, some larger than a few units."""
    states = [t for own in problem.traces.values() for t in own if not t.spikes]
    arrays = [*problem.inputs.values(), *(t.values for t in states)]
    whole = all((own == np.rint(own)).all() for own in arrays)
    wide = problem.ops.dtype == np.float64  # in which integers are computed
    return wide and whole and any(t.largest >= FEW for t in states)


def diagnose_integers(
    problem: Problem, batch: Sequence[int], base: Arithmetic | None
) -> Diagnosis | None:
    """The arithmetic and the choices of a step that explain a recording.

    Arguments:
        problem: as for a search in floating point.
        batch: the axes of samples.
        base: where the search starts; None for a usual one that is wide enough.

    Returns: None for a graph that is not whole and cannot be scaled to the recording.

    **Raises**: `GraphError` if `base` is given and the graph cannot run under it.
    """
    start = base or _wide_enough(problem)
    exact = {
        path: tuple(replace(t, tolerance=0.0 if t.spikes else EXACT) for t in own)
        for path, own in problem.traces.items()
    }
    problem = replace(problem, traces=exact)
    asked = replace(problem.start, arithmetic=start)
    scales: dict[Path, float] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NirxWarning)  # of rules that are only tried
        fits = Fits(problem, problem.graph, batch)
        with stage("searching in integers", None, "rules") as advance:
            best = search(fits.reporting(advance), asked, problem.limits)
            if best is None and base is None:
                fits, scales = _scaled(problem, asked, batch)
                if scales:
                    best = search(fits.reporting(advance), asked, problem.limits)
        if best is None:
            if base is not None and fits.refused is not None:
                raise fits.refused
            return None
        found = _judged(problem, fits, best, asked, batch)
    return replace(found, arithmetic=_findings(problem, fits, best, start, scales))


def _wide_enough(problem: Problem) -> Arithmetic:
    """The default, with bits for the weights of the graph, its thresholds and the recording."""
    weights, states = [], {"v": [], "i": []}
    for variant in problem.variants[:1]:
        for own in variant.parameters.values():
            weights += [own["weight"]] if "weight" in own else []
            states["v"] += [own[n] for n in ("v_threshold", "v_reset") if n in own]
    for own in problem.traces.values():
        for trace in own:
            if trace.variable in states:
                states[trace.variable].append(trace.values)
    usual = Arithmetic()
    sizes = {
        "weight_bits": (weights, usual.weight_bits),
        "membrane_bits": (states["v"], usual.membrane_bits),
        "synapse_bits": (states["i"], usual.synapse_bits),
    }
    return usual.changed(
        {
            name: min(NUMBERS[name][1], max(least, bits_of(own)), WIDEST)
            for name, (own, least) in sizes.items()
        }
    )


def _scaled(
    problem: Problem, asked: Discretization, batch: Sequence[int]
) -> tuple[Fits, dict[Path, float]]:
    """The graph in the units of the recording, by the scales that leave the fewest wrong."""
    least, found = np.inf, (Fits(problem, problem.graph, batch), dict[Path, float]())
    for scales in scales_of(problem):
        try:
            fits = Fits(problem, in_units(problem, scales), batch)
        except GraphError:
            continue
        for value in DECAYS:
            rule = varied(asked, {"decay_value": value, "membrane_bits": 32})
            own = rule and fits.fit(rule)
            if own and own.score < least:
                least, found = own.score, (fits, scales)
    return found


def _judged(
    problem: Problem, fits: Fits, best: Best, asked: Discretization, batch: Sequence[int]
) -> Diagnosis:
    """The verdict on each node, and the free run, with the choices that are left."""
    start = replace(asked, arithmetic=best.rule.arithmetic)
    limits = {**problem.limits, **best.choices}
    limits = {name: tuple(v for v in own if v is not None) or own for name, own in limits.items()}
    variants = make_variants(fits.graph, start, (start.dt,), limits, tuple(batch), problem.ops)
    return judge(replace(problem, graph=fits.graph, start=start, variants=variants, limits=limits))


def _findings(
    problem: Problem, fits: Fits, best: Best, asked: Arithmetic, scales: dict[Path, float]
) -> ArithmeticDiagnosis:
    arithmetic = best.rule.arithmetic
    assert arithmetic is not None, "only rules in integers are searched"
    named = {format_path(path): own for path, own in scales.items()}
    wholes = {format_path(path): list(_wholes(fits, best.rule, path)) for path in scales}
    constants = list(_constants(fits, best.rule))
    said = list(sentences(arithmetic, asked, best.possible, constants, named, wholes))
    elements = sum(t.values.size for own in problem.traces.values() for t in own)
    if wrong := best.fit.wrong:
        said.append(f"{wrong:,} of {elements:,} recorded numbers do not follow from these integers")
    if not fits.lone(best.rule):
        said.append("more of the integers shows if v, and i where there is one, are recorded")
    return ArithmeticDiagnosis(
        arithmetic,
        asked,
        best.possible,
        best.fit.wrong,
        elements,
        named,
        fits.graph,
        tuple(said),
    )


def _constants(fits: Fits, rule: Discretization) -> Iterator[Constant]:
    """The constants of all decays, rounded to the nearest and down."""
    for variant, node in fits.members(rule):
        own = variant.parameters[node.path]
        arithmetic = rule.at(node.path).arithmetic
        assert arithmetic is not None, "only rules in integers are searched"
        for name in ("tau", "tau_mem", "tau_syn"):
            if name in own:
                a = decay_fraction(fits.problem.ops, rule.dt, own[name], rule.integrator)
                exact = (2.0**arithmetic.decay_bits * np.asarray(a)).reshape(-1)
                yield from {(round(x), int(np.floor(x + 2.0**-20))): None for x in exact.tolist()}


def _wholes(fits: Fits, rule: Discretization, path: Path) -> Iterator[int]:
    """The gain and the threshold of a node, where all of its neurons have the same."""
    for variant, node in fits.members(rule):
        if node.path == path:
            dynamics: Any = dynamics_of(node)
            c = dynamics.coefficients(fits.problem.ops, variant.parameters[path])
            for name in ("gain", "v_threshold"):
                values = np.unique(np.asarray(c[name])) if name in c else ()
                if len(values) == 1:
                    yield int(values[0])
