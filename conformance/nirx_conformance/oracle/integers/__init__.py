"""The oracle of integers: what a NIR graph computes on a digital chip, in plain Python ints.

It shares the structure of a graph (nesting, shapes, order, late edges) with the oracle in
float64 and no arithmetic, neither with it nor with the core of nirx. No NumPy computes here.
"""

from nirx_conformance.oracle.integers.agreement import difference as difference
from nirx_conformance.oracle.integers.arithmetic import Arithmetic as Arithmetic
from nirx_conformance.oracle.integers.network import IntegerResult as IntegerResult
from nirx_conformance.oracle.integers.network import run as run
