"""nirx on JAX: `from_nir` gives an `equinox.Module`."""

try:
    import equinox as _equinox
    import jax as _jax
except ImportError as error:
    raise ImportError(
        'nirx_jax needs JAX and Equinox; install them with: pip install "nirx[jax]"'
    ) from error
del _equinox, _jax

from nirx.basics.public import shown_names as _shown_names
from nirx_jax.jax_to_nir import jax_to_nir as jax_to_nir
from nirx_jax.module_map import MODULE_MAP as MODULE_MAP
from nirx_jax.moments import get_moments as get_moments
from nirx_jax.moments import set_moments as set_moments
from nirx_jax.native import NativeNode as NativeNode
from nirx_jax.net import Net as Net
from nirx_jax.nir_to_jax import from_nir as from_nir
from nirx_jax.nir_to_jax import nir_to_jax as nir_to_jax
from nirx_jax.node_map import NODE_MAP as NODE_MAP
from nirx_jax.ops import JaxOps as JaxOps
from nirx_jax.parameters import load_parameters as load_parameters
from nirx_jax.parameters import parameters_to_numpy as parameters_to_numpy
from nirx_jax.state import state_from_numpy as state_from_numpy
from nirx_jax.to_nir import to_nir as to_nir
from nirx_jax.training import JaxParameters as JaxParameters

__dir__ = _shown_names(globals())
