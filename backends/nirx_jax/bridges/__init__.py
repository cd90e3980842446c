"""Bridges between NIR and SNN libraries on JAX, as entry points of `nirx.bridges`."""

from nirx.bridging.bridge import BridgeEntry

__all__ = ["BRAINPY", "JAX", "ROCKPOOL", "SLAX", "SPYX"]

JAX = BridgeEntry("nirx_jax.bridges.plain", fallback=("equinox",))
SPYX = BridgeEntry("nirx_jax.bridges.spyx", ("spyx",), install="spyx")
# A linen module makes its layers only when it is called, so slax's cannot be seen before.
SLAX = BridgeEntry("nirx_jax.bridges.slax", ("slax",), ("flax.linen",), install="slax")
BRAINPY = BridgeEntry("nirx_jax.bridges.brainpy", ("brainpy",), install="brainpy brainstate")
ROCKPOOL = BridgeEntry(
    "nirx_jax.bridges.rockpool",
    ("rockpool.nn.modules.jax",),
    fallback=("rockpool",),
    install='"rockpool[jax]"',
)
