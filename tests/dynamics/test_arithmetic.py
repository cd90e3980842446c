"""`Arithmetic`: its values, and as a part of a discretization."""

import pickle

import pytest

import nirx
from nirx import Arithmetic, Discretization

LOIHI = {"membrane_bits": 24, "synapse_bits": 24, "limits": "symmetric", "weight_shift": 6}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"weight_bits": 0}, "weight_bits=0; expected a whole number, 1 to 32"),
        ({"weight_bits": True}, "weight_bits=True"),
        ({"membrane_bits": 16.0}, "membrane_bits=16.0"),
        ({"decay": "leak"}, "decay='leak'; expected one of 'multiply', 'shift'"),
        ({"membrane_bits": 48}, "membrane_bits=48 and decay_bits=12 give products of 60 bits"),
        ({"membrane_lowest": 1}, "membrane_lowest=1; expected None or a whole number, -32768 to 0"),
        ({"membrane_lowest": -40000}, "membrane_lowest=-40000"),
        ({"weight_shift": 40}, "weight_shift=40; expected a whole number, -31 to 31"),
    ],
)
def test_meaningless_values(values, message):
    with pytest.raises(nirx.InputError, match=message):
        Arithmetic(**values)


@pytest.mark.parametrize(
    ("limits", "overflow", "expected"),
    [
        ("full", "saturate", (-8, 7)),
        ("full", "wrap", (-8, 7)),
        ("symmetric", "saturate", (-7, 7)),
        ("symmetric", "wrap", (-7, 8)),
    ],
)
def test_ranges(limits, overflow, expected):
    own = Arithmetic(membrane_bits=4, limits=limits, membrane_overflow=overflow)
    assert own.range_of("membrane") == expected


def test_a_discretization_carries_it():
    rule = Discretization(dt=1.0, arithmetic=Arithmetic(**LOIHI))
    for again in (Discretization.from_json(rule.to_json()), pickle.loads(pickle.dumps(rule))):
        assert again == rule
        assert hash(again) == hash(rule)
        assert again.arithmetic == Arithmetic(**LOIHI)
    assert Discretization(dt=1.0, arithmetic=LOIHI) == rule  # type: ignore[arg-type]


def test_without_one_the_text_is_that_of_earlier_versions():
    assert "arithmetic" not in Discretization().to_json()


def test_a_node_changes_single_values():
    own = {"fc": {"arithmetic": {"weight_shift": 2}}}
    rule = Discretization(dt=1.0, arithmetic=Arithmetic(**LOIHI), overrides=own)
    assert rule.at(("fc",)).arithmetic == Arithmetic(**{**LOIHI, "weight_shift": 2})
    assert rule.at(("lif",)).arithmetic == Arithmetic(**LOIHI)
    assert Discretization.from_json(rule.to_json()) == rule


@pytest.mark.parametrize(
    ("own", "around", "message"),
    [
        ({"weight_shift": 2}, None, "the graph has none; set arithmetic= itself"),
        ({"weigth_shift": 2}, {}, "did you mean 'weight_shift'"),
        (3, {}, "arithmetic=3; expected a nirx.Arithmetic"),
    ],
)
def test_wrong_changes_of_a_node(own, around, message):
    with pytest.raises(nirx.InputError, match=message):
        Discretization(arithmetic=around, overrides={"fc": {"arithmetic": own}})


def test_an_unknown_value_in_a_text():
    text = Discretization(arithmetic=Arithmetic()).to_json().replace("weight_bits", "weight_bit")
    with pytest.raises(nirx.InputError, match="Arithmetic has no 'weight_bit'"):
        Discretization.from_json(text)
