"""The page of a bench in a real browser: it draws, sorts, fits, and complains of nothing."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from edgekit.bencher import BenchReport
from edgekit.report.bench.html import bench_html
from tests.report.browser import Browser
from tests.report.hostile import HOSTILE

READY = "document.documentElement.dataset.ready"
LAYERS = "[...document.querySelectorAll('details tbody tr')].map(row => row.cells[1].textContent)"


@pytest.fixture
def tab(browser: Browser, layered: BenchReport, tmp_path: Path) -> Iterator[Browser]:
    """The page of a net with layers on a desktop; nothing may be wrong in the console afterwards."""
    path = tmp_path / "bench.html"
    path.write_text(bench_html(layered), encoding="utf-8")
    browser.problems.clear()
    browser.resize(1280, 900)
    browser.open(path)
    assert browser.ask(READY) == "yes"
    yield browser
    assert browser.problems == []


def test_the_figure_comes_first_and_the_grade_with_it(tab: Browser, layered: BenchReport) -> None:
    (result,) = layered.results
    assert tab.ask("document.querySelector('.badge').textContent") == f"grade {result.validity.grade}"
    shown = tab.ask("document.querySelector('.verdict').innerText")
    assert "per inference with 1 thread" in shown
    for warning in result.validity.warnings:
        assert warning.message in shown and warning.remedy in shown


def test_a_table_sorts_by_size_whatever_the_unit(tab: Browser, layered: BenchReport) -> None:
    layers = layered.results[0].layers
    assert tab.ask(LAYERS) == [layer.name for layer in layers]
    column = "[...document.querySelectorAll('details th')].findIndex(th => th.textContent === 'time')"
    tab.ask(f"document.querySelectorAll('details th')[{column}].click()")
    slowest_first = sorted(layers, key=lambda layer: -(layer.latency_s or 0.0))
    assert tab.ask(LAYERS) == [layer.name for layer in slowest_first]
    tab.ask(f"document.querySelectorAll('details th')[{column}].click()")
    assert tab.ask(LAYERS) == [layer.name for layer in reversed(slowest_first)]


def test_quantities_are_read_in_their_units(tab: Browser, layered: BenchReport) -> None:
    script = "".join(part for part in bench_html(layered).split("<script>")[1:])
    start, end = script.index("const UNITS"), script.index("function setUpSorting")
    texts = "['850 ns', '12.3 ms', '1.50 s', '3.40 MiB', '97 %']"
    ask = f"(() => {{ {script[start:end]} return {texts}.map(quantity); }})()"
    assert tab.ask(ask) == pytest.approx([850e-9, 12.3e-3, 1.5, 3.4 * 2**20, 97])


@pytest.mark.parametrize(("width", "dark", "phone"), [(1280, True, False), (390, False, True)])
def test_the_page_fits_the_window(tab: Browser, width: int, dark: bool, phone: bool) -> None:
    tab.resize(width, 844, dark=dark, phone=phone)
    assert tab.ask("document.documentElement.scrollWidth") <= width
    ink = tab.ask("getComputedStyle(document.querySelector('figure svg text')).fill")
    assert ink == ("rgb(228, 234, 240)" if dark else "rgb(27, 36, 48)")


def test_a_hostile_name_stays_text(browser: Browser, layered: BenchReport, tmp_path: Path) -> None:
    (result,) = layered.results
    layers = tuple(replace(layer, name=HOSTILE, module=HOSTILE, reason=HOSTILE) for layer in result.layers)
    path = tmp_path / "hostile.html"
    hostile = replace(layered, results=(replace(result, target=HOSTILE, layers=layers),))
    path.write_text(bench_html(hostile), encoding="utf-8")
    browser.problems.clear()
    browser.open(path)
    assert browser.ask(READY) == "yes"
    assert HOSTILE in browser.ask("document.querySelector('main').textContent")
    assert browser.problems == []
