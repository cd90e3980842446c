"""nirx on PyTorch: `from_nir` gives a `torch.nn.Module`."""

try:
    import torch as _torch
except ImportError as error:
    raise ImportError(
        'nirx_torch needs PyTorch; install it with: pip install "nirx[torch]"'
    ) from error
del _torch

from nirx.basics.public import shown_names as _shown_names
from nirx_torch.module_map import MODULE_MAP as MODULE_MAP
from nirx_torch.moments import get_moments as get_moments
from nirx_torch.moments import set_moments as set_moments
from nirx_torch.native import NativeNode as NativeNode
from nirx_torch.net import Net as Net
from nirx_torch.nir_to_torch import from_nir as from_nir
from nirx_torch.nir_to_torch import nir_to_torch as nir_to_torch
from nirx_torch.nirtorch_api import extract_nir_graph as extract_nir_graph
from nirx_torch.nirtorch_api import load as load
from nirx_torch.nirtorch_install import install_as_nirtorch as install_as_nirtorch
from nirx_torch.node_map import NODE_MAP as NODE_MAP
from nirx_torch.ops import TorchOps as TorchOps
from nirx_torch.parameters import load_parameters as load_parameters
from nirx_torch.parameters import parameters_to_numpy as parameters_to_numpy
from nirx_torch.state import state_from_numpy as state_from_numpy
from nirx_torch.to_nir import to_nir as to_nir
from nirx_torch.torch_to_nir import torch_to_nir as torch_to_nir
from nirx_torch.training import TorchParameters as TorchParameters

__dir__ = _shown_names(globals())
