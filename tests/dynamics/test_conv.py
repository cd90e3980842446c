"""Conv1d and Conv2d, by loops straight from the definition."""

from __future__ import annotations

from typing import Any

import nir
import numpy as np
import pytest

from support.graphs import changed
from support.one_node import alone


def run(node: Any, xs: np.ndarray, features: tuple[int, ...]) -> np.ndarray:
    net = alone(node, features)
    ys, _ = net.run(xs)
    stepped = np.stack([net(x)[0] for x in xs])
    np.testing.assert_allclose(stepped, ys, rtol=1e-12, atol=1e-14)
    return ys


def cross_correlate(
    x: np.ndarray, w: np.ndarray, b: Any, stride: Any, pad: Any, dilation: Any, groups: int
) -> np.ndarray:
    """One image x [C, H, W]; pad is ((top, bottom), (left, right))."""
    (top, bottom), (left, right) = pad
    c, h, width = x.shape
    padded = np.zeros((c, h + top + bottom, width + left + right))
    padded[:, top : top + h, left : left + width] = x
    out, per_group, kh, kw = w.shape
    rows = (padded.shape[1] - dilation[0] * (kh - 1) - 1) // stride[0] + 1
    columns = (padded.shape[2] - dilation[1] * (kw - 1) - 1) // stride[1] + 1
    y = np.zeros((out, rows, columns))
    for o, r, col in np.ndindex(y.shape):
        first = o // (out // groups) * per_group
        for k, i, j in np.ndindex(per_group, kh, kw):
            row, column = r * stride[0] + i * dilation[0], col * stride[1] + j * dilation[1]
            y[o, r, col] += w[o, k, i, j] * padded[first + k, row, column]
        y[o, r, col] += 0 if b is None else np.atleast_1d(b)[o if np.size(b) > 1 else 0]
    return y


def pair(value: Any) -> tuple[int, int]:
    a, b = np.broadcast_to(value, 2).tolist()
    return a, b


def padding_of(word: Any, kernel: tuple[int, ...], dilation: tuple[int, int]) -> Any:
    if isinstance(word, str) and word == "valid":
        return (0, 0), (0, 0)
    if isinstance(word, str) and word == "same":
        spans = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
        return tuple((s // 2, s - s // 2) for s in spans)
    return tuple((p, p) for p in pair(word))


CASES: list[dict[str, Any]] = [
    {},
    {"stride": 2},
    {"stride": (2, 1), "padding": (1, 2)},
    {"padding": 2, "dilation": 2},
    {"padding": "same"},
    {"padding": "same", "dilation": (2, 1)},
    {"padding": "valid", "stride": np.array([1, 3])},
    {"groups": 2},
    {"groups": 4, "padding": np.array([1, 0]), "dilation": (1, 2)},
    {"padding": b"same"},
]


@pytest.mark.parametrize("options", CASES, ids=str)
@pytest.mark.parametrize("kernel", [(1, 1), (3, 2), (2, 4)])
@pytest.mark.parametrize("batch", [(), (2,), (2, 2)])
def test_conv2d_matches_its_definition(options, kernel, batch):
    rng = np.random.default_rng(0)
    options = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1, **options}
    w = rng.normal(size=(4, 4 // options["groups"], *kernel))
    bias = rng.normal(size=4)
    xs = rng.normal(size=(2, *batch, 4, 6, 8))
    ys = run(changed(nir.Conv2d(None, w, 1, 0, 1, 1, bias), **options), xs, (4, 6, 8))
    word = options["padding"]
    dilation = pair(options["dilation"])
    pad = padding_of(word.decode() if isinstance(word, bytes) else word, kernel, dilation)
    for index in np.ndindex(2, *batch):
        expected = cross_correlate(
            xs[index], w, bias, pair(options["stride"]), pad, dilation, options["groups"]
        )
        np.testing.assert_allclose(ys[index], expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize(
    "options",
    [{}, {"stride": 2}, {"padding": 2}, {"padding": "same", "dilation": 3}, {"groups": 2}],
    ids=str,
)
def test_conv1d_is_conv2d_of_one_row(options):
    rng = np.random.default_rng(0)
    options = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1, **options}
    w = rng.normal(size=(2, 2 // options["groups"], 3))
    bias = rng.normal(size=2)
    xs = rng.normal(size=(3, 2, 9))
    ys = run(changed(nir.Conv1d(None, w, 1, 0, 1, 1, bias), **options), xs, (2, 9))
    dilation = (1, options["dilation"])
    pad = padding_of(options["padding"], (1, 3), dilation)
    pad = ((0, 0), pad[1])
    for t in range(3):
        expected = cross_correlate(
            xs[t][:, None], w[:, :, None], bias, (1, options["stride"]), pad, dilation,
            options["groups"],
        )  # fmt: skip
        np.testing.assert_allclose(ys[t], expected[:, 0], rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("bias", [None, np.array(0.5), np.array([0.5]), np.array([1.0, -1.0])])
def test_a_bias_is_per_channel_one_for_all_or_absent(bias):
    node = changed(nir.Conv2d(None, np.ones((2, 1, 1, 1)), 1, 0, 1, 1, np.zeros(2)), bias=bias)
    ys = run(node, np.zeros((1, 1, 2, 3)), (1, 2, 3))
    expected = np.broadcast_to(0.0 if bias is None else bias, 2)
    assert ys[0, :, 0, 0].tolist() == ys[0, :, 1, 2].tolist() == expected.tolist()


def test_conv_is_correlation_and_not_convolution():
    w = np.array([[[1.0, 10.0, 100.0]]])
    node = nir.Conv1d(None, w, 1, 0, 1, 1, np.zeros(1))
    assert run(node, np.array([[[1.0, 2.0, 3.0]]]), (1, 3)).tolist() == [[[321.0]]]


def test_same_padding_of_an_even_kernel_puts_the_odd_zero_last():
    node = nir.Conv1d(None, np.array([[[1.0, 10.0]]]), 1, "same", 1, 1, np.zeros(1))
    assert run(node, np.array([[[1.0, 2.0]]]), (1, 2)).tolist() == [[[21.0, 2.0]]]
