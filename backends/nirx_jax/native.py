"""The module that holds the parameters of a node that nirx runs itself."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from nirx.dynamics.discretization import Discretization
from nirx.dynamics.node_types import find_type
from nirx.dynamics.surrogate_formulas import Surrogate
from nirx.execution.assemble import native_arrays
from nirx.execution.forms import Form
from nirx.execution.node_surrogates import surrogate_of_node
from nirx.execution.standalone import checked_node, step_alone
from nirx.graphs.origin import Origin
from nirx_jax.ops import JaxOps

__all__ = ["Formed", "NativeNode"]


class Formed(eqx.Module):
    """A parameter that is held in a form (see `nirx.parametrize`); `raw` is what is trained."""

    raw: jax.Array
    form: Form = eqx.field(static=True)

    @property
    def value(self) -> jax.Array:
        """NIR's value."""
        return self.form.value(jnp, self.raw)


class NativeNode(eqx.Module):
    """Holds a node's arrays under NIR's names.

    In a network the executor runs its dynamics; called by itself it does one step:
    `y = node(x)`, or `y, state = node(x, state)` where the node has memory.

    Arguments:
        node: a NIR node; its arrays are copied.
        rule: the discretization of its steps.
        surrogate: gradient of its spikes when it is called by itself; None takes the one in the
            node's metadata, else superspike.
        detach_reset: whether gradients stop at the reset when it is called by itself.
    """

    arrays: dict[str, jax.Array | Formed]
    origin: Origin = eqx.field(static=True)
    rule: Discretization = eqx.field(static=True)
    surrogate: Surrogate | None = eqx.field(static=True)
    detach_reset: bool = eqx.field(static=True)

    def __init__(
        self,
        node: Any,
        rule: Discretization | None = None,
        surrogate: Surrogate | None = None,
        detach_reset: bool = False,
    ):
        entry = find_type(type(checked_node(node)))
        assert entry is not None
        assert entry.dynamics is not None
        self.origin = Origin(node)
        self.rule = Discretization() if rule is None else rule
        self.surrogate, self.detach_reset = surrogate, detach_reset
        own = native_arrays(entry.dynamics, node)
        self.arrays = {name: jnp.array(array) for name, array in own.items()}

    def __call__(self, x: Any, state: Any = None) -> Any:
        """One step: x is [*batch, *features]; returns y, or (y, state)."""
        values = self.values
        first = next(iter(values.values()), jnp.asarray(x))
        kind = first.dtype if jnp.issubdtype(first.dtype, jnp.floating) else jnp.zeros(()).dtype
        surrogate = surrogate_of_node(self.node, self.type_name, self.surrogate)
        ops = JaxOps(str(kind), surrogate, self.detach_reset)
        return step_alone(self.origin.node, self.rule, ops, values, x, state)

    @property
    def values(self) -> dict[str, jax.Array]:
        """NIR's values of the parameters by name."""
        return {k: a.value if isinstance(a, Formed) else a for k, a in self.arrays.items()}

    @property
    def node(self) -> Any:
        """The NIR node that it was built from."""
        return self.origin.node

    @property
    def type_name(self) -> str:
        """Name of the NIR type."""
        return type(self.node).__name__

    def __getattr__(self, name: str) -> jax.Array:
        arrays = self.__dict__.get("arrays", {})
        if name in arrays:
            held = arrays[name]
            return held.value if isinstance(held, Formed) else held
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")
