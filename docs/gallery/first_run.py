# %% [markdown]
# # A first run on three backends
#
# One graph, one input, three frameworks: the same spikes.

# %%
import nir
import numpy as np

import nirx

rng = np.random.default_rng(0)
ones = np.ones(10)
graph = nir.NIRGraph.from_list(
    nir.Affine(rng.normal(0, 0.7, (10, 4)), 0.1 * ones),
    nir.LIF(tau=0.02 * ones, r=3 * ones, v_leak=0 * ones, v_threshold=ones),
)
step = nirx.Discretization(dt=1e-3)

# %% [markdown]
# `nirx.schedule` says in which order the nodes run and what shapes they have; `nirx.show` draws them.

# %%
nirx.schedule(graph, step)

# %%
nirx.show(graph)

# %% [markdown]
# The input is `[time, batch, features]`.

# %%
xs = (rng.random((100, 2, 4)) < 0.4).astype(np.float32)
runs = {}
for backend in ("numpy", "torch", "jax"):
    net = nirx.from_nir(graph, backend, step)
    spikes, state, recorded = net.run(xs, record="all")
    runs[backend] = recorded
    print(backend, int(spikes.sum()), "spikes")

# %% [markdown]
# `nirx.compare` looks at every number; with `reproducible=True` all bits are equal.

# %%
found = nirx.compare(graph, xs, discretization=step, reproducible=True)
assert found.bitwise
found

# %% [markdown]
# Pictures take the recordings of any backend.

# %%
spiking = next(key for key in runs["torch"] if key.startswith("lif") and not key.endswith(".v"))
axes = nirx.plot.raster(runs["torch"][spiking], sample=0, dt=step.dt)

# %%
axes = nirx.plot.membrane(runs["jax"][f"{spiking}.v"], sample=0, dt=step.dt)
