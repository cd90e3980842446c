"""What all commands have in common: --json, --quiet, progress, NO_COLOR, completion."""

from __future__ import annotations

import inspect
import json
import re
import time
from contextlib import contextmanager

import numpy as np
import pytest

import nirx
from nirx.basics.progress import listening, stage
from nirx.cli import app, frame, main, progress
from support.graphs import chain, lif

COLOUR = re.compile(r"\x1b\[(?:\d+;)*(?:3[0-8]|4[0-8]|9[0-7]|10[0-7])(?:;\d+)*m")
COMMANDS = {
    "info": "FILE",
    "run": "FILE --random 0 --steps 3",
    "compare": "FILE --random 0 --steps 3 --backends numpy,numpy",
    "view": "FILE --random 0 --steps 3 --out PAGE",
    "diagnose": "FILE SEEN --input X",
    "bench": "FILE --backends numpy --batch 1 --steps 2 --repeats 1",
    "conformance": "--backend numpy --level core --case affine",
    "move": "FILE --to torch --steps 3 --batch 1",
    "quantize": "FILE --preset int8 --dt 1",
    "reference": "FILE --input X --out OUT.h5",
    "verify": "REF --backend numpy",
    "export-c": "FILE --out C --steps 2",
    "doctor": "",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("commands")
    graph = chain({"lif": lif(2)}, 2)
    nirx.write(made / "g.nir", graph)
    xs = np.ones((3, 1, 2), np.float32)
    np.save(made / "x.npy", xs)
    with pytest.warns(nirx.NirxWarning):
        spikes, _ = nirx.from_nir(graph, "numpy").run(xs)
    np.savez(made / "seen.npz", lif=spikes)
    nirx.reference(graph, xs, made / "ref.h5", discretization=nirx.Discretization())
    return made


@pytest.fixture(params=COMMANDS)
def words(request, folder, tmp_path, monkeypatch):
    """The words of a command; a terminal that shows bars at once."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setattr(progress, "DELAY", 0.0)
    places = {
        "FILE": folder / "g.nir",
        "X": folder / "x.npy",
        "SEEN": folder / "seen.npz",
        "REF": folder / "ref.h5",
        "OUT.h5": tmp_path / "out.h5",
        "C": tmp_path / "c",
        "PAGE": tmp_path / "page.html",
    }
    own = COMMANDS[request.param].split()
    return [request.param, *(str(places.get(word, word)) for word in own)]


def test_this_file_knows_every_command():
    names = [own.name for own in app.app.registered_commands]
    assert set(names) == set(COMMANDS)
    for own in app.app.registered_commands:
        assert own.callback is not None
        assert {"json", "quiet"} <= set(inspect.signature(own.callback).parameters)


def test_quiet_json_is_json_and_nothing_else(words, capsys):
    assert main([*words, "--json", "--quiet"]) in (0, 1)
    out, err = capsys.readouterr()
    assert isinstance(json.loads(out), dict)
    assert err == ""


def test_no_color_is_honoured(words, capsys, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    assert main(words) in (0, 1)
    out, err = capsys.readouterr()
    assert out
    assert not COLOUR.search(out + err)


def test_warnings_and_errors(folder, capsys):
    file = str(folder / "g.nir")
    assert main(["info", file, "--json"]) == 0
    assert "nirx: warning: no --dt" in capsys.readouterr().err
    assert main(["info", file, "--dt", "x", "--quiet"]) == 2
    assert "nirx: error: " in capsys.readouterr().err
    assert main(["info", file, "--json"]) == 0  # quiet was for one command
    assert "nirx: warning: no --dt" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("info", ["reading"]),
        ("move", ["reading", "choosing the input", "searching the input", "running"]),
        ("diagnose", ["reading", "searching"]),
        ("quantize", ["reading", "quantizing"]),
        ("export-c", ["reading", "writing C", "running"]),
    ],
)
def test_long_work_is_in_stages(command, expected, folder, tmp_path, monkeypatch, capsys):
    seen = {}

    class Listener:
        @contextmanager
        def __call__(self, name, total, unit):
            seen[name] = 0.0

            def advance(done):
                seen[name] += done

            yield advance
            if name.split()[0] in ("searching", "quantizing", "writing"):
                assert 0 < seen[name] <= total

    monkeypatch.setattr(frame, "StageBars", Listener)
    places = {"FILE": "g.nir", "SEEN": "seen.npz", "X": "x.npy"}
    own = [str(folder / places[w]) if w in places else w for w in COMMANDS[command].split()]
    monkeypatch.chdir(tmp_path)
    assert main([command, *own]) in (0, 1)
    assert list(seen) == expected


def test_bars_of_stages_are_shown_and_taken_away(monkeypatch, capsys):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr(progress, "DELAY", 0.0)
    with listening(progress.StageBars()), stage("outer", 2, "parts") as advance:
        advance(1)
        shown = wait_for("1/2 parts", capsys)
        assert "outer" in shown
        with stage("inner", None, "rules") as inner:
            inner(3)
            assert "inner" in wait_for("3/? rules", capsys)
    assert capsys.readouterr().err.rstrip("\r").endswith("\x1b[?25h")  # the cursor is back


def wait_for(text, capsys):
    """What stderr shows, as soon as it has a text."""
    found = ""
    for _ in range(500):
        found += capsys.readouterr().err
        if text in found:
            return found
        time.sleep(0.01)
    raise AssertionError(f"no {text!r} in {found!r}")


@pytest.mark.parametrize(("typed", "offered"), [("nirx ver", "verify"), ("nirx run --ji", None)])
def test_a_shell_completes_commands_and_options(typed, offered, monkeypatch, capsys):
    monkeypatch.setenv("_NIRX_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", typed)
    monkeypatch.setenv("COMP_CWORD", str(typed.count(" ")))
    with pytest.raises(SystemExit) as end:
        main([])
    assert end.value.code == 0
    assert capsys.readouterr().out.split() == ([offered] if offered else [])


@pytest.mark.parametrize(
    ("speed", "said"), [(32_697.4, "32,697/s"), (12.3, "12/s"), (2.5, "2.5/s"), (0.0617, "0.062/s")]
)
def test_a_rate_is_never_said_to_be_nothing(speed, said):
    assert progress.rate_text(speed) == said
