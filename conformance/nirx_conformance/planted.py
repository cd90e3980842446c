"""Rules planted in random graphs, and what `nirx.diagnose` makes of the spikes they give."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, fields, replace

import numpy as np

import nirx
from nirx.basics.paths import parse_path
from nirx.diagnosis.result import Diagnosis
from nirx.dynamics.discretization import GLOBAL_ONLY, Discretization
from nirx.graphs.state import map_tree
from nirx_conformance.strategies import Case, random_case

__all__ = ["Recovery", "planted_case", "recover"]

SPIKING = ("IF", "LIF", "CubaLIF", "Threshold")
REPEATS = 3
"""The cases' inputs are short; a rule shows where neurons spike a few times."""
OWN = tuple(f.name for f in fields(Discretization) if f.name not in GLOBAL_ONLY)


@dataclass(frozen=True)
class Recovery:
    """One graph diagnosed.

    Arguments:
        faults: one line per node whose planted rule is not among those named.
        nodes, silent: recorded nodes, and those that never spiked.
        choices, pinned: choices that were searched, and those that were named with one value.
    """

    faults: tuple[str, ...]
    nodes: int
    silent: int
    choices: int
    pinned: int


def planted_case(seed: int) -> Case | None:
    """The random case of a seed; None if nothing in it spikes.

    Overrides stay where a diagnosis can see them alone: at spiking nodes between which and
    what drives them lies no neuron that only puts out a value.
    """
    case = random_case(seed)
    planted = case.discretization
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", nirx.NirxWarning)
        schedule = nirx.schedule(case.graph, planted)
    spiking = [n for n in schedule.nodes if n.type_name in SPIKING]
    if not spiking:
        return None
    base = replace(planted, overrides={})
    overrides = {}
    for node in spiking:
        own = planted.at(node.path)
        different = {n: getattr(own, n) for n in OWN if getattr(own, n) != getattr(base, n)}
        if different and not _behind_values(schedule, node.path):
            overrides[node.name] = different
    return replace(
        case,
        discretization=replace(base, overrides=overrides),
        inputs=map_tree(lambda x: np.concatenate([x] * REPEATS), case.inputs),
    )


def recover(case: Case) -> tuple[Recovery, Diagnosis]:
    """Record every spiking node, diagnose from the spikes alone, and compare with the plant."""
    planted = case.discretization
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", nirx.NirxWarning)
        net = nirx.from_nir(case.graph, "numpy", planted, "float64")
        names = [n.name for n in net.schedule.nodes if n.type_name in SPIKING]
        paths = [parse_path(name) for name in names]
        _, _, recorded = net.run(case.inputs, record=paths)
        observed = dict(zip(names, (recorded[p] for p in paths), strict=True))
        found = nirx.diagnose(
            case.graph, case.inputs, observed, discretization=Discretization(dt=planted.dt)
        )
    faults = [
        f"{n.node}: planted {planted.at(parse_path(n.node))} is not named; best {n.best}"
        for n in found.nodes
        if not n.allows(planted)
    ]
    if not found.explained:
        faults.append(f"not explained: first at {found.first_divergence}")
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


def _behind_values(schedule: nirx.Schedule, path: tuple[str, ...]) -> bool:
    """Whether a neuron without spikes lies before a node, with no spiking node between."""
    seen: set[int] = set()
    work = [schedule.positions[path]]
    while work:
        for source in schedule.nodes[work.pop()].sources:
            node = schedule.nodes[source.position]
            if source.position in seen or node.type_name in SPIKING:
                continue
            if node.neuron:
                return True
            seen.add(source.position)
            work.append(source.position)
    return False
