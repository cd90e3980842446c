# %% [markdown]
# # Verify against a reference
#
# A reference file holds the right answer, step by step. `nirx.verify` compares a recording with it.

# %%
from pathlib import Path
from tempfile import mkdtemp

import nir
import numpy as np

import nirx

folder = Path(mkdtemp())
rng = np.random.default_rng(2)
ones = np.ones(8)
graph = nir.NIRGraph.from_list(
    nir.Affine(rng.normal(0, 1, (8, 4)), 0.1 * ones),
    nir.LIF(tau=0.01 * ones, r=2 * ones, v_leak=0 * ones, v_threshold=ones),
)
step = nirx.Discretization(dt=1e-3)
made = nirx.reference(
    graph, "poisson:rate=0.3", folder / "ref.h5", steps=200, discretization=step, record="all"
)
made

# %% [markdown]
# Another backend reproduces it.

# %%
found = nirx.verify(folder / "ref.h5", backend="torch")
assert found.agree
found

# %% [markdown]
# A "chip" that resets by subtraction does not. The table names the first step and neuron.

# %%
chip = nirx.Discretization(dt=1e-3, reset="subtract")
nirx.reference(graph, "poisson:rate=0.3", folder / "chip.h5", steps=200, discretization=chip)
failed = nirx.verify(folder / "ref.h5", folder / "chip.h5")
assert not failed.agree
failed

# %% [markdown]
# With `why=True` nirx searches for the rule that explains it.

# %%
explained = nirx.verify(folder / "ref.h5", folder / "chip.h5", why=True)
explained
