"""A module takes the entry of a base class only if it computes what the base computes."""

# pyright: reportIncompatibleMethodOverride=false, reportAssignmentType=false

import functools

import pytest

from nirx.basics.find_exporter import find_exporter
from nirx.basics.type_map import ABSENT


def wrapped(method):
    return functools.wraps(method)(lambda *args: method(*args))


class Framework:
    def __call__(self, x):
        return self.forward(x)

    def forward(self, x):
        raise NotImplementedError


class Layer(Framework):
    gain = 2

    def forward(self, x):
        return self.scaled(x) if x else [self.offset() for _ in range(2)]

    def scaled(self, x):
        return self.gain * x

    @staticmethod
    def offset():
        return 1

    def reset(self):
        return None

    @property
    def surrogate(self):
        return None


class Data(Layer):
    gain = 3
    surrogate = 1

    def __init__(self):
        super().__init__()

    def reset(self):
        return 1

    def __repr__(self):
        return "Data"


class Forward(Layer):
    def forward(self, x):
        return super().forward(x)


class Helper(Layer):
    def scaled(self, x):
        return x


class Nested(Layer):
    @staticmethod
    def offset():
        return 2


class Wrapped(Layer):
    forward = wrapped(Layer.forward)


class Mixin:
    def forward(self, x):
        return x


class Mixed(Mixin, Layer):
    pass


class Below(Forward):
    pass


def entry(module):
    return module


@pytest.mark.parametrize("kind", [Layer, Data, type("Made", (Layer,), {})])
def test_inherited(kind):
    assert find_exporter(kind, None, {Layer: entry}) is entry


@pytest.mark.parametrize("kind", [Forward, Helper, Nested, Wrapped, Mixed, Below])
def test_overridden(kind):
    assert find_exporter(kind, {Layer: entry}) is ABSENT
    assert find_exporter(kind, {Layer: entry}, {kind: None}) is None
    assert find_exporter(kind, {kind: entry}, {Layer: None}) is entry


def test_base_without_a_call_stands_for_all_below():
    """What subclasses have to write is no override."""
    assert find_exporter(Forward, {Framework: entry}) is entry
    assert find_exporter(Helper, {Layer: None, Framework: entry}) is entry


def test_wrapped_call_of_the_base_is_looked_into():
    class Base:
        @wrapped
        def __call__(self, x):
            return self.inner(x)

        def inner(self, x):
            return x

    class Other(Base):
        def inner(self, x):
            return -x

    assert find_exporter(Other, {Base: entry}) is ABSENT
