"""The page in a real headless Chromium: clicks, keys, contrast, names, every width."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import nirx
from nirx.basics.paths import format_path
from support.browser import CONTRAST, EVIL, IN_A_BROWSER, TOO_WIDE, Browser, started
from support.graphs import chain, lif

pytestmark = IN_A_BROWSER

KEY = format_path((EVIL,))
D = nirx.Discretization(dt=1.0)
WIDTH, AT = 9, 450
PICTURE = "[...document.querySelectorAll('canvas')].map(c => c.toDataURL()).join()"
RANGE = "document.getElementById('range').textContent"
READING = "document.getElementById('reading').textContent"
ROWS = "[...document.querySelectorAll('#nodes tbody tr')].filter(r => r.offsetHeight)"
NAMES = f"{ROWS}.map(r => r.cells[1].textContent)"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with started(tmp_path_factory.mktemp("profile")) as found:
        yield found


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory):
    """The input, and a page of three sides; the second lacks the states, the third diverges."""
    graph = chain(
        {EVIL: lif(WIDTH, tau=5.0, v_threshold=0.3), "lif2": lif(WIDTH, tau=5.0, v_threshold=0.1)},
        WIDTH,
    )
    xs = (np.random.default_rng(0).random((600, 2, WIDTH)) < 0.5).astype(np.float32)
    net = nirx.from_nir(graph, "numpy", D)

    def outputs_only(x):
        return net.run(x)[0]

    def other(x):
        ys, state, recorded = net.run(x, record="all")
        array = recorded[KEY].copy()
        array[AT, 1, 7] = 1 - array[AT, 1, 7]
        return ys, state, {**recorded, KEY: array}

    found = nirx.compare(graph, xs, ["numpy", outputs_only, other], discretization=D)
    out = tmp_path_factory.mktemp("page") / "page.html"
    nirx.view(found, out, graph)
    return found, out.as_uri()


@pytest.fixture
def page(made, browser: Browser) -> Browser:
    browser.look(1200)
    browser.open(made[1])
    return browser


def steps(page: Browser) -> tuple[int, int]:
    words = page.ask(RANGE).split()
    return int(words[1]), int(words[3])


def test_it_is_complete_and_requests_nothing(page: Browser):
    assert page.complaints() == []
    assert page.ask("document.querySelectorAll('canvas').length") == 6
    assert page.ask("window.hacked === undefined")
    assert page.ask("document.images.length") == 0
    assert page.ask(NAMES)[1] == KEY


def test_it_opens_at_the_divergence_with_the_values_of_both_sides(page: Browser, made):
    first = made[0].first_divergence
    start, stop = steps(page)
    assert start <= AT <= stop < start + 200
    reading = page.ask(READING)
    assert reading.startswith(f"step {AT}, {KEY}: ")
    sides = made[0].recordings
    side = list(sides)[-1]
    seen = np.flatnonzero(sides[side][KEY][AT, first.index[0]])
    assert (
        f"{side}: " + ("spikes of " + " ".join(map(str, seen)) if seen.size else "silent")
        in reading
    )


@pytest.mark.parametrize(
    ("button", "expected"),
    [
        ("in", (400, 499)),
        ("out", (200, 599)),
        ("left", (250, 449)),
        ("right", (400, 599)),
        ("all", (0, 599)),
        ("divergence", (431, 470)),
    ],
)
def test_buttons_zoom_and_draw_again(page: Browser, button, expected):
    before = page.ask(PICTURE)
    assert steps(page) == (350, 549)
    page.click(f"[data-zoom={button}]")
    assert steps(page) == expected
    assert page.ask(PICTURE) != before


def test_keys_on_a_plot_zoom_and_read(page: Browser):
    page.ask("document.querySelector('#plot-2 canvas').focus()")
    assert page.ask("document.activeElement.tagName") == "CANVAS"
    page.press("+", "+")
    assert steps(page) == (400, 499)
    page.press("-", "-")
    page.press("ArrowRight")
    assert steps(page) == (400, 599)
    page.press("0", "0")
    assert steps(page) == (0, 599)
    page.press("ArrowLeft", shift=True)
    assert page.ask(READING).startswith(f"step {AT - 1}, ")


def test_the_pointer_reads_a_value(page: Browser, made):
    key = f"{KEY}.v"
    place = page.ask(f"data.recordings.findIndex(own => own.key === {key!r})")
    page.click("[data-zoom=all]")
    page.click(f"#plot-{place} canvas")
    words = page.ask(READING)
    step = int(words.split(",")[0].removeprefix("step "))
    value = float(words.split("numpy: ")[1].split(";")[0])
    assert value == pytest.approx(made[0].recordings["numpy"][key][step, 1, 7], rel=1e-5)
    assert 250 < step < 350
    assert "neuron 7" in words


def test_every_plot_is_reached_by_the_tab_key(page: Browser):
    seen = []
    for _ in range(60):
        page.press("Tab")
        seen.append(page.ask("document.activeElement.parentElement.id"))
    places = [name for name in seen if name.startswith("plot-")]
    assert list(dict.fromkeys(places)) == [f"plot-{n}" for n in range(6)]


def test_the_table_is_sorted_and_filtered(page: Browser):
    everything = page.ask(NAMES)
    page.click("#nodes th:nth-child(6) button")
    page.click("#nodes th:nth-child(6) button")
    assert page.ask(NAMES)[0] == KEY, "the only node that differs"
    assert page.ask("document.querySelector('#nodes th:nth-child(6)').ariaSort") == "descending"
    page.click("#filter")
    for letter in "lif2":
        page.press(letter, letter)
    assert page.ask(NAMES) == ["lif2"]
    assert page.ask("document.getElementById('shown').textContent") == "1 shown"
    assert len(everything) == 4


def test_a_node_leads_to_its_plot(page: Browser):
    page.click("#nodes tbody tr:nth-child(3) a")
    assert page.ask("document.querySelector(':target h3').textContent").startswith("lif2")
    page.ask("scrollTo(0, 0)")
    page.click("[data-node=lif2] rect")
    shown = page.ask("document.querySelector(':target').getBoundingClientRect().top")
    assert 0 <= shown < 900


def test_a_plot_far_below_is_drawn_when_it_is_reached(page: Browser):
    page.look(320, 200)
    blank = "(c => c.width === 300 && c.height === 150)(document.querySelector('#plot-5 canvas'))"
    page.open(page.ask("location.href"))
    assert page.ask(blank), "as wide as any canvas that nobody has drawn"
    page.ask(
        "new Promise(done => { addEventListener('scroll', () => setTimeout(done)); "
        "document.querySelector('#plot-5').scrollIntoView(); })"
    )
    assert not page.ask(blank)


@pytest.mark.parametrize("width", [320, 768, 1200, 3840])
def test_only_tables_and_the_network_scroll_sideways(page: Browser, made, width):
    page.look(width)
    page.open(made[1])
    root = "document.documentElement"
    assert page.ask(f"{root}.scrollWidth <= {root}.clientWidth")
    assert page.ask(TOO_WIDE) == []
    assert page.complaints() == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_enough_contrast(page: Browser, made, scheme, tmp_path: Path):
    page.look(1200, scheme=scheme)
    page.open(made[1])
    ground = page.ask("getComputedStyle(document.body).backgroundColor")
    assert ground == {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 24, 29)"}[scheme]
    assert page.ask(CONTRAST) == []
    assert page.screenshot(tmp_path / "page.png").startswith(b"\x89PNG")


def test_it_says_so_where_scripts_are_switched_off(page: Browser, made):
    page.call("Emulation.setScriptExecutionDisabled", value=True)
    try:
        page.open(made[1])
        assert "drawn by a script" in page.ask("document.querySelector('noscript').textContent")
        assert page.ask("document.getElementById('divergence').offsetHeight > 50")
    finally:
        page.call("Emulation.setScriptExecutionDisabled", value=False)
