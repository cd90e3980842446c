"""Bridges between NIR and SNN libraries on PyTorch, as entry points of `nirx.bridges`."""

from nirx.bridging.bridge import BridgeEntry

__all__ = ["NORSE", "ROCKPOOL", "SINABS", "SNNTORCH", "SPIKINGJELLY", "TORCH"]

TORCH = BridgeEntry("nirx_torch.bridges.plain", fallback=("torch",))
NORSE = BridgeEntry("nirx_torch.bridges.norse", ("norse",), install="norse")
SNNTORCH = BridgeEntry("nirx_torch.bridges.snntorch", ("snntorch",), install="snntorch nirtorch")
SINABS = BridgeEntry(
    "nirx_torch.bridges.sinabs", ("sinabs",), install="pbr && pip install --no-deps sinabs"
)
SPIKINGJELLY = BridgeEntry(
    "nirx_torch.bridges.spikingjelly", ("spikingjelly",), install="spikingjelly"
)
ROCKPOOL = BridgeEntry(
    "nirx_torch.bridges.rockpool", ("rockpool.nn.modules.torch",), install="rockpool"
)
