"""A network in a few lines: what its repr says on every backend, however large it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from nirx.basics.name_list import name_list
from nirx.basics.printable import printable
from nirx.basics.shown import Shown
from nirx.dynamics.discretization import Discretization
from nirx.graphs.schedule import Schedule

__all__ = ["ShownNetwork", "network_text", "rule_text"]

PORTS = ("Input", "Output")


class ShownNetwork(Shown):
    """A network of any backend: prints in a few lines, and shows its schedule in a notebook."""

    schedule: Schedule

    def _parts(self) -> list[Any]:
        return [repr(self), *self.schedule._parts()]

    def __str__(self) -> str:
        return repr(self)


def network_text(backend: str, schedule: Schedule, dtype: Any, reproducible: bool) -> str:
    """Backend, dtype, discretization, nodes, and inputs -> outputs; never a weight.

    Arguments:
        dtype: of the network's arithmetic, as its backend calls it.
    """
    mode = ", reproducible" * reproducible
    types = Counter(node.type_name for node in schedule.nodes if node.type_name not in PORTS)
    late = len(schedule.feedback_edges)
    edges = f", {late} feedback edge{'s' * (late > 1)}" if late else ""
    count = types.total()
    nodes = f"{count} node{'s' * (count != 1)}"
    kinds = name_list(f"{n} {name}" for name, n in types.items())
    return "\n".join(
        [
            f"nirx network on {backend}, {str(dtype).rpartition('.')[2]}{mode}",
            f"  discretization: {rule_text(schedule.discretization)}",
            f"  {nodes}: {printable(kinds)}{edges}" if kinds else f"  {nodes}",
            f"  {_ports(schedule, schedule.inputs)} -> {_ports(schedule, schedule.outputs)}",
        ]
    )


def rule_text(rule: Discretization) -> str:
    """dt, the choices that are not the default, and how many nodes have choices of their own."""
    chosen = [f"dt={rule.dt:g}", *(f"{name}={value!r}" for name, value in rule.changes().items())]
    if rule.overrides:
        count = len(rule.overrides)
        chosen.append(f"overrides for {count} node{'s' * (count > 1)}")
    return ", ".join(chosen)


def _ports(schedule: Schedule, ports: Sequence[tuple[str, int]]) -> str:
    texts = (f"{printable(name)} {list(schedule.nodes[at].output_shape)}" for name, at in ports)
    return name_list(texts)
