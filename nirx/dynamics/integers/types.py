"""The dynamics of each NIR type in integers."""

from __future__ import annotations

from nirx.dynamics.base import Dynamics
from nirx.dynamics.conv import Conv1d, Conv2d
from nirx.dynamics.cuba import CurrentBasedIntegrateAndFire, CurrentBasedIntegrator
from nirx.dynamics.delay import Delay
from nirx.dynamics.elementwise import Scale, Threshold
from nirx.dynamics.integers import connections, neurons
from nirx.dynamics.integrator import IntegrateAndFire, Integrator
from nirx.dynamics.leaky import LeakyIntegrateAndFire, LeakyIntegrator
from nirx.dynamics.linear import Affine, Linear
from nirx.dynamics.parameters import NodeMismatch
from nirx.dynamics.pool import AvgPool2d, SumPool2d
from nirx.dynamics.reshape import Flatten, Port

__all__ = ["in_integers"]

_TYPES: dict[type[Dynamics], type[Dynamics]] = {
    Port: Port,
    Flatten: Flatten,
    Delay: Delay,
    SumPool2d: SumPool2d,
    AvgPool2d: connections.WholeAvgPool2d,
    Linear: connections.WholeLinear,
    Affine: connections.WholeAffine,
    Conv1d: connections.WholeConv1d,
    Conv2d: connections.WholeConv2d,
    Scale: connections.WholeScale,
    Threshold: connections.WholeThreshold,
    Integrator: neurons.WholeIntegrator,
    IntegrateAndFire: neurons.WholeIntegrateAndFire,
    LeakyIntegrator: neurons.WholeLeakyIntegrator,
    LeakyIntegrateAndFire: neurons.WholeLeakyIntegrateAndFire,
    CurrentBasedIntegrator: neurons.WholeCurrentBasedIntegrator,
    CurrentBasedIntegrateAndFire: neurons.WholeCurrentBasedIntegrateAndFire,
}


def in_integers(dynamics: type[Dynamics]) -> type[Dynamics]:
    """The dynamics of the same node in integers.

    **Raises**: `NodeMismatch` for a registered type, which has no integers.
    """
    found = _TYPES.get(dynamics)
    if found is None:
        raise NodeMismatch(
            f"its dynamics ({dynamics.__name__}) are not defined in integers",
            "one of NIR's own types, or a discretization without arithmetic",
        )
    return found
