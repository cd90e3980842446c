"""Every neuron class that the JAX libraries export, as a model that nirx can read.

`python tests/support/jax_neurons.py` prints the table of docs/neurons.md.
"""

# The libraries are not in .venv, where types are checked.
# pyright: reportMissingImports=false, reportCallIssue=false, reportArgumentType=false

from __future__ import annotations

import warnings
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

from support.neuron_rows import outcome_of, table_of

__all__ = ["LIBRARIES", "SIZE", "neurons_of", "outcome", "surroundings", "table"]

SIZE = 4
LIBRARIES = ("spyx", "slax", "rockpool-jax", "brainpy")

Build = Callable[[], Any]


def neurons_of(library: str) -> dict[str, Build]:
    """The classes of a library, each with a function that makes one for `SIZE` neurons."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return globals()[f"_{library.replace('-', '_')}"]()


def _spyx() -> dict[str, Build]:
    import spyx.nn as sn
    from flax import nnx

    keys = nnx.Rngs(0)
    found: dict[str, Build] = {
        name: lambda name=name: getattr(sn, name)((SIZE,), rngs=keys)
        for name in ("ALIF", "CuBaLIF", "LI", "LIF", "PSU_LIF", "RCuBaLIF", "RIF", "RLIF")
    }
    found["AssociativeLIF"] = lambda: sn.AssociativeLIF((SIZE,), rngs=keys)
    return {
        **found,
        "IF": lambda: sn.IF((SIZE,), 1.0),
        "RIF": lambda: sn.RIF((SIZE,), 1.0, rngs=keys),
    }


def _slax() -> dict[str, Build]:
    import flax.linen as nn
    import jax
    import slax

    def with_variables(module: Any) -> Any:
        x = jax.numpy.zeros((1, SIZE))
        return module, {"params": module.init(jax.random.PRNGKey(0), x).get("params", {})}

    return {
        "LIF": lambda: with_variables(slax.LIF()),
        "LTC": lambda: with_variables(slax.LTC(nn.Dense(SIZE))),
        "LeakyIntegrator": lambda: with_variables(slax.LeakyIntegrator(0.9)),
    }


def _rockpool_jax() -> dict[str, Build]:
    import rockpool.nn.modules as rp

    found: dict[str, Build] = {
        name: lambda name=name: getattr(rp, name)((SIZE, SIZE)) for name in ("LIFJax", "LIFODEJax")
    }
    return {
        **found,
        "ExpSynJax": lambda: rp.ExpSynJax(SIZE),
        "RateJax": lambda: rp.RateJax(SIZE),
    }


def _brainpy() -> dict[str, Build]:
    import brainpy.state as bp

    names = (
        "ALIF", "AdExIF", "AdExIFRef", "AdQuaIF", "AdQuaIFRef", "ExpIF", "ExpIFRef",
        "FitzHughNagumo", "Gif", "GifRef", "HH", "HindmarshRose", "IF", "Izhikevich",
        "IzhikevichRef", "LIF", "LIFRef", "MorrisLecar", "QuaIF", "WangBuzsakiHH",
    )  # fmt: skip
    found: dict[str, Build] = {name: lambda name=name: getattr(bp, name)(SIZE) for name in names}
    return {**found, "LeakyRateReadout": lambda: bp.LeakyRateReadout(SIZE, SIZE)}


def outcome(library: str, kind: str) -> str:
    """See `outcome_of`."""
    around = surroundings(library)
    return outcome_of(library, kind, lambda: neurons_of(library)[kind](), SIZE, around)


def surroundings(library: str) -> Any:
    """BrainPy's time step is that of its environment."""
    if library != "brainpy":
        return nullcontext()
    import brainstate
    import brainunit

    return brainstate.environ.context(dt=0.1 * brainunit.ms)


def table() -> str:
    """The rows of docs/neurons.md."""
    return table_of(LIBRARIES, neurons_of, outcome)


if __name__ == "__main__":
    print(table(), end="")
