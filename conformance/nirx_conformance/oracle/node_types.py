"""The class of the oracle for each NIR type."""

from __future__ import annotations

import nir

from nirx_conformance.oracle.affine import Affine
from nirx_conformance.oracle.avg_pool2d import AvgPool2d
from nirx_conformance.oracle.conv1d import Conv1d
from nirx_conformance.oracle.conv2d import Conv2d
from nirx_conformance.oracle.cuba_li import CubaLI
from nirx_conformance.oracle.cuba_lif import CubaLIF
from nirx_conformance.oracle.delay import Delay
from nirx_conformance.oracle.flatten import Flatten
from nirx_conformance.oracle.input_output import InputOutput
from nirx_conformance.oracle.integrate_and_fire import IF
from nirx_conformance.oracle.integrator import I
from nirx_conformance.oracle.li import LI
from nirx_conformance.oracle.lif import LIF
from nirx_conformance.oracle.linear import Linear
from nirx_conformance.oracle.node import OracleNode
from nirx_conformance.oracle.scale import Scale
from nirx_conformance.oracle.sum_pool2d import SumPool2d
from nirx_conformance.oracle.threshold import Threshold

KINDS: dict[type, type[OracleNode]] = {
    nir.Input: InputOutput,
    nir.Output: InputOutput,
    nir.Affine: Affine,
    nir.Linear: Linear,
    nir.Scale: Scale,
    nir.Conv1d: Conv1d,
    nir.Conv2d: Conv2d,
    nir.SumPool2d: SumPool2d,
    nir.AvgPool2d: AvgPool2d,
    nir.Flatten: Flatten,
    nir.Delay: Delay,
    nir.Threshold: Threshold,
    nir.I: I,
    nir.IF: IF,
    nir.LI: LI,
    nir.LIF: LIF,
    nir.CubaLI: CubaLI,
    nir.CubaLIF: CubaLIF,
}
