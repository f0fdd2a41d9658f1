"""Half precision on the page of a verification: the forecast beside what was observed, and the repair."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edgekit.report import verify_words as words
from edgekit.report.markup import Markup, joined, tag
from edgekit.report.price_rows import price_rows
from edgekit.runtimes.trace import Source
from edgekit.units import format_error
from edgekit.verifier import LayerResult, VerifyReport

STYLE = "half.css"
_MARKS = {"overflow": "leaves the range", "error": "above its floor", "underflow": "becomes zero"}

Json = Mapping[str, Any]


def half_sections(report: VerifyReport, folder: Path | None = None) -> Markup | None:
    """Return the sections that `forecast` and `repair` of a report call for; None without either."""
    forecasts: Mapping[str, Json] = report.extra.get("forecast") or {}
    repair: Json | None = report.extra.get("repair")
    parts = [
        None if repair is None else _repair(repair, folder),
        _forecast(report, forecasts, folder) if forecasts else None,
    ]
    found = [part for part in parts if part is not None]
    return joined(found) if found else None


def _forecast(report: VerifyReport, forecasts: Mapping[str, Json], folder: Path | None) -> Markup:
    """One row per layer, one column per precision; observed is what ran in the report's own precision."""
    told = {
        precision: {layer["index"]: layer for layer in forecast["layers"]}
        for precision, forecast in forecasts.items()
    }
    observed = report.precision in told
    heads = ["#", "layer", "type", "module", *(f"forecast {precision}" for precision in told)]
    if observed:
        heads.append(f"observed {report.precision}")
    rows = [_row(layer, told, folder, observed) for layer in report.layers]
    sums = [_sum(precision, forecast) for precision, forecast in forecasts.items()]
    table = tag("table", _head(heads), tag("tbody", *rows), class_="half")
    return tag("section", tag("h2", "Half precision, forecast"), *sums, tag("div", table, class_="scroll"))


def _sum(precision: str, forecast: Json) -> Markup:
    risky = len(forecast["at_risk"])
    total = len(forecast["layers"])
    words_ = (
        f"all {total} layers stay within rounding" if not risky else f"{risky} of {total} layers will fail"
    )
    return tag("p", tag("b", precision), f" {words_}", class_="fail" if risky else "pass")


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
    count = len(repair["kept"])
    title = "One layer is" if count == 1 else f"{count} layers are"
    table = tag("div", tag("table", _head(heads), tag("tbody", *kept), class_="half"), class_="scroll")
    return tag(
        "section",
        tag("h2", "The repair"),
        *(_rescaled(each, folder) for each in repair["rescaled"]),
        tag("p", f"{title} kept out of half precision, found in {len(trials)} trials on the device."),
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
    return tag("span", line + "\n", class_="added" if line.startswith("+") else "removed")


def _head(heads: Sequence[str]) -> Markup:
    return tag("thead", tag("tr", *(tag("th", head) for head in heads)))
