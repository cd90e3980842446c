"""Bridges to SNN libraries on JAX. Each imports its library, so none is imported by nirx_jax."""

from nirx_jax.bridges.neuron import LibraryNeuron
from nirx_jax.module_map import MODULE_MAP

MODULE_MAP.register(LibraryNeuron, LibraryNeuron.to_node)
