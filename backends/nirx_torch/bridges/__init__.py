"""One file per torch library: what each NIR neuron is in it, and what its neurons are in NIR."""

from nirx_torch.bridges.neuron import LibraryNeuron
from nirx_torch.module_map import MODULE_MAP

MODULE_MAP.register(LibraryNeuron, LibraryNeuron.to_node)
