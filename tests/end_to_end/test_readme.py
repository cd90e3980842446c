"""The example of README runs as printed, and pages agree with the code."""

import re

import pytest

import nirx
from nirx.dynamics.discretization import CHOICES
from nirx_conformance.cases import ALL_CASES
from nirx_conformance.cases.gradients import GRADIENT_CASES
from nirx_conformance.cases.integers import INTEGER_CASES
from nirx_conformance.mutants import (
    GRADIENT_MUTANTS,
    INTEGER_MUTANTS,
    MUTANTS,
    NEURON_MUTANTS,
)
from nirx_conformance.recorded.record import RECORDED_CASES
from support.paper import ROOT


def test_the_example_prints_what_is_shown(capsys):
    text = (ROOT / "README.md").read_text()
    assert len(text.splitlines()) <= 80
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    (shown,) = re.findall(r"```text\n(.*?)```", text, re.DOTALL)
    names: dict = {}
    exec(code, names)
    assert names["spikes"].shape == (100, 8, 3)
    assert 0 < float(names["spikes"].detach().mean()) < 1
    printed = capsys.readouterr().out
    assert [line.rstrip() for line in printed.splitlines()] == [
        line.rstrip() for line in shown.splitlines()
    ]


def test_pages_name_the_number_of_cases():
    assert f"against {len(ALL_CASES)} cases" in (ROOT / "README.md").read_text()
    results = (ROOT / "docs/conformance.md").read_text()
    assert f"| {len(ALL_CASES)}/{len(ALL_CASES)} |" in results
    assert f"| {len(GRADIENT_CASES)}/{len(GRADIENT_CASES)} |" in results


def test_pages_name_the_numbers_of_gradient_cases_and_of_mutants():
    kinds = {"gradients": GRADIENT_CASES, "integers": INTEGER_CASES}
    more = ", ".join(f"{len(cases)} of {kind}" for kind, cases in kinds.items())
    cases = f"{len(ALL_CASES)} cases, {more} and {len(RECORDED_CASES)} neurons"
    every = (*MUTANTS, *GRADIENT_MUTANTS, *INTEGER_MUTANTS, *NEURON_MUTANTS)
    assert f"| {cases}; {len(every)} mutants |" in (ROOT / "README.md").read_text()
    results = (ROOT / "docs/conformance.md").read_text()
    for name in every:
        assert f"| {name} | " in results


@pytest.mark.parametrize(
    "page",
    ["README.md", "CONTRIBUTING.md", "SECURITY.md", "docs/architecture.md", "docs/semantics.md"],
)
def test_files_that_pages_name_exist(page):
    text = (ROOT / page).read_text()
    links = re.findall(r"\]\((?!http)([^)#]+)\)", text)
    paths = re.findall(r"`((?:nirx|backends|tests|conformance|docs)/[\w/.]+)`", text)
    missing = [p for p in {*paths} if not (ROOT / p).exists()]
    missing += [p for p in links if not ((ROOT / page).parent / p).exists()]
    assert missing == []


def test_every_choice_is_in_the_semantics():
    text = (ROOT / "docs/semantics.md").read_text()
    for name, values in CHOICES.items():
        assert f"| `{name}` |" in text
        for value in values:
            assert f'`"{value}"`' in text, (name, value)
    assert f"Semantics version {nirx.SEMANTICS_VERSION}." in text
