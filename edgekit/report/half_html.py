"""Half precision on the page of a verification: the forecast beside what was observed, and the repair."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edgekit.report.markup import Markup, joined, tag
from edgekit.report.price_rows import price_rows
from edgekit.report.verify import words
from edgekit.runtimes.trace import Source
from edgekit.units import counted, format_error
from edgekit.verifier import LayerResult, VerifyReport

STYLE = "half.css"
_MARKS = {"overflow": "leaves the range", "error": "above its floor", "underflow": "becomes zero"}

_MOST_NAMES = 4

Json = Mapping[str, Any]


def half_heads(report: VerifyReport) -> Markup | None:
    """Return the verdicts that stand below that of the run: of each forecast, and of a repair."""
    lines = []
    repair: Json | None = report.extra.get("repair")
    if repair is not None and repair["trials"]:
        lines.append(_line_of("pass", "REPAIRED", _done(repair)))
    for precision, forecast in _forecasts(report).items():
        where = f"in {precision} on an ARM core, forecast: {_sentence(forecast)}"
        lines.append(_line_of(*(("pass", "PASS") if forecast["holds"] else ("fail", "FAIL")), where))
    return tag("div", *lines, class_="half-heads") if lines else None


def _done(repair: Json) -> str:
    out, direct, scaled = repair["kept_out"], repair["direct"], len(repair["rescaled"])
    parts = (
        f"{counted(out, 'layer')} kept out of half precision" if out else "",
        f"{counted(direct, 'layer')} without winograd in fp16" if direct else "",
        f"{counted(scaled, 'layer')} brought into its range" if scaled else "",
    )
    return ", ".join(filter(None, parts))


def _line_of(kind: str, word: str, text: str) -> Markup:
    return tag("p", tag("span", word, class_="badge"), f" {text}", class_=kind)


def forecasts_hold(report: VerifyReport) -> bool:
    """Whether no forecast says that a layer will be wrong."""
    return all(forecast["holds"] for forecast in _forecasts(report).values())


def _forecasts(report: VerifyReport) -> Mapping[str, Json]:
    found: Mapping[str, Json] = report.extra.get("forecast") or {}
    return found


def repair_section(report: VerifyReport, folder: Path | None = None) -> Markup | None:
    """Return what a repair did, and what that costs; None without one."""
    repair: Json | None = report.extra.get("repair")
    return None if repair is None else _repair(repair, folder)


def forecast_section(report: VerifyReport, folder: Path | None = None) -> Markup | None:
    """One row per layer, one column per precision; observed is what ran in the report's own precision."""
    forecasts = _forecasts(report)
    if not forecasts:
        return None
    told = {
        precision: {layer["index"]: layer for layer in forecast["layers"]}
        for precision, forecast in forecasts.items()
    }
    observed = report.precision in told
    heads = ["#", "layer", "type", "module", *(f"forecast {precision}" for precision in told)]
    if observed:
        heads.append(f"observed {report.precision}")
    rows = [_row(layer, told, folder, observed) for layer in report.layers]
    table = tag("table", _head(heads), tag("tbody", *rows), class_="half")
    return tag("section", tag("h2", "Half precision, forecast"), tag("div", table, class_="scroll"))


def _sentence(forecast: Json) -> str:
    risky, total = forecast["at_risk"], len(forecast["layers"])
    if not risky:
        return f"all {total} layers stay within rounding"
    names = ", ".join(risky[:_MOST_NAMES]) + (" ..." if len(risky) > _MOST_NAMES else "")
    return f"{len(risky)} of {total} layers will be wrong: {names}"


def _row(
    layer: LayerResult, told: Mapping[str, Mapping[int, Json]], folder: Path | None, observed: bool
) -> Markup:
    cells = [
        tag("td", str(layer.index), class_="number"),
        tag("td", tag("code", layer.name)),
        tag("td", layer.type),
        tag("td", layer.source.module if layer.source else "", title=words.place(layer.source, folder)),
        *(_told(forecast.get(layer.index)) for forecast in told.values()),
    ]
    if observed:
        cells.append(_seen(layer))
    risky = any(
        forecast.get(layer.index, {}).get("risk") in ("overflow", "error") for forecast in told.values()
    )
    return tag("tr", *cells, class_="risky" if risky else None)


def _told(layer: Json | None) -> Markup:
    if layer is None:
        return tag("td", "not told", class_="muted")
    mark = _MARKS.get(layer["risk"])
    number = str(layer["alone"]) if layer["error"] is None else format_error(layer["error"])
    lost = None if layer["entire"] == "finite" or layer["error"] is None else f"given {layer['entire']}"
    notes = "; ".join(part for part in (mark, layer.get("where"), lost) if part)
    return tag(
        "td", tag("b" if mark else "span", number), tag("span", notes, class_="note") if notes else None
    )


def _seen(layer: LayerResult) -> Markup:
    if layer.isolated is None:
        finding = layer.finding or layer.propagated_finding
        return tag("td", tag("b", finding.value if finding else "not compared"))
    limit = f"of {format_error(layer.floor)}" if layer.floor else ""
    return tag("td", format_error(layer.isolated.max_abs), tag("span", limit, class_="note"))


def _repair(repair: Json, folder: Path | None) -> Markup:
    heads = ("layer", "type", "mask", "module", "why", "before", "after")
    kept = [
        tag(
            "tr",
            tag("td", tag("code", each["name"])),
            tag("td", each["type"]),
            tag("td", tag("code", f"31={each['mask']}")),
            tag("td", _origin(each.get("source"), folder)),
            tag("td", each["why"]),
            tag("td", _error(each["before"])),
            tag("td", _error(each["after"])),
        )
        for each in repair["kept"]
    ]
    trials = [
        tag("li", f"{each['what']}: {'holds' if each['holds'] else 'fails: ' + ', '.join(each['failing'])}")
        for each in repair["trials"]
    ]
    table = tag("div", tag("table", _head(heads), tag("tbody", *kept), class_="half"), class_="scroll")
    return tag(
        "section",
        tag("h2", "The repair"),
        *(_rescaled(each, folder) for each in repair["rescaled"]),
        tag("p", f"{_done(repair)}; found in {counted(len(trials), 'trial')} on the device."),
        table if kept else None,
        tag("ol", *trials, class_="trials"),
        _price(repair.get("price")),
        tag("h3", "What changed in the .param"),
        tag("pre", *(_line(line) for line in repair["diff"]), class_="diff"),
    )


def _rescaled(each: Json, folder: Path | None) -> Markup:
    """A layer that an exact change of scale keeps in fp16."""
    exponent, then = each["exponent"], ", ".join(each["consumers"])
    what = f" stays in fp16: its weights times 2^-{exponent}, those of {then} times 2^{exponent}; from "
    return tag("p", tag("code", each["name"]), what, tag("span", _origin(each.get("source"), folder)))


def _origin(source: Json | None, folder: Path | None) -> str:
    return words.origin(None if source is None else Source(**source), folder)


def _error(value: float | str | None) -> str:
    return value if isinstance(value, str) else format_error(value)


def _price(price: Json | None) -> Markup | None:
    if price is None:
        return None
    rows = [
        tag("tr", *(tag("td", cell) for cell in row)) for row in price_rows(price["before"], price["after"])
    ]
    heads = ("price", "before", "after", "change")
    note = tag("p", price["note"], class_="muted") if price.get("note") else None
    return joined([tag("table", _head(heads), tag("tbody", *rows), class_="half price"), note or Markup("")])


def _line(line: str) -> Markup:
    """One line of the difference, without the padding between columns: a phone is narrow."""
    kind = {"+": "added", "-": "removed"}.get(line[:1])
    return tag("span", " ".join(line.split()) + "\n", class_=kind)


def _head(heads: Sequence[str]) -> Markup:
    return tag("thead", tag("tr", *(tag("th", head) for head in heads)))
