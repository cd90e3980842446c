"""Bad input: one clear message on stderr, exit status 2, no traceback."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings

import h5py
import nir
import numpy as np
import pytest

import nirx
from nirx.cli import app, main, report
from nirx.files.archive import save_arrays
from support.graphs import lif, make_graph


def graph() -> nir.NIRGraph:
    first, second = (nir.Input({"input": np.array([2])}) for _ in range(2))
    edges = [("first", "lif"), ("second", "lif"), ("lif", "output")]
    return make_graph(edges, input=None, first=first, second=second, lif=lif())


@pytest.fixture
def file(tmp_path):
    nirx.write(tmp_path / "g.nir", graph(), nirx.Discretization(dt=1.0))
    return str(tmp_path / "g.nir")


@pytest.fixture
def refused(capsys):
    """Runs a command that must be refused; returns its one message."""

    def run(*args: object) -> str:
        assert main([str(a) for a in args]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith("nirx: error: ")
        assert err.count("nirx: ") == 1
        assert "Traceback" not in err
        return err

    return run


RANDOM = ("--random", "0", "--steps", "3")
X = np.zeros((3, 2))


def test_missing_file(refused, tmp_path):
    assert "no such file" in refused("info", tmp_path / "nothing.nir")


@pytest.mark.parametrize(
    "words",
    [
        ("info", "X"),
        ("diagnose", "FILE", "X", "--input", "poisson"),
        ("run", "FILE", "--input", "poisson", "--state-in", "X"),
        ("move", "X", "--to", "torch"),
        ("quantize", "X", "--preset", "int8"),
        ("reference", "X", "--input", "poisson", "--out", "r.h5"),
        ("verify", "X", "--backend", "numpy"),
        ("export-c", "X", "--out", "c"),
    ],
    ids=" ".join,
)
def test_a_folder_is_not_said_to_be_missing(words, refused, file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "folder.npz"
    folder.mkdir()
    own = [{"X": folder, "FILE": file}.get(word, word) for word in words]
    assert f"{folder}: not a file but a folder" in refused(*own)


def test_a_pipe_is_no_file(refused, tmp_path):
    os.mkfifo(tmp_path / "pipe.nir")
    assert "not a file but a pipe" in refused("info", tmp_path / "pipe.nir")


@pytest.mark.parametrize(
    "words",
    [("run", "FILE", *RANDOM), ("quantize", "FILE", "--preset", "int8", "--dt", "1")],
    ids=lambda words: words[0],
)
def test_results_do_not_go_to_a_file_named_like_stdout(words, refused, file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    own = [file if word == "FILE" else word for word in words]
    assert "name a file" in refused(*own, "--out", "-")
    assert not (tmp_path / "-").exists()


def test_not_a_nir_file(refused, tmp_path):
    (tmp_path / "x.nir").write_text("hello")
    assert "x.nir" in refused("info", tmp_path / "x.nir")


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\3\4 broken", b"\x93NUMPY\1\0v\0{'des"])
def test_input_is_not_a_numpy_file(refused, file, tmp_path, content):
    (tmp_path / "x.npz").write_bytes(content)
    assert "expected an .npz" in refused("run", file, "--input", tmp_path / "x.npz")


def test_input_is_missing_or_a_folder(refused, file, tmp_path):
    assert "no such file" in refused("run", file, "--input", tmp_path / "x.npz")
    assert "no .npz file in it" in refused("run", file, "--input", tmp_path)


def test_pickles_are_never_loaded(refused, file, tmp_path):
    np.savez(tmp_path / "x.npz", first=np.array([{}], object), second=X)
    assert "pickle" in refused("run", file, "--input", tmp_path / "x.npz")


def test_wrong_array_names(refused, file, tmp_path):
    np.savez(tmp_path / "x.npz", frist=X, second=X)
    message = refused("run", file, "--input", tmp_path / "x.npz")
    assert "no array for Input 'first'" in message
    assert "did you mean 'frist'?" in message


def test_one_array_for_two_inputs(refused, file, tmp_path):
    np.save(tmp_path / "x.npy", X)
    assert "'first', 'second'" in refused("run", file, "--input", tmp_path / "x.npy")


@pytest.mark.parametrize("shape", [(3, 5), (2,), (), (3, 2, 1)])
def test_wrong_shapes(refused, file, tmp_path, shape):
    np.savez(tmp_path / "x.npz", first=X, second=np.zeros(shape))
    message = refused("run", file, "--input", tmp_path / "x.npz")
    assert "'second'" in message
    assert str(shape) in message
    assert "2]" in message


def test_inputs_of_different_length(refused, file, tmp_path):
    np.savez(tmp_path / "x.npz", first=X, second=np.zeros((4, 2)))
    assert "(4,)" in refused("run", file, "--input", tmp_path / "x.npz")


@pytest.mark.parametrize("dtype", ["c8", "U1", "M8[s]"])
def test_inputs_that_are_not_numbers(refused, file, tmp_path, dtype):
    np.savez(tmp_path / "x.npz", first=X, second=np.zeros((3, 2), dtype))
    assert "expected real numbers" in refused("run", file, "--input", tmp_path / "x.npz")


def test_surplus_arrays_only_warn(file, tmp_path, capsys):
    np.savez(tmp_path / "x.npz", first=X, second=X, labels=np.arange(3))
    assert main(["run", file, "--input", str(tmp_path / "x.npz")]) == 0
    err = capsys.readouterr().err
    assert err.startswith("nirx: warning: ")
    assert "'labels'" in err


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (["--input", "x.npz", "--random", "0"], "both --input and --random"),
        ([], "neither --input nor --random"),
        (["--input", "x.npz", "--rate", "0.5"], "--rate goes with --random"),
        (["--random", "-1"], "--random"),
        (["--random", "0", "--steps", "-5"], "--steps"),
        (["--random", "0", "--steps", "many"], "--steps"),
        (["--random", "0", "--batch", "-2"], "--batch"),
        (["--random", "0", "--batch", "0"], "--batch"),
        (["--random", "0", "--rate", "1.5"], "probability"),
        (["--random", "0", "--rate", "nan"], "probability"),
        ([*RANDOM, "--backend", "nunpy"], "did you mean 'numpy'?"),
        ([*RANDOM, "--dtype", "float16"], "float32 or float64"),
        ([*RANDOM, "--record", "lif.w"], "did you mean"),
        ([*RANDOM, "--chunk", "0"], "--chunk"),
        ([*RANDOM, "--out", "no/such/folder/y.npz"], "there is no folder"),
        ([*RANDOM, "--out", "/dev/null"], "not a regular file"),
        ([*RANDOM, "--out", "y.npz", "--state-out", "y.npz"], "two files"),
        ([*RANDOM, "--state-in", "s.npz"], "no such file"),
        ([*RANDOM, "--nonsense"], "--nonsense"),
        ([*RANDOM, "--steps", "9" * 15, "--batch", "9" * 3], "no run would end"),
        ([*RANDOM, "--dt", "0"], "dt=0"),
        ([*RANDOM, "--dt", "x"], "--dt"),
    ],
)
def test_options_of_run(refused, file, tmp_path, monkeypatch, args, text):
    monkeypatch.chdir(tmp_path)
    assert text in refused("run", file, *args)


def test_target_is_a_folder(refused, file, tmp_path):
    assert "not a regular file" in refused("run", file, *RANDOM, "--out", tmp_path)


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (["--backends", "numpy"], "at least 2"),
        (["--backends", "numpy,torhc"], "did you mean 'torch'?"),
        (["--backends", "numpy,numpy", "--tolerance", "-1"], "--tolerance"),
        (["--backends", "numpy,numpy", "--steps", "0"], "nothing to compare"),
        (["--backends", "numpy,numpy", "--plot", "p.gif"], ".png"),
        (["--backends", "numpy,numpy", "--plot", "no/such/p.png"], "there is no folder"),
    ],
)
def test_options_of_compare(refused, file, args, text):
    assert text in refused("compare", file, "--random", "0", *args)


def test_a_backend_without_its_library(refused, file, monkeypatch):
    for name in [m for m in sys.modules if m.split(".")[0] in ("nirx_torch", "torch")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torch", None)
    message = refused("run", file, *RANDOM, "--backend", "torch")
    assert "nirx[torch]" in message


def test_state_of_another_graph(refused, file, tmp_path):
    save_arrays(tmp_path / "s.npz", {"fil/v": X})
    message = refused("run", file, *RANDOM, "--state-in", tmp_path / "s.npz")
    assert "fil" in message or "lif" in message


def test_state_of_another_batch(refused, file, tmp_path):
    save_arrays(tmp_path / "s.npz", {"lif/v": np.zeros((7, 2))})
    assert "(7, 2)" in refused("run", file, *RANDOM, "--state-in", tmp_path / "s.npz")


def test_all_faults_of_a_graph_in_one_message(refused, tmp_path):
    path = tmp_path / "g.nir"
    nirx.write(path, graph())
    with h5py.File(path, "r+") as stored:
        del stored["node/edges"]
        edges = [("first", "lif"), ("second", "lfi"), ("lif", "outputt")]
        stored.create_dataset("node/edges", data=edges, dtype=h5py.string_dtype())
    message = refused("info", path)
    assert "did you mean 'lif'?" in message
    assert "did you mean 'output'?" in message


def test_control_codes_in_names_do_not_reach_the_terminal(tmp_path, capsys):
    bad = graph()
    bad.nodes["\x1b[31m[red]\n"] = nir.Scale(np.ones(2))
    bad.edges += [("first", "\x1b[31m[red]\n"), ("\x1b[31m[red]\n", "output")]
    nirx.write(tmp_path / "g.nir", bad, nirx.Discretization())
    assert main(["info", str(tmp_path / "g.nir")]) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "\\x1b[31m[red]\\n" in out


def test_texts_of_a_report_keep_their_lines_but_no_control_codes(capsys):
    report.show(report.Report(0, parts=("one\x1b[31m\ntwo",)))
    assert capsys.readouterr().out == "one\\x1b[31m\ntwo\n"


@pytest.mark.parametrize(
    ("error", "status", "text"),
    [
        (OSError(28, "No space left on device", "y.npz"), 2, "y.npz: No space left on device"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (nirx.UnsupportedError("not this"), 2, "not this"),
        (MemoryError(), 2, "memory"),
    ],
)
def test_other_failures_end_with_a_message_and_a_status(monkeypatch, capsys, error, status, text):
    def fail(*_):
        raise error

    monkeypatch.setattr(app, "_invoke", fail)
    assert main(["info"]) == status
    assert text in capsys.readouterr().err


def test_a_warning_is_one_line_and_given_once(capsys):
    with report.warnings_as_lines():
        for _ in range(2):
            warnings.warn("two\nlines", nirx.NirxWarning, stacklevel=1)
    assert capsys.readouterr().err == "nirx: warning: two\\nlines\n"


def test_other_warnings_stay_as_they_are():
    with report.warnings_as_lines(), pytest.raises(DeprecationWarning):
        warnings.warn("of a library", DeprecationWarning, stacklevel=1)


def nirx_process(*args: str, **options) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "nirx", *args]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, **options)


def test_a_process_ends_with_status_and_message():
    done = nirx_process("info", "nothing.nir")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "nirx: error: nothing.nir: no such file\n"


def test_version_and_help(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"nirx {nirx.__version__}\n"
    for command in ("info", "run", "compare"):
        assert main([command, "--help"]) == 0
        assert "--preset" in capsys.readouterr().out


@pytest.mark.slow
def test_start_up_imports_no_library_that_it_does_not_need():
    code = (
        "import sys; from nirx.cli import main; main(['--help']); "
        "sys.exit(any(m in sys.modules for m in ('torch', 'jax', 'matplotlib')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60)
    assert done.returncode == 0


@pytest.mark.slow
def test_a_reader_that_closes_the_pipe(file):
    shell = f'set -o pipefail; "{sys.executable}" -m nirx info "{file}" --json | true'
    # A race: the reader may close its end before or after the short output is written.
    done = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, timeout=60)
    assert done.returncode in (0, 141)
    assert done.stderr == ""


def test_an_unknown_command_is_one_sentence(refused):
    assert refused("nosuch") == "nirx: error: No such command 'nosuch' (see 'nirx --help')\n"
