"""The bench report as text, page and plots, from real measurements of small nets."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

from edgekit.bencher import BenchReport
from edgekit.report.bench.html import bench_html
from edgekit.report.bench.plots import bench_figures, figure_svg, write_figures
from edgekit.report.bench.text import bench_text


def test_first_line_is_the_finding(layered: BenchReport, suite: BenchReport) -> None:
    first = bench_text(layered).splitlines()[0]
    assert re.search(r"net\.param: [\d.]+ (us|ms) per inference with 1 thread, fp32, grade [A-D]$", first)
    assert bench_text(suite).startswith("A small suite: 6 configurations, ")


def test_layer_table_has_units_and_reasons(layered: BenchReport) -> None:
    text = bench_text(layered)
    assert re.search(r"layers of .*: their sum is [\d.]+ % of the whole net", text)
    assert re.search(r"dw_0 +depthwise 7x7 +22x10x12 +[\d.]+ (us|ns|ms)", text)
    assert re.search(
        r"7x7 depthwise: ncnn's fast kernels are 3x3 and 5x5 \([\d.]+ % of the time\): dw_0", text
    )
    assert re.search(r"22 output channels are no multiple of 4: 24 would fill vectors \(.*\): conv_0", text)
    assert "GMAC/s" in text


def test_suite_table_has_theory_beside_measurement(suite: BenchReport) -> None:
    text = bench_text(suite)
    (row,) = [line for line in text.splitlines() if line.startswith("separable 8x10x10")]
    assert f"{1 / 8 + 1 / 9:.3f}" in row
    (ratio,) = suite.ratios
    assert f"[{ratio.time.low:.3f}, {ratio.time.high:.3f}]" in row
    assert "tiny width 0.5 resolution 16" in text


def test_every_line_fits_and_is_plain(layered: BenchReport) -> None:
    text = bench_text(layered)
    assert text.isascii()
    assert text.endswith("\n")
    assert all(line == line.rstrip() for line in text.splitlines())
    assert "None" not in text and "nan" not in text


def test_page_is_whole_and_needs_nothing_else(layered: BenchReport) -> None:
    page = bench_html(layered)
    tags: list[str] = []
    links: list[str] = []

    class Collect(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            tags.append(tag)
            links.extend(value or "" for name, value in attrs if name in ("src", "href", "xlink:href"))

    Collect().feed(page)
    assert tags.count("svg") == 4  # latency, layers, roofline, ridge points
    assert all(link.startswith("#") for link in links)
    assert "7x7 depthwise" in page


def test_plots_are_those_that_the_report_has_numbers_for(
    layered: BenchReport, suite: BenchReport, tmp_path: Path
) -> None:
    assert [name.partition("-")[0] for name, _ in bench_figures(layered)] == [
        "latency",
        "layers",
        "roofline",
        "ridge",
    ]
    files = write_figures(suite, tmp_path / "plots")
    assert sorted(path.name for path in files) == [
        "multipliers.png", "multipliers.svg", "theory.png", "theory.svg",
    ]  # fmt: skip
    assert all(path.stat().st_size > 1000 for path in files)


def test_the_same_report_gives_the_same_plot(suite: BenchReport) -> None:
    first, second = ([figure_svg(figure) for _, figure in bench_figures(suite)] for _ in range(2))
    assert first == second
