"""Fused kernels: a neuron's own step, traced on symbols and compiled as one loop.

- `expression`: what a step computes, as a list of operations; `trace`: from a `Dynamics` to one.
- `printing`: from operations to the lines of a loop; `adjoint`: from operations to their gradients.
- `compiled`: from source text to a function, through numba, with a cache on disk.
- `scan`: a layer of neurons over time; `gradient`: the same loop backwards in time.
- `gather`: products with rare spikes; `dense`: other products; `loop`: a cyclic component in one
  kernel.
- `cutting`: the slices of reproducible mode; `sliced_product`: their products with any numbers.
- `running`: compile and run a kernel; `threads`: on several threads.
- `flush`: what reproducible mode replaces by +0.
- `plan`: which nodes of a schedule run how, and why.
"""
