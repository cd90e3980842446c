"""`nirx.digest`: what changes it, what does not, and one digest computed from its definition."""

from __future__ import annotations

import hashlib
import struct

import jax.numpy as jnp
import numpy as np
import pytest
import torch

import nirx

FROZEN = "f99031396b4a762e78870fbdf473faedc371ea11ae7b942a16f918559069d8fc"


def small():
    return {
        "lif": {"v": np.array([[1.5, -0.0], [np.nan, -2.0]], np.float32)},
        "out": (np.array([1, 2, 3], np.int64), [np.array(True)]),
        "é/": np.array(0.1),
    }


def by_the_documented_form():
    """The digest of `small`, written down leaf by leaf with nothing of nirx's or NumPy's."""

    def key(kind, text):
        raw = text.encode()
        return kind + str(len(raw)).encode() + b":" + raw

    def position(n):
        return key(b"i", str(n).zfill(20))

    nan = b"\x00\x00\xc0\x7f"
    leaves = [
        (
            key(b"k", "lif") + key(b"k", "v"),
            b"float32 [2, 2]",
            struct.pack("<ff", 1.5, 0.0) + nan + struct.pack("<f", -2.0),
        ),
        (key(b"k", "out") + position(0), b"int64 [3]", struct.pack("<qqq", 1, 2, 3)),
        (key(b"k", "out") + position(1) + position(0), b"bool []", b"\x01"),
        (key(b"k", "é/"), b"float64 []", struct.pack("<d", 0.1)),
    ]
    text = b"nirx digest 1\n"
    for path, line, values in sorted(leaves):
        text += path + b"\n" + line + b"\n" + values
    return hashlib.sha256(text).hexdigest()


def test_the_form_is_the_documented_one():
    assert nirx.digest(small()) == by_the_documented_form()


def test_the_digest_of_a_fixed_tree_never_changes():
    assert nirx.digest(small()) == FROZEN


def test_an_empty_tree_is_only_the_header():
    expected = hashlib.sha256(b"nirx digest 1\n").hexdigest()
    for tree in ({}, None, [], (), {"a": {}}, {"a": None, "b": []}):
        assert nirx.digest(tree) == expected
    assert nirx.digest({"a": np.zeros(0)}) != expected


def test_the_order_of_dicts_does_not_matter():
    a = {"x": np.ones(2), "y": {"b": np.zeros(1), "a": np.ones(1)}}
    b = {"y": {"a": np.ones(1), "b": np.zeros(1)}, "x": np.ones(2)}
    assert nirx.digest(a) == nirx.digest(b)


@pytest.mark.parametrize("kind", ["f4", "f8", "f2", "i2", "i8", "u4"])
def test_byte_order_and_layout_do_not_matter(kind):
    a = np.arange(12).reshape(3, 4).astype(f"<{kind}")
    expected = nirx.digest(a)
    assert nirx.digest(a.astype(f">{kind}")) == expected
    assert nirx.digest(np.asfortranarray(a)) == expected
    assert nirx.digest(np.repeat(a, 2, axis=0)[::2]) == expected
    read_only = a.copy()
    read_only.flags.writeable = False
    assert nirx.digest(read_only) == expected


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_sign_of_zero_and_the_payload_of_nan_do_not_matter(dtype):
    integer = {"float32": np.uint32, "float64": np.uint64}[dtype]
    plain = np.array([0.0, np.nan, 1.0], dtype)
    other = plain.copy()
    other[0] = -0.0
    other.view(integer)[1] |= integer(0x1234)
    negative = plain.copy()
    negative[1] = -negative[1]
    assert other.tobytes() != plain.tobytes()
    assert negative.tobytes() != plain.tobytes()
    assert nirx.digest(other) == nirx.digest(plain)
    assert nirx.digest(negative) == nirx.digest(plain)
    assert nirx.digest(np.array([0.0, np.inf, 1.0], dtype)) != nirx.digest(plain)


def test_the_backend_does_not_matter():
    a = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)
    expected = nirx.digest({"y": a, "n": np.arange(3, dtype=np.int32)})
    numbers = torch.arange(3, dtype=torch.int32)
    assert nirx.digest({"y": torch.from_numpy(a.copy()), "n": numbers}) == expected
    needs = torch.from_numpy(a.copy()).requires_grad_()
    assert nirx.digest({"y": needs, "n": numbers}) == expected
    turned = torch.from_numpy(np.ascontiguousarray(a.T)).T
    assert nirx.digest({"y": turned, "n": numbers}) == expected
    assert nirx.digest({"y": jnp.asarray(a), "n": jnp.arange(3, dtype=jnp.int32)}) == expected


DIFFERENT = {
    "one bit": {"a": np.array([1.0, np.nextafter(2.0, 3.0)])},
    "shape": {"a": np.array([[1.0, 2.0]])},
    "column": {"a": np.array([[1.0], [2.0]])},
    "dtype": {"a": np.array([1.0, 2.0], np.float32)},
    "integers": {"a": np.array([1, 2])},
    "path": {"b": np.array([1.0, 2.0])},
    "longer path": {"a": {"a": np.array([1.0, 2.0])}},
    "position": [np.array([1.0, 2.0])],
    "bare": np.array([1.0, 2.0]),
    "order": {"a": np.array([2.0, 1.0])},
    "split": {"a": np.array([1.0]), "b": np.array([2.0])},
    "one more": {"a": np.array([1.0, 2.0]), "b": np.zeros(0)},
}


def test_any_other_difference_changes_the_digest():
    digests = [nirx.digest(tree) for tree in DIFFERENT.values()]
    digests.append(nirx.digest({"a": np.array([1.0, 2.0])}))
    assert len(set(digests)) == len(DIFFERENT) + 1


def test_a_slash_in_a_name_is_not_a_level():
    x = np.ones(1)
    tuple_key, nested, slash = {("a", "b"): x}, {"a": {"b": x}}, {"a/b": x}
    assert nirx.digest(tuple_key) != nirx.digest(slash)
    assert nirx.digest(nested) != nirx.digest(slash)
    assert nirx.digest({"0": x}) != nirx.digest([x])


def test_lists_of_more_than_ten_keep_their_order():
    rows = [np.array([float(n)]) for n in range(12)]
    assert nirx.digest(rows) == nirx.digest(tuple(rows))
    assert nirx.digest(rows) != nirx.digest([*rows[:9], rows[10], rows[9], rows[11]])


@pytest.mark.parametrize(
    "tree",
    [
        {"a": np.array(["x"])},
        {"a": np.array([object()])},
        {"a": np.array([1j])},
        {"a": np.array(["2020"], "M8[D]")},
        {"a": "text"},
        {1: np.ones(1)},
        {None: np.ones(1)},
    ],
    ids=["text", "object", "complex", "date", "string", "number key", "None key"],
)
def test_what_is_no_number_is_refused(tree):
    with pytest.raises(nirx.InputError, match="digest"):
        nirx.digest(tree)


def test_two_leaves_of_one_path_are_distinguished_from_one():
    x, y = np.ones(1), np.zeros(1)
    both = {("a", "b"): x, "a": {"b": y}}
    turned = {"a": {"b": y}, ("a", "b"): x}
    assert nirx.digest(both) != nirx.digest({("a", "b"): x})
    assert nirx.digest(both) == nirx.digest(turned)
