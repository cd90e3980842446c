"""Ctrl-C while HDF5 writes: an exception inside of its callbacks would crash it."""

from __future__ import annotations

import signal

import h5py
import pytest

import nirx
from nirx.basics.held_signals import held_signals, let_signals_through
from nirx.files import hdf5_writing
from support.graphs import chain, lif

GRAPH = chain({"lif": lif()}, 2)
D = nirx.Discretization(dt=1e-3)


def count_callbacks(monkeypatch, interrupt_at):
    calls = []
    for name in ("write", "truncate", "seek", "tell", "readinto"):
        real = getattr(hdf5_writing._Stream, name)

        def called(self, *arguments, real=real):
            calls.append(1)
            if len(calls) == interrupt_at:
                signal.raise_signal(signal.SIGINT)
            return real(self, *arguments)

        monkeypatch.setattr(hdf5_writing._Stream, name, called)
    return calls


def test_ctrl_c_waits_until_hdf5_is_done(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        calls = count_callbacks(patch, None)
        nirx.write(tmp_path / "x", GRAPH)
        total = len(calls)
    assert total > 50
    before = (tmp_path / "x").read_bytes()
    for call in range(1, total + 1, 7):
        with monkeypatch.context() as patch:
            count_callbacks(patch, call)
            with pytest.raises(KeyboardInterrupt):
                nirx.write(tmp_path / "x", GRAPH)
        assert (tmp_path / "x").read_bytes() == before
        assert [p.name for p in tmp_path.iterdir()] == ["x"]


def test_signals_are_let_through_at_a_safe_moment():
    reached = []

    def work():
        with held_signals(), held_signals():
            signal.raise_signal(signal.SIGINT)
            reached.append("held")
            let_signals_through()
            reached.append("never")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert reached == ["held"]
    with held_signals():
        pass
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_of_several_signals_that_waited_one_ends_the_work():
    def work():
        with held_signals():
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        work()
    with held_signals():  # the second is not left for whoever comes next
        let_signals_through()


def test_the_assembly_of_a_reference_stops_between_two_pieces(tmp_path, monkeypatch):
    opened = []
    real = h5py.Group.create_dataset

    def create(self, *arguments, **options):
        opened.append(1)
        if len(opened) == 1:
            signal.raise_signal(signal.SIGINT)
        return real(self, *arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(
            "nirx.references.generate.file_bytes", lambda *a: (opened.clear(), b"graph")[1]
        )
        patch.setattr(h5py.Group, "create_dataset", create)
        with pytest.raises(KeyboardInterrupt) as caught:
            nirx.reference(GRAPH, "poisson:rate=0.3", tmp_path / "r.h5", steps=50, discretization=D)
    assert len(opened) == 1
    assert "call it again" in caught.value.__notes__[0]
    assert (
        nirx.reference(
            GRAPH, "poisson:rate=0.3", tmp_path / "r.h5", steps=50, discretization=D
        ).resumed
        == 50
    )
