"""The HTML page in a real browser: it draws, answers to mouse and keys, and complains of nothing."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edgekit.report.verify.html import verify_html
from edgekit.report.verify.words import excess
from edgekit.verifier import Status, VerifyReport
from tests.report.browser import Browser
from tests.report.hostile import HOSTILE, hostile

READY = "document.documentElement.dataset.ready"
SHOWN_ROWS = "document.querySelectorAll('#table tbody tr').length"
VIEW = (
    "(() => { const m = document.getElementById('scene').transform.baseVal.consolidate().matrix;"
    "return [m.a, m.e, m.f]; })()"
)


def written(report: VerifyReport, folder: Path) -> Path:
    path = folder / "verify.html"
    path.write_text(verify_html(report), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def page(failing: VerifyReport, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(failing, tmp_path_factory.mktemp("page"))


@pytest.fixture
def tab(browser: Browser, page: Path) -> Iterator[Browser]:
    """The failing report on a desktop; nothing may be wrong in the console afterwards."""
    browser.problems.clear()
    browser.resize(1400, 1000)
    browser.open(page)
    assert browser.ask(READY) == "yes"
    yield browser
    assert browser.problems == []


def text(tab: Browser, selector: str) -> str:
    return str(tab.ask(f"document.querySelector({selector!r}).textContent"))


def box_of(tab: Browser, selector: str) -> list[float]:
    """Left, top, right and bottom of an element in the window."""
    box: list[float] = tab.ask(
        f"(() => {{ const r = document.querySelector({selector!r}).getBoundingClientRect();"
        "return [r.left, r.top, r.right, r.bottom]; })()"
    )
    return box


def node_box(tab: Browser, index: int) -> list[float]:
    return box_of(tab, f'.node[data-i="{index}"] .box')


def canvas_box(tab: Browser) -> list[float]:
    return box_of(tab, "#canvas")


def culprit(report: VerifyReport) -> Any:
    return next(layer for layer in report.layers if layer.status is Status.FAIL)


def test_the_page_draws_every_layer_and_shows_the_culprit(tab: Browser, failing: VerifyReport) -> None:
    guilty = culprit(failing)
    assert tab.ask("document.querySelectorAll('.node').length") == len(failing.layers)
    assert tab.ask(SHOWN_ROWS) == len(failing.layers)
    assert text(tab, "#detail h3") == guilty.name
    step = tab.ask(f"document.querySelector('.node[data-i=\"{guilty.index}\"]').className.baseVal")
    assert "s5" in step.split()
    fill = f"getComputedStyle(document.querySelector('.node[data-i=\"{guilty.index}\"] .box')).fill"
    assert tab.ask(fill) == "rgb(236, 134, 66)"
    frame, box = canvas_box(tab), node_box(tab, 0)
    assert frame[0] <= box[0] <= box[2] <= frame[2]


def test_search_finds_a_layer_in_graph_and_table(tab: Browser, failing: VerifyReport) -> None:
    tab.click("#search")
    tab.type("blocks.1 conv")
    wanted = [
        layer.index
        for layer in failing.layers
        if layer.source and "blocks.1" in layer.source.module and "conv" in layer.name
    ]
    assert wanted
    assert text(tab, "#found") == f"{len(wanted)} found"
    found = tab.ask("[...document.querySelectorAll('.node.found')].map(n => Number(n.dataset.i))")
    assert found == wanted
    assert tab.ask(SHOWN_ROWS) == len(wanted)
    tab.press("Enter")
    assert text(tab, "#detail h3") in {failing.layers[index].name for index in wanted}
    tab.type(" no such layer")
    assert text(tab, "#found") == "0 found"
    assert text(tab, "#table tbody") == "no such layer"


def test_a_click_on_a_layer_shows_all_of_it(tab: Browser, failing: VerifyReport) -> None:
    tab.ask("document.getElementById('canvas').scrollIntoView({block: 'center', behavior: 'instant'})")
    layer = failing.layers[1]
    tab.click(f'.node[data-i="{layer.index}"] .box')
    shown = text(tab, "#detail")
    assert layer.source is not None
    for part in (layer.name, layer.type, layer.source.module, layer.source.op, "conftest.py:", "8x12x12"):
        assert part in shown
    assert "its numbers are those of this PyTorch tensor" in shown
    assert tab.ask("document.querySelectorAll('#detail .histogram path').length") == 3
    assert tab.ask("document.querySelectorAll('#detail tbody tr').length") == 8
    before = tab.ask("document.querySelector('#detail .actual').getAttribute('d')")
    tab.click("#detail .key button")
    assert text(tab, "#detail .key button") == "linear"
    assert tab.ask("document.querySelector('#detail .actual').getAttribute('d')") != before
    assert tab.ask("location.hash") == "#layer=1"


def test_a_culprits_card_leads_to_its_place_in_the_graph(tab: Browser, failing: VerifyReport) -> None:
    guilty = culprit(failing)
    tab.click(".card")
    time.sleep(0.6)  # the page scrolls there smoothly
    frame, box = canvas_box(tab), node_box(tab, guilty.index)
    assert frame[0] <= box[0] <= box[2] <= frame[2]
    assert frame[1] <= box[1] <= box[3] <= frame[3]
    assert 0 <= box[1] <= box[3] <= 1000
    assert tab.ask("document.querySelector('.node.chosen').dataset.i") == str(guilty.index)
    assert tab.ask("document.querySelectorAll('.edge.near').length") >= 2


def test_the_graph_pans_and_zooms_at_the_pointer(tab: Browser) -> None:
    tab.ask("document.getElementById('canvas').scrollIntoView({block: 'center', behavior: 'instant'})")
    left, top, right, bottom = canvas_box(tab)
    x, y = (left + right) / 2, top + (bottom - top) / 4
    scale, dx, dy = tab.ask(VIEW)
    tab.mouse("mousePressed", x, y)
    tab.mouse("mouseMoved", x + 30, y + 20)
    tab.mouse("mouseMoved", x + 60, y + 40)
    tab.mouse("mouseReleased", x + 60, y + 40)
    assert tab.ask(VIEW) == pytest.approx([scale, dx + 60, dy + 40], abs=0.5)
    tab.mouse("mouseWheel", x, y, deltaX=0, deltaY=-300)
    time.sleep(0.1)
    larger, dx2, dy2 = tab.ask(VIEW)
    assert larger > 1.3 * scale
    local_x, local_y = x - left, y - top
    assert (local_x - dx2) / larger == pytest.approx((local_x - dx - 60) / scale, abs=3)
    assert (local_y - dy2) / larger == pytest.approx((local_y - dy - 40) / scale, abs=3)
    tab.click("#zoom-fit")
    assert tab.ask(VIEW) == pytest.approx([scale, dx, dy], abs=0.01)
    tab.click("#zoom-in")
    assert tab.ask(VIEW)[0] == pytest.approx(1.4 * scale)


def test_dragging_across_a_layer_does_not_choose_it(tab: Browser) -> None:
    chosen = text(tab, "#detail h3")
    tab.ask("document.getElementById('canvas').scrollIntoView({block: 'center', behavior: 'instant'})")
    x, y = tab.middle('.node[data-i="1"] .box')
    tab.mouse("mousePressed", x, y)
    tab.mouse("mouseMoved", x + 25, y)
    tab.mouse("mouseReleased", x + 25, y)
    assert text(tab, "#detail h3") == chosen


def test_colours_switch_between_single_entire_and_gain(tab: Browser) -> None:
    classes = "[...document.querySelectorAll('.node')].map(n => n.className.baseVal).join()"
    seen, titles = set(), set()
    for mode in ("single", "entire", "gain"):
        tab.click(f'[data-mode="{mode}"]')
        seen.add(tab.ask(classes))
        titles.add(text(tab, "#legend span"))
        assert tab.ask(f"document.querySelector('[data-mode={mode}]').getAttribute('aria-pressed')") == "true"
        assert tab.ask("document.querySelectorAll('[aria-pressed=true][data-mode]').length") == 1
    assert len(seen) == len(titles) == 3


def test_the_table_sorts_and_filters(tab: Browser, failing: VerifyReport) -> None:
    guilty = culprit(failing)
    column = "[...document.querySelectorAll('#table th')].findIndex(h => h.textContent === 'single')"
    tab.ask(f"document.querySelectorAll('#table th')[{column}].click()")
    assert tab.ask("document.querySelector('#table tbody tr').dataset.i") == str(guilty.index)
    assert tab.ask("document.querySelectorAll('#table th[aria-sort=descending]').length") == 1
    errors = [layer.isolated.max_abs for layer in failing.layers if layer.isolated]
    order = tab.ask("[...document.querySelectorAll('#table tbody tr')].map(r => Number(r.dataset.i))")
    assert [errors[index] for index in order] == sorted(errors, reverse=True)
    tab.ask(
        "[...document.querySelectorAll('#filters button')].find(b => b.textContent === 'created 1').click()"
    )
    assert tab.ask(SHOWN_ROWS) == 1


def test_keys_walk_through_the_layers(tab: Browser, failing: VerifyReport) -> None:
    tab.press("/")
    assert tab.ask("document.activeElement.id") == "search"
    tab.ask("document.getElementById('canvas').focus()")
    guilty = culprit(failing)
    tab.press("ArrowDown")
    assert text(tab, "#detail h3") == failing.layers[guilty.index + 1].name
    tab.press("ArrowUp")
    tab.press("ArrowUp")
    assert text(tab, "#detail h3") == failing.layers[guilty.index - 1].name


def test_a_link_leads_to_a_layer(browser: Browser, page: Path, failing: VerifyReport) -> None:
    browser.resize(1400, 1000)
    browser.open(page, "layer=3&mode=gain&q=conv")
    assert text(browser, "#detail h3") == failing.layers[3].name
    assert browser.ask("document.querySelector('[data-mode=gain]').getAttribute('aria-pressed')") == "true"
    assert browser.ask("document.getElementById('search').value") == "conv"
    browser.open(page, "layer=99999&mode=nonsense")
    assert browser.ask(READY) == "yes"


def test_dark_and_light_follow_the_system_and_the_button(browser: Browser, page: Path) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    browser.resize(1400, 1000, dark=True)
    browser.open(page)
    dark = browser.ask(ground)
    browser.resize(1400, 1000)
    light = browser.ask(ground)
    assert dark == "rgb(16, 21, 27)"
    assert light == "rgb(245, 246, 248)"
    assert text(browser, "#theme") == "theme: system"
    browser.click("#theme")
    assert browser.ask(ground) == light
    browser.click("#theme")
    assert text(browser, "#theme") == "theme: dark"
    assert browser.ask(ground) == dark
    browser.click("#theme")
    assert text(browser, "#theme") == "theme: system"


def test_a_phone_shows_it_without_scrolling_sideways(browser: Browser, page: Path) -> None:
    browser.problems.clear()
    browser.resize(360, 740, phone=True)
    browser.open(page)
    assert browser.ask("document.documentElement.scrollWidth") == 360
    small = browser.ask(
        "[...document.querySelectorAll('h1, .card span, #detail *, td, th, button')]"
        ".filter(e => e.offsetParent && e.textContent && parseFloat(getComputedStyle(e).fontSize) < 10)"
        ".map(e => e.outerHTML)"
    )
    assert small == []
    assert browser.problems == []


def test_a_phone_begins_where_names_can_be_read(browser: Browser, page: Path) -> None:
    browser.resize(360, 740, phone=True)
    browser.open(page)
    inside = (
        "(() => { const n = document.querySelector('.node.chosen').getBoundingClientRect();"
        "const c = document.querySelector('#canvas').getBoundingClientRect();"
        "return n.left >= c.left && n.right <= c.right && n.top >= c.top && n.bottom <= c.bottom; })()"
    )
    assert browser.ask(inside)
    assert not browser.ask("document.querySelector('#graph').classList.contains('far')")


def test_names_that_look_like_markup_stay_text(
    browser: Browser, failing: VerifyReport, tmp_path: Path
) -> None:
    browser.problems.clear()
    browser.resize(1400, 1000)
    browser.open(written(hostile(failing), tmp_path))
    assert browser.ask(READY) == "yes"
    for index in range(3):
        browser.ask(f"document.querySelectorAll('#table tbody tr')[{index}].click()")
        assert HOSTILE in text(browser, "#detail h3")
    assert browser.ask("document.querySelectorAll('img').length") == 0
    assert browser.problems == []


def test_a_passing_report_has_no_culprits(browser: Browser, passing: VerifyReport, tmp_path: Path) -> None:
    browser.problems.clear()
    browser.open(written(passing, tmp_path))
    assert browser.ask("document.querySelectorAll('.card').length") == 0
    assert text(browser, ".badge") == "PASS"
    nearest = max(passing.layers, key=lambda layer: excess(layer) or 0.0)
    assert text(browser, "#detail h3") == nearest.name, "the layer that came closest to its floor"
    assert browser.problems == []


def test_a_thousand_layers_are_shown_quickly(browser: Browser, failing: VerifyReport, tmp_path: Path) -> None:
    guilty = culprit(failing)
    layers = tuple(
        replace(
            guilty, index=number, name=f"conv_{number}", inputs=(str(number),), outputs=(str(number + 1),)
        )
        for number in range(1000)
    )
    report = replace(failing, layers=layers, culprits=tuple(layer.name for layer in layers), outputs=())
    browser.problems.clear()
    browser.resize(1400, 1000)
    began_s = time.monotonic()
    browser.open(written(report, tmp_path))
    browser.click("#search")
    browser.type("conv_777")
    assert text(browser, "#found") == "1 found"
    assert time.monotonic() - began_s < 10
    assert browser.problems == []
