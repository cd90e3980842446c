"""The oracle: what a NIR graph computes, written out plainly and slowly in float64.

It shares no code with the core of nirx. Every node is one small file, written directly from
the equations in docs/semantics.md; `Discretization` is all it imports from nirx.
"""

from nirx_conformance.oracle.agreement import Agreement as Agreement
from nirx_conformance.oracle.agreement import compare as compare
from nirx_conformance.oracle.inlining import path_text as path_text
from nirx_conformance.oracle.network import OracleResult as OracleResult
from nirx_conformance.oracle.network import run as run
