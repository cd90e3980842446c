"""Bridges to SNN libraries on JAX. Each imports its library, so none is imported by nirx_jax."""
