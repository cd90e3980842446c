"""The runs of a move on its two libraries, in the form that `nirx.compare` takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from nirx.basics.paths import format_path
from nirx.bridging.adapt import Adapted
from nirx.bridging.bridge import Bridge
from nirx.errors import InputError
from nirx.execution.backend import find_backend
from nirx.graphs.schedule import Schedule

__all__ = ["source_run", "target_run"]


def source_run(bridge: Bridge, model: Any, schedule: Schedule, dtype: str) -> Any:
    """The model as its library runs it, for `compare`."""

    def run(inputs: Mapping[str, np.ndarray]) -> tuple[Any, None, Any]:
        if len(inputs) != 1:
            raise InputError(
                f"a model of {bridge.name} with {len(inputs)} inputs cannot be run here; export "
                "it (nirx_torch.torch_to_nir, nirx_jax.jax_to_nir) and move the graph"
            )
        (xs,) = inputs.values()
        found = dict(bridge.run(model, xs, dtype))
        # The output of a layer that became a subgraph is that of the subgraph's Output.
        whole = {path[:-1]: name for path, name in ends if format_path(path[:-1]) in found}
        found |= {name: found[format_path(path)] for path, name in whole.items()}
        return {}, None, found

    ends = [(p.path, p.name) for p in schedule.nodes if p.type_name == "Output" and p.path[1:]]
    run.__name__ = f"{bridge.name} (source)"
    return run


def target_run(bridge: Bridge, fit: Adapted, dtype: str, places: Mapping[str, str]) -> Any:
    """The moved graph with the library's neurons in it, for `compare`.

    Arguments:
        places: name in the recordings -> node of the graph that is recorded.
    """

    def run(inputs: Mapping[str, np.ndarray]) -> Any:
        prepare = find_backend(bridge.backend).prepare
        prepared = prepare(fit.graph, fit.discretization, dtype, node_map=bridge.node_map)
        outputs, state, rows = prepared(dict(inputs), None, list(places.values()))
        return outputs, state, {name: rows[at] for name, at in places.items()}

    run.__name__ = f"{bridge.name} (target)"
    return run
