"""From a traced program to a NIR graph: what the torch and the JAX tracer have in common.

A tracer reads its framework's record of one step and tells a `Draft` of inputs, nodes, sums,
constants, loops and outputs. The draft knows NIR; the tracers know torch and JAX.
"""
