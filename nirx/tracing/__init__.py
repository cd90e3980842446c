"""From a traced program to a NIR graph: what the torch and the JAX tracer have in common.

A tracer reads its framework's record of one time step and adds inputs, nodes, sums, constants,
loops and outputs to a `Draft`. The draft knows NIR; the tracers know torch and JAX.
"""
