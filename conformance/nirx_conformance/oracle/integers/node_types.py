"""The class of the oracle of integers for each NIR type."""

from __future__ import annotations

import nir

from nirx_conformance.oracle.integers.affine import Affine
from nirx_conformance.oracle.integers.avg_pool2d import AvgPool2d
from nirx_conformance.oracle.integers.conv1d import Conv1d
from nirx_conformance.oracle.integers.conv2d import Conv2d
from nirx_conformance.oracle.integers.cuba_li import CubaLI
from nirx_conformance.oracle.integers.cuba_lif import CubaLIF
from nirx_conformance.oracle.integers.delay import Delay
from nirx_conformance.oracle.integers.flatten import Flatten
from nirx_conformance.oracle.integers.input_output import InputOutput
from nirx_conformance.oracle.integers.integrate_and_fire import IF
from nirx_conformance.oracle.integers.integrator import I
from nirx_conformance.oracle.integers.li import LI
from nirx_conformance.oracle.integers.lif import LIF
from nirx_conformance.oracle.integers.linear import Linear
from nirx_conformance.oracle.integers.node import IntegerNode
from nirx_conformance.oracle.integers.scale import Scale
from nirx_conformance.oracle.integers.sum_pool2d import SumPool2d
from nirx_conformance.oracle.integers.threshold import Threshold

INTEGER_KINDS: dict[type, type[IntegerNode]] = {
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
