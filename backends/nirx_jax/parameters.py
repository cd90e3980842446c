"""Read and set the parameters of a network by NIR's names, as NumPy arrays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from nirx.errors import InputError
from nirx.execution.forms import Form
from nirx.execution.parameters import Slot, fitted_parameters, parameter_key
from nirx_jax.native import Formed, NativeNode
from nirx_jax.net import Net

__all__ = ["form_of", "load_parameters", "parameters_to_numpy", "require_network", "with_arrays"]


def parameters_to_numpy(net: Net) -> dict[str, np.ndarray]:
    """Copies of the parameters of all nodes that nirx runs.

    Arguments:
        net: of `from_nir` or `nir_to_jax`.

    Returns: {"fc.weight": array, "layer/lif.tau": array, ...}; nodes that share a module
    have one entry each. Modules of a `node_map` are left out.
    """
    own = _values(require_network(net))
    return {parameter_key(net.schedule, slot): np.array(value) for slot, value in own.items()}


def load_parameters(net: Net, values: Mapping[str, Any], strict: bool = True) -> Net:
    """A network with new parameters.

    Arguments:
        net: left as it is.
        values: what `parameters_to_numpy` of any backend returned, or the state_dict of the torch
            module that the network's graph was exported from. Other parameters keep their values.
        strict: raise for keys that match no parameter; otherwise they are ignored.

    Returns: the new network; it has the same structure, so nothing is compiled again.

    **Raises**: `InputError` that names the keys that match no parameter or have a wrong shape.
    """
    own = _values(require_network(net))
    fitted, _ = fitted_parameters(net.schedule, net.origin.node, own, values, strict)
    held = {}
    for slot, value in fitted.items():
        form = form_of(net, slot)
        key = parameter_key(net.schedule, slot)
        held[slot] = form, value if form is None else form.raw(key, value)
    return with_arrays(net, held)


def with_arrays(net: Net, held: Mapping[Slot, tuple[Form | None, np.ndarray]]) -> Net:
    """A network that holds parameters in these forms, as these raw arrays.

    Arguments:
        held: None instead of a form holds NIR's value itself.
    """
    leaders, own = dict(net.shared), _values(net)
    arrays = {name: dict(m.arrays) for name, m in net.nodes.items() if isinstance(m, NativeNode)}
    for slot, (form, value) in held.items():
        name = net.schedule.nodes[slot[0]].name
        raw = jnp.asarray(value, own[slot].dtype)
        arrays[leaders.get(name, name)][slot[1]] = raw if form is None else Formed(raw, form)
    changed = [name for name in arrays if arrays[name]]
    if not changed:
        return net
    return eqx.tree_at(
        lambda tree: [tree.nodes[name].arrays for name in changed],
        net,
        [arrays[name] for name in changed],
    )


def form_of(net: Net, slot: Slot) -> Form | None:
    """The form in which a parameter is held; None for most."""
    module = net.modules_in_order[slot[0]]
    held = module.arrays[slot[1]] if isinstance(module, NativeNode) else None
    return held.form if isinstance(held, Formed) else None


def require_network(net: Any) -> Net:
    """The network itself. **Raises** `InputError` for anything else."""
    if not isinstance(net, Net):
        raise InputError(f"a {type(net).__name__} did not come from NIR; expected a nirx_jax.Net")
    return net


def _values(net: Net) -> dict[Slot, jax.Array]:
    native = ((p, m) for p, m in enumerate(net.modules_in_order) if isinstance(m, NativeNode))
    return {(p, name): value for p, m in native for name, value in m.values.items()}
