"""Random graphs with a planted rule, and whether `nirx.diagnose` finds it from the spikes."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, fields, replace

import numpy as np

import nirx
from nirx.basics.paths import parse_path
from nirx.diagnosis.groups import upstream
from nirx.diagnosis.result import Diagnosis
from nirx.dynamics.discretization import GLOBAL_ONLY, Discretization
from nirx.graphs.schedule import ScheduledNode
from nirx.graphs.state import map_tree
from nirx_conformance.strategies import Case, random_case

__all__ = ["Recovery", "planted_case", "recover"]

SPIKING = ("IF", "LIF", "CubaLIF", "Threshold")
REPEATS = 3
"""How often a case's short input is repeated, so that neurons spike a few times."""
OWN = tuple(f.name for f in fields(Discretization) if f.name not in GLOBAL_ONLY)


@dataclass(frozen=True)
class Recovery:
    """One graph diagnosed.

    Arguments:
        faults: one line per node whose planted rule is ruled out.
        nodes, silent: recorded nodes, and those that never spiked.
        choices, pinned: choices that were searched, and those left with a single value.
    """

    faults: tuple[str, ...]
    nodes: int
    silent: int
    choices: int
    pinned: int


def planted_case(seed: int) -> Case | None:
    """The random case of a seed; None if it has no spiking node.

    Overrides are kept where a diagnosis can tell them apart: at spiking nodes with no other neuron
    between them and the spiking nodes that drive them.
    """
    case = random_case(seed)
    planted = case.discretization
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", nirx.NirxWarning)
        schedule = nirx.schedule(case.graph, planted)
    spiking = [n for n in schedule.nodes if _spikes(n)]
    if not spiking:
        return None
    base = replace(planted, overrides={})
    overrides = {}
    for node in spiking:
        before = upstream(schedule, [node.path], lambda n: not _spikes(n))
        own = planted.at(node.path)
        different = {n: getattr(own, n) for n in OWN if getattr(own, n) != getattr(base, n)}
        if different and not any(n.neuron and not _spikes(n) for n in before):
            overrides[node.name] = different
    return replace(
        case,
        discretization=replace(base, overrides=overrides),
        inputs=map_tree(lambda x: np.concatenate([x] * REPEATS), case.inputs),
    )


def recover(case: Case) -> tuple[Recovery, Diagnosis]:
    """Record all spikes, diagnose from them alone, and compare with the planted rule."""
    planted = case.discretization
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", nirx.NirxWarning)
        net = nirx.from_nir(case.graph, "numpy", planted, "float64")
        names = [n.name for n in net.schedule.nodes if _spikes(n)]
        paths = [parse_path(name) for name in names]
        _, _, recorded = net.run(case.inputs, record=paths)
        observed = dict(zip(names, (recorded[p] for p in paths), strict=True))
        found = nirx.diagnose(
            case.graph, case.inputs, observed, discretization=Discretization(dt=planted.dt)
        )
    faults = [
        f"{n.node}: planted {planted.at(parse_path(n.node))} is ruled out; best {n.best}"
        for n in found.nodes
        if not n.allows(planted)
    ]
    if not found.explained:
        faults.append(f"not explained: first diverges at {found.first_divergence}")
    return (
        Recovery(
            tuple(faults),
            len(found.nodes),
            sum(n.silent for n in found.nodes),
            sum(len(n.best.choices) for n in found.nodes),
            sum(len(n.pinned) for n in found.nodes),
        ),
        found,
    )


def _spikes(node: ScheduledNode) -> bool:
    return node.type_name in SPIKING
