"""NIR neurons as Rockpool's LIFJax.

One step is isyn = (isyn + x)*beta, vmem = alpha*vmem + isyn + bias, floor(vmem/threshold) spikes
(at most max_spikes_per_dt), and as many thresholds subtracted.

**Source**: rockpool 3.1.0, rockpool.nn.modules.jax.lif_jax; held to it by tests/libraries.
"""

# The library is not in .venv, where types are checked; nir's annotations are narrower than nir.
# pyright: reportCallIssue=false, reportMissingImports=false

from __future__ import annotations

import contextlib
import math
import warnings
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import nir
import numpy as np
from rockpool.nn.modules import LIFJax

from nirx.basics.type_map import TypeMap
from nirx.bridging.learning_window import window_of
from nirx.bridging.limits import (
    Limits,
    require_countable,
    require_quiet_start,
    require_values,
    reset_at_once,
)
from nirx.bridging.membrane import Membrane, Synapse, membrane_of, synapse_of
from nirx.bridging.ranges import positive
from nirx.bridging.surrogates import library_surrogate
from nirx.bridging.threshold import threshold_for
from nirx.dynamics.discretization import Discretization
from nirx_jax.bridges.neuron import LibraryNeuron, numbers

__all__ = ["NODE_MAP", "WINDOW", "RockpoolNeuron", "kept", "quiet"]

SPIKING = {"reset": ("subtract",), "output": ("new",), "reset_when": ("same",)}
SINGLE = {**SPIKING, "spikes": ("single",)}
# A count includes ties, whatever `threshold` says.
MULTI = {**SPIKING, "spikes": ("multi",)}
SYNAPSE = {"synapse": ("current-first",)}
LIF = Limits("rockpool.LIFJax", (SINGLE, MULTI))
CUBA = Limits("rockpool.LIFJax", (SINGLE | SYNAPSE, MULTI | SYNAPSE))
SILENT = Limits("rockpool.LIFJax", ({"output": ("new",)},))
SILENT_CUBA = Limits("rockpool.LIFJax", ({"output": ("new",), **SYNAPSE},))

NEVER = 1e30
"""A threshold that is never reached; an infinite one would be multiplied by 0."""

WINDOW = 0.5
"""Of its surrogate gradient, which cannot be chosen."""

NO_SYNAPSE = 1 / 40
"""Time constant, in steps, of a synapse that forgets: exp(-40) is below float64's rounding."""


class RockpoolNeuron(LibraryNeuron):
    """LIFJax with the state (vmem, isyn); LI and I are read at vmem.

    Its kind is "LIF" or "CubaLIF": the synapse of a "LIF" is not NIR's, and has to forget at once.
    """

    ties = "ge"
    ranges = (positive("tau_mem"), positive("tau_syn"))

    def advance(self, x: jax.Array, state: Any) -> tuple[jax.Array, Any]:
        features = self.features(x.shape)

        def alone(x: jax.Array, vmem: jax.Array, isyn: jax.Array) -> Any:
            """One sample, flat: LIFJax has one state for all samples of a batch."""
            y, _, record = self.cell(vmem, isyn, features).evolve(x[None, None], record=True)
            return y[0, 0], record["vmem"][0, 0], record["isyn"][0, 0, :, 0]

        if not x.size:
            return x, tuple(state)
        if self.kind == "LIF":  # undo the decay of the synapse, up to one rounding
            x = x / jnp.exp(-self.rule.dt / self.constant("tau_syn"))
        flat = (part.reshape(-1, math.prod(features)) for part in (x, *state))
        y, *new = (part.reshape(x.shape) for part in jax.vmap(alone)(*flat))
        return (y if self.spiking else new[0]), tuple(new)

    def features(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The last axes of an input: as many as the parameters have, at least one."""
        axes = max(1, *(value.ndim for value in self.arrays.values()))
        return shape[-axes:]

    def cell(self, vmem: jax.Array, isyn: jax.Array, features: tuple[int, ...]) -> LIFJax:
        """The neuron of Rockpool; its state is [neurons], the parameters here are [*features]."""
        size = vmem.shape[-1]
        most = self.rule.max_spikes if self.rule.spikes == "multi" else 1
        with (
            quiet(),
            jax.ensure_compile_time_eval(),
        ):  # its constructor reads numbers of its shape
            cell = LIFJax(
                size,
                dt=self.rule.dt,
                max_spikes_per_dt=float("inf") if most is None else float(most),
                rng_key=jax.random.PRNGKey(0),
            )
        own = {
            name: jnp.broadcast_to(value, features).reshape(-1)
            for name, value in self.arrays.items()
        }
        if self.kind == "LIF":
            forgets = self.constant("tau_syn")
            own["tau_syn"] = jnp.broadcast_to(forgets, features).reshape(-1)
        own["tau_syn"] = own["tau_syn"][:, None]
        own.setdefault("threshold", jnp.full(size, NEVER, vmem.dtype))
        return cell.set_attributes({**own, "vmem": vmem, "isyn": isyn[..., None]})

    def membrane(self) -> Membrane:
        own = self.arrays
        return Membrane(
            keep=kept(own["tau_mem"], self.rule.dt),
            offset=numbers(own["bias"]),
            threshold=numbers(own.get("threshold", np.inf)),
            start=self.start[0],
        )

    def synapse(self) -> Synapse | None:
        if self.kind == "LIF":
            return None
        keep = kept(self.arrays["tau_syn"], self.rule.dt)
        return Synapse(keep, keep)  # the input decays together with the current


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """LIFJax measures a tuple by jnp.size, which JAX deprecates."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "(size|shape) requires ndarray", DeprecationWarning)
        yield


def kept(tau: Any, dt: float) -> np.ndarray:
    """The fraction of the state that is left after a step."""
    return np.exp(-dt / numbers(tau))


NODE_MAP = TypeMap()
"""NIR's neurons as LIFJax. A neuron without synapse gets one that forgets within a step."""


@NODE_MAP.register(nir.IF)
@NODE_MAP.register(nir.I)
@NODE_MAP.register(nir.LIF)
@NODE_MAP.register(nir.LI)
def _lif(node: Any, rule: Discretization, dtype: str) -> LibraryNeuron:
    (LIF if hasattr(node, "v_threshold") else SILENT).require(reset_at_once(rule, node))
    own = membrane_of(node, rule)
    tau = np.full_like(own.keep, NO_SYNAPSE * rule.dt)
    arrays = _arrays(node, "tau", own, rule, dtype)
    start = [own.start, np.zeros_like(own.start)]
    return RockpoolNeuron(node, rule, arrays, start, own.gain, kind="LIF", tau_syn=tau)


@NODE_MAP.register(nir.CubaLIF)
@NODE_MAP.register(nir.CubaLI)
def _current_based(node: Any, rule: Discretization, dtype: str) -> LibraryNeuron:
    spiking = isinstance(node, nir.CubaLIF)
    (CUBA if spiking else SILENT_CUBA).require(reset_at_once(rule, node))
    own, synapse = membrane_of(node, rule), synapse_of(node, rule)
    tau = _time_constant(node, "tau_syn", synapse.keep, rule)
    arrays = {"tau_syn": tau, **_arrays(node, "tau_mem", own, rule, dtype)}
    start = [own.start, np.zeros_like(own.start)]
    gain = synapse.jump * own.gain / synapse.keep  # isyn is what is added to vmem
    return RockpoolNeuron(node, rule, arrays, start, gain, kind="CubaLIF")


def _arrays(
    node: Any, name: str, own: Membrane, rule: Discretization, dtype: str
) -> dict[str, Any]:
    arrays = {"tau_mem": _time_constant(node, name, own.keep, rule), "bias": own.offset}
    if not hasattr(node, "v_threshold"):
        return arrays
    if rule.reset_when != "same":
        require_quiet_start("rockpool.LIFJax", node, rule)
    require_countable("rockpool.LIFJax", node)
    single = rule.spikes == "single"
    threshold = threshold_for(own.threshold, rule, "ge" if single else rule.threshold, dtype)
    is_own = lambda s: True if window_of(s, own.threshold) == WINDOW else None  # noqa: E731
    library_surrogate(node, "rockpool", is_own)  # only to say so where it is another
    return {**arrays, "threshold": threshold}


def _time_constant(node: Any, name: str, keep: np.ndarray, rule: Discretization) -> np.ndarray:
    text = f"keeps part of its state in every step: {name} > dt"
    nearest = np.nextafter(rule.dt, np.inf)
    require_values("rockpool.LIFJax", node, name, keep > 0, nearest, text)
    with np.errstate(divide="ignore"):
        return -rule.dt / np.log(keep)
