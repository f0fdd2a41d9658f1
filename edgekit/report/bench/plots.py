"""Plots of a bench report: latency, layers, roofline, suites. SVG for pages, PNG for slides.

Colours are those of Okabe and Ito (2008), which colour-blind readers can tell apart. Ink and rules are those
of the pages, which put their own in their place.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edgekit.bencher import BenchReport, Result
from edgekit.bencher.roofline import Peaks
from edgekit.errors import require
from edgekit.report.bench.words import label

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, PURPLE, GREY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#999999"
INK, RULE = "#1b2430", "#dde2e8"
_CYCLE = (BLUE, ORANGE, GREEN, PURPLE, "#E69F00", "#56B4E9", INK)
_BOUND = {"compute": ORANGE, "memory": BLUE, None: GREY}
_STYLE: Mapping[Any, Any] = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": RULE,
    **dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), INK),
    "axes.axisbelow": True,
    "svg.hashsalt": "edgekit",
    "svg.fonttype": "none",
    "legend.frameon": False,
    "figure.constrained_layout.use": True,
}
_MOST_STRIPS = 24
_MOST_BARS = 40


def bench_figures(report: BenchReport) -> Iterator[tuple[str, Figure]]:
    """Yield (name, figure) of every plot that the report has numbers for.

    Raises:
        MissingPackage: matplotlib is not installed.
    """
    require("matplotlib", "report")
    timed = [result for result in report.results if result.latency is not None]
    single = [result for result in timed if "suite" not in result.facts]
    if single:
        yield "latency", _draw(_latency, report, single[:_MOST_STRIPS], height=1.2 + 0.45 * len(single))
    for result in timed:
        if result.layers:
            name = layers_name(report, result)
            height = 1.2 + 0.17 * min(len(result.layers), _MOST_BARS)
            yield name, _draw(_layers, report, [result], height=height)
            if any(_is_of(peaks, result) for peaks in report.peaks):
                yield roofline_name(report, result), _draw(_roofline, report, [result], height=4.5)
    swept = [result for result in timed if result.ridge]
    if swept:
        yield "ridge", _draw(_ridge, report, swept, height=3.6)
    networks = [result for result in timed if "width" in result.facts.get("settings", {})]
    if networks:
        yield "multipliers", _draw(_multipliers, report, networks, height=4.2)
    if report.ratios:
        yield "theory", _draw(_theory, report, timed, height=4.8)


def layers_name(report: BenchReport, result: Result) -> str:
    """Return the name of the plot of a result's layers."""
    return f"layers-{_plain(label(report, result.key))}"


def roofline_name(report: BenchReport, result: Result) -> str:
    """Return the name of the plot of a result's layers under the roof."""
    return f"roofline-{_plain(label(report, result.key))}"


def _plain(text: str) -> str:
    return "".join(c if c.isalnum() else "-" for c in text).strip("-")


def figure_svg(figure: Figure) -> str:
    """Return a figure without background as SVG text that depends on its content alone."""
    buffer = io.StringIO()
    with _style():
        figure.savefig(buffer, format="svg", metadata={"Date": None}, transparent=True)
    text = buffer.getvalue()
    return text[text.index("<svg") :]


def write_figures(report: BenchReport, folder: Path) -> list[Path]:
    """Write every plot as SVG and PNG into a folder and return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for name, figure in bench_figures(report):
        for kind, options in (("svg", {"metadata": {"Date": None}}), ("png", {"dpi": 150})):
            path = folder / f"{name}.{kind}"
            with _style():
                figure.savefig(path, **options)
            files.append(path)
    return files


def _style() -> contextlib.AbstractContextManager[None]:
    import matplotlib as mpl

    return mpl.rc_context(dict(_STYLE))


def _draw(
    paint: Callable[[Axes, BenchReport, Sequence[Result]], None],
    report: BenchReport,
    results: Sequence[Result],
    height: float,
) -> Figure:
    from matplotlib.figure import Figure

    with _style():
        figure = Figure(figsize=(8, height))
        paint(figure.add_subplot(), report, results)
        figure.canvas.draw()
    return figure


def _latency(axes: Axes, report: BenchReport, results: Sequence[Result]) -> None:
    """One strip of samples per configuration, coloured by process, with median and interval."""
    random = np.random.default_rng(0)
    for row, result in enumerate(results):
        assert result.latency is not None
        for number, samples in enumerate(result.latency.by_round()):
            shown = samples if samples.size <= 400 else samples[:: samples.size // 400]
            heights = row + random.uniform(-0.28, 0.28, shown.size)
            colour = _CYCLE[number % len(_CYCLE)]
            axes.plot(shown * 1e3, heights, ".", ms=3, alpha=0.5, color=colour, mew=0)
        low, high = result.latency.ci95_s
        axes.plot([low * 1e3, high * 1e3], [row, row], color=INK, lw=3, solid_capstyle="butt")
        axes.plot([result.latency.median_s * 1e3], [row], "|", color=INK, ms=16, mew=1.5)
    axes.set_yticks(range(len(results)), [label(report, result.key) for result in results])
    axes.set_ylim(len(results) - 0.5, -0.5)
    highest = max(result.latency.p90_s for result in results if result.latency) * 1.3e3
    lowest = min(result.latency.min_s for result in results if result.latency) * 1e3
    axes.set_xlim(lowest - 0.05 * (highest - lowest), highest)
    axes.set_xlabel("latency in ms (bar: median and its 95 % interval; colours: processes)")


def _layers(axes: Axes, report: BenchReport, results: Sequence[Result]) -> None:
    """Time per layer, the part that the device's limit explains drawn solid."""
    (result,) = results
    layers = sorted(result.layers, key=lambda layer: -(layer.latency_s or 0.0))[:_MOST_BARS]
    for row, layer in enumerate(layers):
        colour = _BOUND[layer.bound]
        seconds = layer.latency_s or 0.0
        least_s = min(layer.limit_s or 0.0, seconds)
        axes.barh(row, seconds * 1e6, color=colour, alpha=0.35, height=0.8)
        axes.barh(row, least_s * 1e6, color=colour, height=0.8)
    names = [f"{layer.module or layer.name} ({layer.type})" for layer in layers]
    axes.set_yticks(range(len(layers)), names, fontsize=7)
    axes.set_ylim(len(layers) - 0.4, -0.6)
    axes.set_xlabel("us per inference (solid: what the limit explains; orange: compute, blue: memory bound)")
    axes.set_title(f"{label(report, result.key)}: the {len(layers)} slowest layers", loc="left")


def _roofline(axes: Axes, report: BenchReport, results: Sequence[Result]) -> None:
    """Layers as dots under the roof: MAC per byte against GMAC per second, area by time."""
    (result,) = results
    peaks = next(each for each in report.peaks if _is_of(each, result))
    layers = [layer for layer in result.layers if layer.macs and layer.intensity and layer.latency_s]
    if layers:
        axes.scatter(
            [layer.intensity or 0.0 for layer in layers],
            [(layer.macs or 0) / (layer.latency_s or 1.0) / 1e9 for layer in layers],
            s=[2000 * (layer.share or 0.0) for layer in layers],
            c=[GREEN if "DepthWise" in layer.type else PURPLE for layer in layers],
            alpha=0.6,
            linewidths=0,
        )
    x = np.geomspace(0.05, 300, 200)
    for band, style in ((peaks.memory[0], "--"), (peaks.memory[-1], "-")):
        roof = np.minimum(peaks.macs_per_s, x * band.bytes_per_s) / 1e9
        size = band.working_set_bytes / 2**20
        text = f"{band.bytes_per_s / 1e9:.0f} GB/s at {size:g} MiB"
        axes.plot(x, roof, style, color=INK, lw=1.2, label=text)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("MAC per byte (green: depthwise; area: share of the time)")
    axes.set_ylabel("GMAC/s")
    axes.legend(loc="lower right")
    axes.set_title(f"{label(report, result.key)}: peak {peaks.macs_per_s / 1e9:.0f} GMAC/s", loc="left")


def _ridge(axes: Axes, report: BenchReport, results: Sequence[Result]) -> None:
    """Modelled cost against the balance of the hardware, as in the MobileNet V4 paper."""
    models: dict[str, Result] = {result.target: result for result in results}
    for number, (name, result) in enumerate(models.items()):
        points, costs = zip(*result.ridge, strict=True)
        colour = _CYCLE[number % len(_CYCLE)]
        axes.plot(points, [cost / 1e6 for cost in costs], "o-", ms=3, color=colour, label=name)
    for peaks in report.peaks:
        axes.axvline(peaks.ridge, color=GREY, lw=1)
    axes.set_xscale("symlog", linthresh=1)
    axes.set_yscale("log")
    axes.set_xlabel("ridge point in MAC/byte: peak compute over peak bandwidth (grey: this device)")
    axes.set_ylabel("cost in million MACs")
    axes.legend(fontsize=7)


def _multipliers(axes: Axes, report: BenchReport, results: Sequence[Result]) -> None:
    """Latency against MACs, a line per network and width."""
    lines: dict[tuple[str, float], list[Result]] = {}
    for result in results:
        key = (str(result.facts["group"]), float(result.facts["settings"]["width"]))
        lines.setdefault(key, []).append(result)
    networks = sorted({network for network, _ in lines})
    for (network, width), members in lines.items():
        members.sort(key=lambda result: int(result.facts["macs"]))
        axes.plot(
            [result.facts["macs"] / 1e6 for result in members],
            [result.latency.median_s * 1e3 for result in members if result.latency],
            "o-" if networks.index(network) == 0 else "s--",
            color=_CYCLE[networks.index(network) % len(_CYCLE)],
            alpha=0.35 + 0.65 * min(width, 1.0),
            label=f"{network} width {width:g}",
            ms=4,
        )
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("million MACs (points of a line: resolutions)")
    axes.set_ylabel("latency in ms")
    axes.legend(fontsize=7, ncols=2)


def _theory(axes: Axes, report: BenchReport, results: Sequence[Result]) -> None:
    """Share of the baseline's MACs against share of its time; on the diagonal theory holds."""
    groups = {result.target: str(result.facts.get("group", "")) for result in results}
    names = list(dict.fromkeys(groups[ratio.target] for ratio in report.ratios))
    for number, name in enumerate(names):
        own = [ratio for ratio in report.ratios if groups[ratio.target] == name]
        axes.plot(
            [ratio.work for ratio in own],
            [ratio.time.estimate for ratio in own],
            "os^Dv<>"[number % 7],
            color=_CYCLE[number % len(_CYCLE)],
            label=name,
            ms=5,
        )
    ends = [value for ratio in report.ratios for value in (ratio.work, ratio.time.estimate)]
    limits = (min(ends) * 0.8, max(ends) * 1.25)
    axes.plot(limits, limits, color=INK, lw=1)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("MACs over the baseline's")
    axes.set_ylabel("measured time over the baseline's")
    axes.legend(fontsize=7)


def _is_of(peaks: Peaks, result: Result) -> bool:
    return (peaks.threads, peaks.precision) == (result.threads, result.precision)
