"""Digests of networks that run on many devices: `python -m support.jax_devices [rank port]`.

Prints {case: digest} as JSON. With a rank it is one of two processes.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import AxisType, NamedSharding
from jax.sharding import PartitionSpec as P

import nirx
import nirx_jax
from support.spread_graphs import GRAPHS, RULE, driven

CUT = 5


def digest(tree: Any) -> str:
    if jax.process_count() > 1:
        tree = multihost_utils.process_allgather(tree, tiled=True)
    return nirx.digest(nirx.state_to_numpy(tree))


def over_the_batch(net: Any, xs: np.ndarray, mesh: Any) -> dict[str, str]:
    """A run with `sharding=`, and one of inputs that are spread already, in two parts."""
    sharding = NamedSharding(mesh, P(None, "batch"))
    found = {"sharding": digest(net.run(xs, sharding=sharding, record="all"))}
    spread = jax.make_array_from_callback(xs.shape, sharding, lambda part: xs[part])
    found["device_put"] = digest(net.run(spread, record="all"))
    _, state = net.run(spread[:CUT])
    found["continued"] = digest(net.run(spread[CUT:], state)[1])
    one, state = net(spread[0])
    found["steps"] = digest([one, *net(spread[1], state)])
    return found


def over_features(net: Any, xs: np.ndarray, mesh: Any) -> str:
    """Rows of every weight on other devices."""
    sharding = NamedSharding(mesh, P("model"))

    def put(leaf: Any) -> Any:
        wide = eqx.is_array(leaf) and leaf.ndim and leaf.shape[0] % mesh.shape["model"] == 0
        return jax.device_put(leaf, sharding) if wide else leaf

    sharded = NamedSharding(mesh, P(None, "batch"))
    return digest(jax.tree.map(put, net).run(xs, sharding=sharded, record="all"))


def main(arguments: list[str]) -> None:
    if arguments:
        jax.config.update("jax_cpu_collectives_implementation", "gloo")
        jax.distributed.initialize(f"localhost:{arguments[1]}", 2, int(arguments[0]))
    found: dict[str, str] = {"devices": str(jax.device_count())}
    count = jax.device_count()
    # In two processes only the kind that jax.make_mesh makes, which takes less time.
    kinds = (AxisType.Explicit,) if arguments else (AxisType.Auto, AxisType.Explicit)
    for kind in kinds:
        mesh = jax.make_mesh((count,), ("batch",), axis_types=(kind,))
        shape = (2, count // 2) if count > 1 else (1, 1)
        both = jax.make_mesh(shape, ("batch", "model"), axis_types=(kind, kind))
        for name, graph in GRAPHS.items():
            net = nirx_jax.from_nir(graph(), RULE, reproducible=True)
            xs = driven(graph())
            own = over_the_batch(net, xs, mesh)
            if jax.process_count() == 1:
                own["features"] = over_features(net, xs, both)
            found.update({f"{name} {kind.name} {how}": text for how, text in own.items()})
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1:])
