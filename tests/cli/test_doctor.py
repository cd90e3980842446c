"""`nirx doctor` on packages that are made up, and on this machine."""

from __future__ import annotations

import json
from importlib.metadata import distributions

import pytest

from nirx.cli import doctor, installed, main

NIRX = """\
Requires-Python: >=3.11
Requires-Dist: numpy>=2.0
Requires-Dist: nir>=1.0.8
Requires-Dist: fast-torch>=2.6; extra == "torch"
Requires-Dist: fast-torch>=2.6; extra == "all"
Requires-Dist: pytest; extra == "dev"
Requires-Dist: winonly; sys_platform == "nowhere"
Provides-Extra: torch
Provides-Extra: all
Provides-Extra: dev
"""
GOOD = {
    "nirx": ("0.1.0", NIRX),
    "numpy": ("2.4.1", ""),
    "nir": ("1.0.8", "Requires-Dist: numpy\nRequires-Dist: not a requirement at all!\n"),
    "Fast_Torch": ("2.13.0+cpu", "Requires-Dist: numpy<3\n"),
}


@pytest.fixture
def machine(tmp_path, monkeypatch, capsys):
    """Runs the command where these packages are installed: (exit status, payload)."""

    def run(**changes):
        for name, own in {**GOOD, **changes}.items():
            if own is None:
                continue
            version, lines = own
            folder = tmp_path / f"{name}-{version}.dist-info"
            folder.mkdir()
            head = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
            (folder / "METADATA").write_text(head + lines)
        monkeypatch.setattr(installed, "distributions", lambda: distributions(path=[str(tmp_path)]))
        installed.installed.cache_clear()
        status = main(["doctor", "--json"])
        return status, json.loads(capsys.readouterr().out)

    yield run
    installed.installed.cache_clear()


def test_what_fits(machine):
    status, found = machine()
    assert (status, found["problems"], found["remarks"]) == (0, [], [])
    assert found["extras"] == {"torch": {"missing": [], "install": 'pip install "nirx[torch]"'}}
    assert found["versions"]["fast-torch"] == "2.13.0+cpu"
    assert "winonly" not in found["versions"]


def test_a_missing_extra_is_no_fault(machine):
    status, found = machine(Fast_Torch=None)
    assert (status, found["problems"]) == (0, [])
    assert found["extras"]["torch"]["missing"] == ["fast-torch"]


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"Fast_Torch": ("2.5.0", "")}, 'needs fast-torch >=2.6; found fast-torch 2.5.0; pip inst'),
        ({"nir": ("1.0.4", "")}, 'needs nir >=1.0.8; found nir 1.0.4; pip install "nir>=1.0.8"'),
        ({"nir": None}, "needs nir >=1.0.8; nir is not installed"),
        ({"numpy": ("3.0", "")}, 'fast-torch 2.13.0+cpu needs numpy <3; found numpy 3.0; pip'),
        ({"nir": ("1.0.8", "Requires-Dist: lzma9>1")}, "nir 1.0.8 needs lzma9 >1; lzma9 is not"),
        ({"nirx": ("0.1.0", "Requires-Python: >=4")}, "nirx needs >=4"),
    ],
)  # fmt: skip
def test_what_does_not_fit(changes, problem, machine):
    status, found = machine(**changes)
    assert status == 1
    assert any(problem in text for text in found["problems"]), found["problems"]


def test_another_package_that_asks_for_less_is_a_remark(machine):
    status, found = machine(sinew=("3.1", "Requires-Dist: nir<=1.0.4\n"), other=("1", ""))
    assert (status, found["problems"]) == (0, [])
    assert found["remarks"] == ["sinew 3.1 needs nir <=1.0.4; found nir 1.0.8"]


def test_nirx_from_a_folder(machine):
    status, found = machine(nirx=None)
    assert status == 0
    assert "not installed" in found["remarks"][0]


def test_a_backend_whose_package_is_broken(machine, monkeypatch):
    def broken(name):
        raise OSError("libcudart.so.99: cannot open shared object file")

    monkeypatch.setattr(doctor, "find_backend", broken)
    status, found = machine()
    assert status == 1
    assert "backend numpy: OSError: libcudart.so.99" in " ".join(found["problems"])


def test_a_cache_that_cannot_be_written(machine, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("NIRX_CACHE_DIR", str(tmp_path / "file"))
    status, found = machine()
    assert status == 0
    assert found["cache"]["writable"] is False
    assert "NIRX_CACHE_DIR" in found["remarks"][0]


def test_on_this_machine(capsys):
    assert main(["doctor"]) in (0, 1)
    out = capsys.readouterr().out
    for word in ("numpy", "torch", "jax", "cpu", "kernel cache", "norse"):
        assert word in out
