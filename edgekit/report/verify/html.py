"""A verification as one HTML page: verdict, culprits, the graph, every layer; no network, no library."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from edgekit.report.half_html import STYLE as HALF_STYLE
from edgekit.report.half_html import forecast_section, forecasts_hold, half_heads, repair_section
from edgekit.report.markup import Markup, embedded_json, joined, page, tag
from edgekit.report.verify import words
from edgekit.report.verify.data import page_data
from edgekit.report.verify.svg import graph_svg
from edgekit.units import format_error, format_shape
from edgekit.verifier import LayerResult, OutputResult, Status, VerifyReport
from edgekit.verifier.stream import StreamResult

_STYLES = ("page.css", "panel.css", "verify.css", "verify_graph.css", HALF_STYLE)
_SCRIPTS = (
    "page.js",
    "verify_scale.js",
    "verify_graph.js",
    "verify_detail.js",
    "verify_table.js",
    "verify.js",
)
_MOST_CARDS = 24
_MODES = (("single", "isolated"), ("entire", "propagated"), ("gain", "gain"))


def verify_html(report: VerifyReport, folder: Path | None = None) -> str:
    """Return the page; `folder` shortens the paths of source files inside it."""
    body = joined(
        (
            _header(report),
            tag(
                "main",
                _verdict(report),
                _culprits(report, folder),
                _ladder(report.extra.get("ladder") or (), str(report.extra.get("ladder_sentence") or "")),
                repair_section(report, folder),
                _graph(report),
                forecast_section(report, folder),
                _table(),
                _facts(report),
            ),
            embedded_json("data", page_data(report, folder)),
        )
    )
    word = "pass" if report.passed and forecasts_hold(report) else "FAIL"
    return page(
        f"{word}: {_short(report.target, folder)}: {words.verdict(report)}",
        body,
        styles=_STYLES,
        scripts=_SCRIPTS,
    )


def _short(target: str, folder: Path | None) -> str:
    """Return the path of what was verified, as seen from `folder` where it lies in it."""
    path = Path(target)
    return str(path.relative_to(folder)) if folder is not None and path.is_relative_to(folder) else target


def _name(report: VerifyReport) -> str:
    return Path(report.target).name or report.target


def _header(report: VerifyReport) -> Markup:
    theme = tag(
        "button", "theme", id="theme", class_="plain", type="button", title="light, dark or as the system"
    )
    name = tag("span", _name(report), class_="target", title=report.target)
    return tag("header", tag("span", "edgekit verify", class_="brand"), name, theme, class_="bar")


def _verdict(report: VerifyReport) -> Markup:
    kind = "pass" if report.passed else "fail"
    passing = sum(output.status is Status.PASS for output in report.outputs)
    device = report.device
    tiles = (
        ("layers compared", f"{report.compared} / {len(report.layers)}"),
        ("wrong", str(len(report.culprits))),
        ("outputs right", f"{passing} / {len(report.outputs)}"),
        ("precision", report.precision),
        ("device", f"{device.kind}, {device.arch}{' (emulated)' if device.emulated else ''}"),
    )
    return tag(
        "section",
        tag("div", tag("span", kind.upper(), class_="badge"), tag("h1", _sentence(report)), class_="line"),
        tag("p", conclusion) if (conclusion := words.conclusion(report)) else None,
        half_heads(report),
        tag(
            "dl", *(tag("div", tag("dt", title), tag("dd", value)) for title, value in tiles), class_="tiles"
        ),
        class_=f"verdict {kind}",
    )


def _sentence(report: VerifyReport) -> str:
    text = words.verdict(report)
    return text[:1].upper() + text[1:]


def _culprits(report: VerifyReport, folder: Path | None) -> Markup | None:
    groups = words.causes(report)
    if not groups:
        return None
    cards = [_card(report, group, folder) for group in groups[:_MOST_CARDS]]
    more = sum(map(len, groups[_MOST_CARDS:]))
    left = tag("p", f"and {more} more, see the table", class_="muted") if more > 0 else None
    title = "The culprit" if len(report.culprits) == 1 else "The culprits"
    return tag("section", tag("h2", title), tag("div", *cards, class_="cards"), left)


def _card(report: VerifyReport, group: tuple[LayerResult, ...], folder: Path | None) -> Markup:
    """The first layer of a cause, and where else it is."""
    layer = group[0]
    source = layer.source
    place = words.place(source, folder)
    origin = joined(
        (
            tag("code", words.module(source) or "(the model itself)")
            if source
            else tag("span", "origin unknown"),
            tag("span", source.op, class_="muted") if source else None,
            tag("code", place, class_="place") if place else None,
        )
    )
    return tag(
        "button",
        tag(
            "span",
            tag("b", layer.name),
            tag("span", f"{layer.type} {format_shape(layer.shape)}", class_="muted"),
        ),
        tag("span", origin, class_="origin"),
        tag("span", words.wrong(layer), class_="text"),
        tag("span", words.effect(report, layer), class_="text muted"),
        tag("span", words.places(group, folder), class_="text muted") if len(group) > 1 else None,
        class_="card",
        type="button",
        data_layer=layer.index,
    )


def _ladder(rungs: Iterable[Mapping[str, Any]], sentence: str) -> Markup | None:
    """The stages of the conversion, each compared with the one before."""
    steps = [
        tag(
            "li",
            tag("b", str(rung["rung"])),
            tag("span", str(rung["status"]), class_="status"),
            *_moved(rung),
            tag("span", str(rung["note"]), class_="muted") if rung.get("note") else None,
            class_=f"rung {rung['status'] if rung['status'] in ('pass', 'fail') else 'other'}",
        )
        for rung in rungs
    ]
    if not steps:
        return None
    said = tag("p", sentence[:1].upper() + sentence[1:] + ".") if sentence else None
    return tag("section", tag("h2", "The ladder"), said, tag("ol", *steps, class_="ladder"))


def _moved(rung: Mapping[str, Any]) -> list[Markup]:
    """By how much the stage moves the outputs, and what rounding explains of that."""
    pairs = (("off by", rung.get("max_abs")), ("floor", rung.get("floor")))
    return [
        tag(
            "span",
            tag("span", f"{what} ", class_="muted"),
            tag("code", format_error(float(number))),
            class_="moved",
        )
        for what, number in pairs
        if number is not None and rung.get("max_abs") is not None
    ]


def _graph(report: VerifyReport) -> Markup:
    modes = [
        tag(
            "button",
            title,
            type="button",
            data_mode=mode,
            aria_pressed="true" if mode == "single" else "false",
        )
        for mode, title in _MODES
    ]
    search = tag(
        "input", id="search", type="search", placeholder="search name, type, module, op, file",
        aria_label="search layers", autocomplete="off", spellcheck="false",
    )  # fmt: skip
    zoom = [
        tag("button", sign, type="button", id=name, title=title, class_="square")
        for name, sign, title in (
            ("zoom-out", "\N{MINUS SIGN}", "zoom out"),
            ("zoom-in", "+", "zoom in"),
            ("zoom-fit", "fit", "show the whole graph"),
        )
    ]
    tools = tag(
        "div",
        tag("div", search, tag("span", id="found", class_="muted"), class_="search"),
        tag("div", *modes, class_="segments", role="group", aria_label="what the colours show"),
        class_="tools",
    )
    canvas = tag(
        "div", graph_svg(report), tag("div", *zoom, class_="zoom"), id="canvas", tabindex=0,
        aria_label="graph; arrow keys walk through the layers",
    )  # fmt: skip
    hint = tag("p", "Choose a layer in the graph or in the table.", class_="muted hint")
    return tag(
        "section",
        tag("h2", "The graph"),
        tools,
        tag("div", id="legend", class_="legend"),
        tag("div", canvas, tag("aside", hint, id="detail", aria_live="polite"), class_="stage"),
    )


def _table() -> Markup:
    return tag(
        "section",
        tag("h2", "All layers"),
        tag("div", id="filters", class_="chips"),
        tag("div", tag("table", id="table"), class_="scroll"),
    )


def _facts(report: VerifyReport) -> Markup:
    device = report.device
    facts: list[tuple[str, Markup]] = [
        ("outputs", joined(_output(output) for output in report.outputs)),
        ("samples", tag("p", ", ".join(report.samples))),
        ("device", tag("p", f"{device.cpu}, {device.cores} cores, {device.system}, ncnn {device.ncnn}")),
        ("bundle", tag("p", report.target)),
    ]
    if report.weights:
        facts.insert(1, ("weights", tag("p", words.weights(report))))
    if words.streams(report):
        facts.insert(1, ("stream", joined(_stream(each) for each in words.streams(report))))
    if report.unmatched:
        facts.insert(
            1, ("not compared", joined(_reason(entry.name, entry.reason) for entry in report.unmatched))
        )
    if report.warnings:
        facts.insert(0, ("warnings", joined(tag("p", text, class_="warning") for text in report.warnings)))
    rows = [tag("div", tag("dt", title), tag("dd", value)) for title, value in facts]
    return tag("section", tag("h2", "What it rests on"), tag("dl", *rows, class_="facts"))


def _stream(result: StreamResult) -> Markup:
    status = "pass" if result.passed else "fail"
    return tag("p", tag("span", status, class_=f"status {status}"), f" {words.stream(result)}")


def _reason(name: str, reason: str) -> Markup:
    return tag("p", tag("code", name), f" {reason}")


def _output(output: OutputResult) -> Markup:
    if output.metrics is None:
        what = output.finding.value.replace("_", " ") if output.finding else "not comparable"
    else:
        metrics = output.metrics
        what = (
            f"off by {format_error(metrics.max_abs)} where rounding explains {format_error(output.floor)}; "
            f"SNR {metrics.snr_db:.0f} dB, cosine {metrics.cosine:.6f}"
        )
    status = tag("span", output.status.value, class_=f"status {output.status.value}")
    return tag("p", tag("code", output.name), " ", status, f" {what}")
