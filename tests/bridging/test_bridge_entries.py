"""A bridge is found by its entry point, and a model's bridge by what the entries declare."""

from __future__ import annotations

import sys

import pytest

import nirx
from nirx.bridging.bridge import bridge_names, find_bridge, guess_bridge

PLUGIN = """
from nirx.bridging.bridge import BridgeEntry
ENTRY = BridgeEntry("plugin.bridge", ("made_up.neurons",), ("made_up",), install="made-up-snn")
"""
BRIDGE = """
import made_up.neurons
from nirx.basics.type_map import TypeMap
from nirx.bridging.bridge import Bridge
BRIDGE = Bridge("made-up", "made_up", "torch", TypeMap(), TypeMap(), None, None)
"""
FILES = {
    "plugin/__init__.py": PLUGIN,
    "plugin/bridge.py": BRIDGE,
    "made_up/__init__.py": "",
    "made_up/neurons.py": "",
    "plugin-1.0.dist-info/METADATA": "Name: plugin\nVersion: 1.0\n",
    "plugin-1.0.dist-info/entry_points.txt": "[nirx.bridges]\nmade-up = TARGET\n",
}


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Installs the plug-in, with or without its library."""

    def build(target="plugin:ENTRY", library=True):
        for name, text in FILES.items():
            if library or not name.startswith("made_up"):
                (tmp_path / name).parent.mkdir(exist_ok=True)
                (tmp_path / name).write_text(text.replace("TARGET", target))
        monkeypatch.syspath_prepend(str(tmp_path))

    yield build
    for name in ("plugin", "plugin.bridge", "made_up", "made_up.neurons"):
        sys.modules.pop(name, None)


def model_of(module):
    """An instance of a class that a module seems to define."""
    return type("Model", (), {"__module__": module})()


def test_an_entry_is_found_without_its_library(install):
    install(library=False)
    assert "made-up" in bridge_names()
    assert guess_bridge(model_of("made_up.neurons.lif")) == "made-up"
    with pytest.raises(nirx.UnsupportedError, match=r"'made-up': .*; pip install made-up-snn$"):
        find_bridge("made-up")


def test_finding_the_bridge_imports_the_library(install):
    install()
    assert guess_bridge(model_of("made_up.other")) == "made-up"  # the fallback
    assert "made_up" not in sys.modules
    assert find_bridge("made-up").library == "made_up"
    assert "made_up.neurons" in sys.modules


def test_an_entry_point_may_be_a_bridge_itself(install):
    install("plugin.bridge:BRIDGE")
    assert find_bridge("made-up").name == "made-up"
    assert guess_bridge(model_of("made_up.neurons")) == "made-up"


@pytest.mark.parametrize("target", ["plugin.missing:ENTRY", "plugin.bridge:BRIDGE"])
def test_an_entry_point_that_cannot_be_loaded_is_no_obstacle_to_other_bridges(install, target):
    install(target, library=False)
    assert guess_bridge(model_of("norse.torch")) == "norse"
    with pytest.raises(nirx.UnsupportedError, match="'made-up': its library is not installed"):
        find_bridge("made-up")


@pytest.mark.parametrize(
    ("package", "bridge"),
    [
        ("norse.torch.module", "norse"),
        ("torch.nn.modules", "torch"),
        ("rockpool.nn.modules.torch.lif_torch", "rockpool"),
        ("rockpool.nn.modules.jax.lif_jax", "rockpool-jax"),
        ("equinox.nn", "jax"),
        ("flax.linen.module", "slax"),
    ],
)
def test_the_bridge_of_a_model_is_the_one_whose_entry_names_its_package(package, bridge):
    assert guess_bridge(model_of(package)) == bridge


def test_parts_of_two_libraries_are_ambiguous():
    parts = [model_of("norse.torch"), model_of("snntorch")]
    with pytest.raises(nirx.InputError, match="parts of norse and snntorch; choose one by source="):
        guess_bridge(parts)
