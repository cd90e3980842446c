"""Looking for numbers that reproducible mode replaces by +0."""

import numpy as np
import pytest

import nirx
from nirx.execution.kernels.flush import BLOCK, needs_flush
from nirx.execution.reproducible import SMALLEST
from support.agreement import assert_bits
from support.graphs import lif, line, make_graph

SIZE = 3 * BLOCK + 7
PLACES = [0, BLOCK - 1, BLOCK, SIZE - 1]


def below(dtype):
    bound = np.dtype(dtype).type(SMALLEST[dtype])
    return {
        "just below": np.nextafter(bound, 0, dtype=dtype),
        "negative": -bound / 2,
        "subnormal": np.nextafter(np.dtype(dtype).type(0), 1, dtype=dtype),
        "-0": np.dtype(dtype).type(-0.0),
    }


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", below("float32"))
@pytest.mark.parametrize("place", PLACES)
def test_one_number_is_found(place, kind, dtype):
    array = np.ones(SIZE, dtype)
    array[::2] = 0
    assert not needs_flush(array)
    array[place] = below(dtype)[kind]
    assert needs_flush(array)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_what_stays(dtype):
    array = np.zeros((40, 500), dtype)
    array[3, :5] = SMALLEST[dtype], -SMALLEST[dtype], np.inf, -np.inf, np.nan
    array[4, 0] = np.copysign(np.dtype(dtype).type(np.nan), -1)
    array.flags.writeable = False
    assert not needs_flush(array)


def test_a_large_input_is_flushed():
    graph = make_graph(line("input", "s", "output"), np.array([64]), s=lif(64))
    plain = nirx.from_nir(
        graph, "numpy", nirx.Discretization(dt=1e-3), reproducible=True, execution="plain"
    )
    fused = nirx.from_nir(graph, "numpy", nirx.Discretization(dt=1e-3), reproducible=True)
    xs = np.random.default_rng(0).random((600, 64)).astype("float32")
    xs[5, 3], xs[7, 1] = -0.0, SMALLEST["float32"] / 2
    before = xs.copy()
    assert_bits(plain.run(xs, record=["input"]), fused.run(xs, record=["input"]))
    assert_bits(xs, before)
