"""The class of the gradient for each class of the oracle."""

from __future__ import annotations

from collections.abc import Mapping

from nirx_conformance.oracle.affine import Affine
from nirx_conformance.oracle.avg_pool2d import AvgPool2d
from nirx_conformance.oracle.conv1d import Conv1d
from nirx_conformance.oracle.conv2d import Conv2d
from nirx_conformance.oracle.cuba_li import CubaLI
from nirx_conformance.oracle.cuba_lif import CubaLIF
from nirx_conformance.oracle.delay import Delay
from nirx_conformance.oracle.flatten import Flatten
from nirx_conformance.oracle.gradients.affine import AffineGradient
from nirx_conformance.oracle.gradients.avg_pool2d import AvgPool2dGradient
from nirx_conformance.oracle.gradients.conv1d import Conv1dGradient
from nirx_conformance.oracle.gradients.conv2d import Conv2dGradient
from nirx_conformance.oracle.gradients.cuba_li import CubaLIGradient
from nirx_conformance.oracle.gradients.cuba_lif import CubaLIFGradient
from nirx_conformance.oracle.gradients.delay import DelayGradient
from nirx_conformance.oracle.gradients.flatten import FlattenGradient
from nirx_conformance.oracle.gradients.input_output import InputOutputGradient
from nirx_conformance.oracle.gradients.integrate_and_fire import IFGradient
from nirx_conformance.oracle.gradients.integrator import IGradient
from nirx_conformance.oracle.gradients.li import LIGradient
from nirx_conformance.oracle.gradients.lif import LIFGradient
from nirx_conformance.oracle.gradients.linear import LinearGradient
from nirx_conformance.oracle.gradients.node import NodeGradient
from nirx_conformance.oracle.gradients.scale import ScaleGradient
from nirx_conformance.oracle.gradients.sum_pool2d import SumPool2dGradient
from nirx_conformance.oracle.gradients.threshold import ThresholdGradient
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

Kinds = Mapping[type[OracleNode], type[NodeGradient]]

GRADIENTS: Kinds = {
    InputOutput: InputOutputGradient,
    Affine: AffineGradient,
    Linear: LinearGradient,
    Scale: ScaleGradient,
    Conv1d: Conv1dGradient,
    Conv2d: Conv2dGradient,
    SumPool2d: SumPool2dGradient,
    AvgPool2d: AvgPool2dGradient,
    Flatten: FlattenGradient,
    Delay: DelayGradient,
    Threshold: ThresholdGradient,
    I: IGradient,
    IF: IFGradient,
    LI: LIGradient,
    LIF: LIFGradient,
    CubaLI: CubaLIGradient,
    CubaLIF: CubaLIFGradient,
}
