"""A bench report as one HTML page: the figures, what speaks against them, plots and tables; no network."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from edgekit.bencher import BenchReport, Result
from edgekit.report.bench import facts
from edgekit.report.bench.layers import kind_table, layer_notes, layer_table
from edgekit.report.bench.plots import INK, RULE, bench_figures, figure_svg, layers_name, roofline_name
from edgekit.report.bench.suite import THEORY_NOTE, group_tables
from edgekit.report.bench.text import comparison_sentences, finding, latency_table, memory_table, warnings
from edgekit.report.bench.words import label
from edgekit.report.html_table import html_table
from edgekit.report.markup import Markup, joined, page, tag
from edgekit.report.table import Table

_STYLES = ("page.css", "panel.css", "bench.css")
_SCRIPTS = ("page.js", "sort.js", "bench.js")
_KINDS = {"A": "pass", "B": "pass", "C": "fair", "D": "fail"}

Plots = Mapping[str, Markup]


def bench_html(report: BenchReport) -> str:
    """Return the page.

    Raises:
        MissingPackage: matplotlib is not installed.
    """
    plots = {name: _inline(figure_svg(figure)) for name, figure in bench_figures(report)}
    body = joined(
        (
            _header(report),
            tag(
                "main",
                _finding(report),
                _section("Latency", _plots(plots, "latency"), _tables([latency_table(report)])),
                _comparisons(report),
                _suite(report, plots),
                _section("Memory", _tables([memory_table(report)])),
                *(_layers(report, result, plots) for result in report.results if result.layers),
                _section("On hardware of another balance", _plots(plots, "ridge")),
                _facts(report),
            ),
        )
    )
    return page(f"bench: {'; '.join(finding(report))}", body, styles=_STYLES, scripts=_SCRIPTS)


def _inline(svg: str) -> Markup:
    """Let a plot take the page's colours, light or dark."""
    return Markup(svg.replace(INK, "var(--ink)").replace(RULE, "var(--rule)"))


def _header(report: BenchReport) -> Markup:
    theme = tag(
        "button", "theme", id="theme", class_="plain", type="button", title="light, dark or as the system"
    )
    names = ", ".join(dict.fromkeys(Path(result.target).name or result.target for result in report.results))
    name = tag("span", names, class_="target", title=names)
    return tag("header", tag("span", "edgekit bench", class_="brand"), name, theme, class_="bar")


def _finding(report: BenchReport) -> Markup:
    """The sentences, the figures behind them, and what speaks against these."""
    grade = max((result.validity.grade or "" for result in report.results), default="")
    kind = "fail" if not report.holds else _KINDS[grade or "A"]
    badge = "SLOWER" if not report.holds else f"grade {grade}" if grade else "emulated"
    sentences = tag("div", *(tag("h1", sentence) for sentence in finding(report)))
    tiles = [
        tag(
            "div",
            tag("dt", title),
            tag("dd", value, tag("span", note, class_="note") if note else None, class_="large"),
        )
        for title, value, note in facts.figures(report)
    ]
    caveats = [
        tag("li", tag("span", severity, class_="severity"), tag("span", text), class_=severity)
        for severity, text in warnings(report)
    ]
    return tag(
        "section",
        tag("div", tag("span", badge, class_="badge"), sentences, class_="line"),
        tag("dl", *tiles, class_="tiles") if tiles else None,
        tag("ul", *caveats, class_="caveats") if caveats else None,
        class_=f"verdict {kind}",
    )


def _comparisons(report: BenchReport) -> Markup | None:
    """Each comparison with an earlier report; others are the finding itself."""
    if report.against is None:
        return None
    sentences = [tag("li", sentence) for sentence in comparison_sentences(report)]
    return _section(f"Against {report.against}", tag("ul", *sentences, class_="notes"))


def _suite(report: BenchReport, plots: Plots) -> Markup | None:
    tables = group_tables(report)
    note = tag("p", THEORY_NOTE, class_="muted") if report.ratios else None
    title = next((str(each.facts["suite"]) for each in report.results if "suite" in each.facts), "Suite")
    return _section(title, _plots(plots, "theory", "multipliers"), note, _tables(tables))


def _layers(report: BenchReport, result: Result, plots: Plots) -> Markup | None:
    """Where the time of one result goes: by kind, drawn, explained, and layer by layer."""
    notes = tag("ul", *(tag("li", note) for note in layer_notes(report, result)), class_="notes")
    every = tag(
        "details",
        tag("summary", f"all {len(result.layers)} layers"),
        html_table(layer_table(result.layers)),
        open=True,
    )
    return _section(
        f"Layers: {label(report, result.key)}",
        _tables([kind_table(result.layers)]),
        _plots(plots, layers_name(report, result), roofline_name(report, result)),
        notes,
        every,
    )


def _facts(report: BenchReport) -> Markup:
    rows = [tag("div", tag("dt", title), tag("dd", value)) for title, value in facts.conditions(report)]
    return tag("section", tag("h2", "What it rests on"), tag("dl", *rows, class_="facts"))


def _section(title: str, *parts: Markup | None) -> Markup | None:
    """A section with what there is to show, None when that is nothing."""
    if not any(parts):
        return None
    return tag("section", tag("h2", title), *parts)


def _tables(tables: Iterable[Table]) -> Markup | None:
    shown = [html_table(table) for table in tables if table.rows]
    return joined(shown) if shown else None


def _plots(plots: Plots, *names: str) -> Markup | None:
    shown = [tag("figure", plots[name]) for name in names if name in plots]
    return tag("div", *shown, class_="plots") if shown else None
