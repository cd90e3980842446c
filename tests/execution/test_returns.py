"""A graph that says what its networks return: recordings, in the structure of the program."""

# nir's own annotations are narrower than what it accepts.
# pyright: reportArgumentType=false

from __future__ import annotations

from typing import Any

import nir
import numpy as np
import pytest

import nirx
from nirx.graphs.returns import RETURNS_KEY, with_returns
from support.graphs import recurrent

RULE = nirx.Discretization(dt=1e-3)
TREES: list[Any] = [
    "lif.v",
    ["output", "lif.v"],
    {"spikes": "lif", "rest": ["lif.v", None, "output"]},
    [["lif.v"], "lif.v"],
]


def graph(tree: Any) -> nir.NIRGraph:
    return with_returns(recurrent(), tree)


def drive(size: int = 3) -> np.ndarray:
    return 40 * np.random.default_rng(0).random((20, 3, size)).astype(np.float32)


def filled(tree: Any, rows: dict[str, np.ndarray]) -> Any:
    if isinstance(tree, list):
        return tuple(filled(part, rows) for part in tree)
    if isinstance(tree, dict):
        return {key: filled(part, rows) for key, part in tree.items()}
    return None if tree is None else rows[tree]


def assert_equal(a: Any, b: Any) -> None:
    assert type(a) is type(b)
    if isinstance(a, dict):
        assert set(a) == set(b)
        for key in a:
            assert_equal(a[key], b[key])
    elif isinstance(a, tuple):
        assert len(a) == len(b)
        for x, y in zip(a, b, strict=True):
            assert_equal(x, y)
    elif a is not None:
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("tree", TREES, ids=str)
def test_every_backend_returns_the_tree(backend, tree):
    xs = drive()
    plain = nirx.from_nir(recurrent(), backend, RULE)
    names = ["output", "lif", "lif.v"]
    _, last, rows = plain.run(xs, record=names)
    net = nirx.from_nir(graph(tree), backend, RULE)
    found, state = net.run(xs)
    expected = filled(tree, nirx.state_to_numpy(rows))
    assert_equal(nirx.state_to_numpy(found), expected)
    assert_equal(nirx.state_to_numpy(state), nirx.state_to_numpy(last))
    one, _ = net(xs[0])
    first = {name: row[0] for name, row in nirx.state_to_numpy(rows).items()}
    assert_equal(nirx.state_to_numpy(one), filled(tree, first))


def test_recordings_come_beside_it(backend):
    _, _, rows = nirx.from_nir(graph("lif.v"), backend, RULE).run(drive(), record=["lif"])
    assert set(rows) == {"lif"}


def test_no_steps_have_the_structure_too(backend):
    (spikes, v), _ = nirx.from_nir(graph(["output", "lif.v"]), backend, RULE).run(drive()[:0])
    assert spikes.shape == v.shape == (0, 3, *spikes.shape[2:])


def test_comparisons_and_references_see_the_outputs(tmp_path):
    found = nirx.compare(graph(["output", "lif.v"]), drive(), discretization=RULE)
    assert found.agree
    nirx.reference(graph(["output", "lif.v"]), drive(), tmp_path / "r.h5", discretization=RULE)
    assert nirx.verify(tmp_path / "r.h5", backend="torch").verdict == "exact"


def test_it_survives_a_file_and_a_network(tmp_path):
    nirx.write(tmp_path / "g.nir", graph(["output", "lif.v"]), RULE)
    again = nirx.read(tmp_path / "g.nir")
    net: Any = nirx.from_nir(again, "torch")
    assert isinstance(net.run(drive())[0], tuple)
    from nirx_torch import to_nir

    assert to_nir(net).metadata[RETURNS_KEY] == again.metadata[RETURNS_KEY]


@pytest.mark.parametrize(
    "text",
    ["", "[", "1", "[1]", "[]", "null", '["lif.w"]', '"nothing"', "[" * 4000, '{"a": {"b": 2}}'],
    ids=lambda text: text[:12],
)
def test_a_bad_hint_is_one_error(backend, text):
    bad = recurrent()
    bad.metadata = {RETURNS_KEY: text}
    with pytest.raises(nirx.GraphError, match=RETURNS_KEY):
        nirx.from_nir(bad, backend, RULE)


class Doubling:
    """A user's module with a membrane of its own."""

    def __call__(self, x, state=None):
        v = x if state is None else 0.5 * state + x
        return (v > 1) * 1.0, v

    def state_variables(self, state):
        return {"v": state}


class Closed:
    def __call__(self, x, state=None):
        return Doubling()(x, state)


@pytest.mark.filterwarnings("ignore::nirx.NirxWarning")
def test_a_users_module_says_its_membrane(backend):
    if backend != "numpy":
        pytest.skip("torch and JAX want modules of their own; bridges are tested in libraries")
    one = nir.LIF(*(np.ones(2) for _ in range(4)))
    chain = nir.NIRGraph.from_list(one)
    with_returns(chain, ["output", "lif.v"])
    xs = drive()[..., :2] / 40
    net = nirx.from_nir(chain, backend, RULE, node_map={nir.LIF: lambda node: Doubling()})
    (_, v), _ = net.run(xs)
    np.testing.assert_allclose(v[1], 0.5 * v[0] + xs[1], rtol=1e-6)
    net = nirx.from_nir(chain, backend, RULE, node_map={nir.LIF: lambda node: Closed()})
    with pytest.raises(nirx.InputError, match=r"'lif'.*cannot be recorded.*state_variables"):
        net.run(xs)
