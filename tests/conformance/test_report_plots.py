"""The plots of failures in the report."""

from __future__ import annotations

import math
import re
import sys
from pathlib import Path

import pytest

from nirx_conformance.suite import report_plot
from support.reports import plotted, written


@pytest.mark.parametrize(
    ("expected", "found"),
    [
        ([0.0, 1.0, 0.0], [0.0, 0.0, 0.0]),
        ([1.0, 2.0, 3.0], [1.0, math.nan, math.nan]),
        ([math.inf, -math.inf, math.nan], [math.nan] * 3),
        ([1.7e308, -1.7e308, 0.0], [-1.7e308, 1.7e308, 1.0]),
        ([5e-324, 0.0, 5e-324], [0.0, 5e-324, 0.0]),
        ([1.0, 1.0, 1.0], [1.0, 1.0 + 2**-52, 1.0]),
        ([-0.0, 0.0, 0.0], [0.0, -0.0, 0.0]),
    ],
)
def test_any_values_can_be_drawn(expected: list[float], found: list[float]):
    svg = report_plot.draw(plotted(expected, found).plot, "p")
    assert svg.startswith("<svg viewBox=")
    assert "first divergence" in svg
    assert "#1f4e79" not in svg, "a colour that ignores the page's colour scheme"


def test_one_step_can_be_drawn():
    assert "</svg>" in report_plot.draw(plotted([1.0], [2.0], step=0).plot, "p")


def test_the_mark_is_at_the_divergence():
    """It moves with the step, within the axes."""
    places = []
    for step in (2, 5):
        values = [float(i != step) for i in range(10)]
        svg = report_plot.draw(plotted([1.0] * 10, values, step).plot, "p")
        (mark,) = re.findall(r'<path d="M ([\d.]+)[^"]*"[^>]*stroke-dasharray[^>]*divergence', svg)
        places.append(float(mark))
    assert 60 < places[0] < places[1] < 460


def test_plots_are_deterministic_and_their_ids_unique():
    plot = plotted([1.0, 2.0], [1.0, 3.0]).plot
    assert report_plot.draw(plot, "a") == report_plot.draw(plot, "a")
    a, b = (set(re.findall(r' id="([^"]+)"', report_plot.draw(plot, x))) for x in "ab")
    assert a
    assert not a & b


def test_without_matplotlib_the_page_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    page, *_ = written(tmp_path, [plotted([1.0, 2.0], [1.0, 3.0])])
    assert page.tags("svg") == []
    assert "matplotlib is not installed" in page.place("undrawn").text
