"""The oracle of gradients: backpropagation through time, written out by hand in float64.

Like the oracle itself it shares no code with the core of nirx. Every node is one small file: the
derivative of its forward file, one step at a time. What is smooth is checked by finite differences.
"""

from nirx_conformance.oracle.gradients.choice import Choice as Choice
from nirx_conformance.oracle.gradients.network import Backward as Backward
from nirx_conformance.oracle.gradients.network import Cotangents as Cotangents
from nirx_conformance.oracle.gradients.network import Gradients as Gradients
from nirx_conformance.oracle.gradients.node import Spiking as Spiking
from nirx_conformance.oracle.gradients.surrogates import FORMULAS as FORMULAS
from nirx_conformance.oracle.gradients.surrogates import formula_of as formula_of
