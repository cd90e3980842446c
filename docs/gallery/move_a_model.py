# %% [markdown]
# # Move a model
#
# `nirx.move` takes a model to another library, runs both on the same input, and says for each layer
# whether the numbers are the same. Here from a graph to torch and to JAX, which need no SNN library;
# `"snntorch"`, `"norse"`, `"sinabs"` and the others are written the same way.

# %%
import nir
import numpy as np

import nirx

rng = np.random.default_rng(1)
ones = np.ones(6)
graph = nir.NIRGraph.from_list(
    nir.Affine(rng.normal(0, 1, (6, 3)), 0.2 * ones),
    nir.LIF(tau=0.01 * ones, r=2 * ones, v_leak=0 * ones, v_threshold=ones),
    nir.Linear(rng.normal(0, 1, (2, 6))),
    nir.LI(tau=0.02 * ones[:2], r=ones[:2], v_leak=0 * ones[:2]),
)
step = nirx.Discretization(dt=1e-3)
moved = nirx.move(graph, "torch", discretization=step)
moved

# %% [markdown]
# `moved.model` is a `torch.nn.Module`, ready to train.

# %%
[name for name, _ in moved.model.named_parameters()]

# %% [markdown]
# Trained parameters go back into a graph, and from there to JAX.

# %%
import nirx_torch

back = nirx_torch.to_nir(moved.model)
on_jax = nirx.move(back, "jax", discretization=step)
assert on_jax.fidelity in ("exact", "rounding")
on_jax
