"""From x, y, p and from the addresses on a chip to neurons."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import nirx
from nirx import EventFormat
from support.chips import LAYERS as KEYS
from support.chips import spikes, write


def test_x_y_and_p_are_places_in_the_shape_of_a_layer(camera, tmp_path):
    rows = [(s * 1000, x, y, p) for s, p, y, x in spikes(camera, "lif")]
    path = write(tmp_path / "x.csv", "t_us,x,y,p", rows)
    assert camera.verify(path).verdict == "exact"
    flat = [(s * 1000, (p * 3 + y) * 4 + x) for s, p, y, x in spikes(camera, "lif")]
    assert camera.verify(write(tmp_path / "y.csv", "t_us,addr", flat)).verdict == "exact"
    write(path, "t_us,x,y,p", [*rows, (10_000, 4, 0, 1)])
    with pytest.raises(nirx.InputError, match=rf"line {len(rows) + 2}: x is 4, but 'lif' has 4 th"):
        camera.verify(path)
    write(path, "t_us,x,y", [row[:3] for row in rows])
    with pytest.raises(nirx.InputError, match=r"\[2, 3, 4\], but the events have no p; state its"):
        camera.verify(path)


def test_a_flat_layer_needs_the_size_of_the_sensor(chip, tmp_path):
    rows = [(s * 1000, i % 2, i // 2) for s, i in spikes(chip, "lif")]
    path = write(tmp_path / "x.csv", "t_us,x,y", rows)
    with pytest.raises(nirx.InputError, match="'lif' is flat"):
        chip.verify(path, events=EventFormat(node="lif"))
    found = chip.verify(path, events=EventFormat(node="lif", height=2, width=2))
    assert found.verdict == "exact"


MAP = {100: 2, 101: 0, 205: 3, 207: 1}


def map_file(path: Path) -> Path:
    if path.suffix == ".csv":
        return write(path, "address,neuron", MAP.items())
    if path.suffix == ".json":
        path.write_text(json.dumps(MAP))
    else:
        np.savez(path, address=np.array(list(MAP)), neuron=np.array(list(MAP.values())))
    return path


@pytest.mark.parametrize("kind", ["csv", "json", "npz", "memory"])
def test_a_map_from_addresses_to_neurons(chip, tmp_path, kind):
    back = {neuron: address for address, neuron in MAP.items()}
    rows = [(s * 1000, back[i]) for s, i in spikes(chip, "lif")]
    path = write(tmp_path / "x.csv", "t_us,addr", rows)
    form = EventFormat(
        node="lif", addresses=MAP if kind == "memory" else map_file(tmp_path / f"m.{kind}")
    )
    assert chip.verify(path, events=form).verdict == "exact"
    write(path, "t_us,x", [*rows, (30_500, 206)])  # one column x is an address too
    line = len(rows) + 2
    with pytest.raises(nirx.InputError, match=rf"line {line}: address 206 is not in .* 100 to 207"):
        chip.verify(path, events=form)


def test_a_map_may_name_the_layers(chip, tmp_path):
    """A chip numbers the neurons of all layers; a layer of the map without events was silent."""
    base = {"lif": 64, "sub/lif": 128}
    rows = sorted((s * 1000, base[key] + i) for key in KEYS for s, i in spikes(chip, key))
    path = write(tmp_path / "x.csv", "t_us,addr", rows)
    entries = [(base[key] + i, key, i) for key in KEYS for i in range(4)]
    maps = {
        "csv": write(tmp_path / "m.csv", "address,node,neuron", entries),
        "json": tmp_path / "m.json",
        "npz": tmp_path / "m.npz",
        "memory": {address: (node, neuron) for address, node, neuron in entries},
    }
    nested_map = {key: {base[key] + i: i for i in range(4)} for key in KEYS}
    (tmp_path / "m.json").write_text(json.dumps(nested_map))
    address, node, neuron = (np.array(column) for column in zip(*entries, strict=True))
    np.savez(tmp_path / "m.npz", address=address, node=node, neuron=neuron)
    for own in maps.values():
        found = chip.verify(path, events=EventFormat(addresses=own))
        assert (found.verdict, [n.key for n in found.nodes]) == ("exact", list(KEYS))
    write(path, "t_us,addr", [row for row in rows if row[1] < 128])
    found = chip.verify(path, events=EventFormat(addresses=maps["csv"]))
    assert found["sub/lif"].missing == found["sub/lif"].expected > 0
    with pytest.raises(nirx.InputError, match="names the layer, and so does the file"):
        chip.verify(path, events=EventFormat(addresses=maps["csv"], node="lif"))


def test_a_map_of_pixels(camera, tmp_path):
    """The chip's pixels are mirrored; an index has an axis for each of the layer's."""
    rows = [(s * 1000, 3 - x, y, p) for s, p, y, x in spikes(camera, "lif")]
    path = write(tmp_path / "x.csv", "t_us,x,y,p", rows)
    every = list(np.ndindex(2, 3, 4))
    own = {(3 - x, y, p): (p, y, x) for p, y, x in every}
    assert camera.verify(path, events=EventFormat(addresses=own)).verdict == "exact"
    table = [(3 - x, y, p, f"{p};{y};{x}") for p, y, x in every]
    table_path = write(tmp_path / "m.csv", "x,y,p,neuron", table)
    assert camera.verify(path, events=EventFormat(addresses=table_path)).verdict == "exact"
    flat = {(x, y): 0 for x in range(4) for y in range(3)}
    with pytest.raises(nirx.InputError, match=r"goes by x, y, but the events have x, y, p"):
        camera.verify(path, events=EventFormat(addresses=flat))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("m.csv", "address,neuron\n1,2\n1,3\n", "the address 1 is there twice"),
        ("m.csv", "address,neuron\n1,a\n", "line 2: neuron is 'a'; expected a whole number"),
        ("m.csv", "address,neuron\n1\n", "line 2: expected 2 fields"),
        ("m.csv", "address,who\n1,2\n", "line 1: 'who' is not a column of an address map"),
        ("m.csv", "neuron\n1\n", "expected the columns address"),
        ("m.csv", "", "no rows"),
        ("m.csv", "address,neuron\n", "no addresses"),
        ("m.csv", "address,neuron\n1,9\n", "line 2: address 1 of .*: neuron 9 is not in 'lif'"),
        ("m.json", '{"1": 2, "1": 3}', "the address 1 is there twice"),
        ("m.json", '{"1": 2.5}', "address 1 is 2.5; expected a neuron"),
        ("m.json", '{"one": 2}', "address is 'one'"),
        ("m.json", "[1]", "expected an object"),
        ("m.json", "{", "not JSON"),
        ("m.json", '{"1": 2, "lif": {"2": 3}}', "some neurons have a node, others have none"),
        ("m.json", '{"1": 2, "1;2": 3}', r"addresses of different length, 1 and \(1, 2\)"),
        ("m.txt", "1 2", "unknown format; expected .csv, .json or .npz"),
    ],
)
def test_bad_maps_are_refused(chip, tmp_path, name, content, message):
    (tmp_path / name).write_text(content)
    path = write(tmp_path / "x.csv", "t_us,addr", [(1000, 1)])
    with pytest.raises((nirx.FileError, nirx.InputError), match=message):
        chip.verify(path, events=EventFormat(node="lif", addresses=tmp_path / name))
