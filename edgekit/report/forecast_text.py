"""A forecast of half precision as text: which layers will fail, from which lines, and what to do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edgekit.forecaster import Forecast, LayerForecast, Risk, State
from edgekit.report.terminal import Terminal
from edgekit.report.verify import words
from edgekit.units import format_error

_MOST = 8
_MOST_NAMES = 4


def forecast_head(forecast: Forecast, terminal: Terminal) -> list[str]:
    """Return the verdict of a forecast, as the first lines of a report give it."""
    risky, total = forecast.at_risk, len(forecast.layers)
    where = f"in {forecast.precision} on an ARM core, forecast here"
    if risky:
        names = ", ".join(layer.name for layer in risky[:_MOST_NAMES])
        more = f" and {len(risky) - _MOST_NAMES} more" if len(risky) > _MOST_NAMES else ""
        text = f"FAIL {where}: {len(risky)} of {total} layers will be wrong: {names}{more}"
    else:
        text = f"PASS {where}: all {total} layers stay within rounding"
    colour = "red" if risky else "green"
    return [terminal.paint(line, "bold", colour) for line in terminal.wrap(text, "", "      ")]


def forecast_sections(
    forecasts: Sequence[Forecast],
    terminal: Terminal,
    folder: Path | None = None,
    bundle: str = "BUNDLE",
) -> list[list[str]]:
    """Return a section per precision that has something to tell.

    `folder` shortens paths, `bundle` is named in the remedy.
    """
    page = _Page(terminal, folder, bundle)
    return [page.section(each) for each in forecasts]


def risk_words(layer: LayerForecast, precision: str) -> str:
    """Return what will be wrong with a layer, in one clause."""
    if layer.risk is Risk.OVERFLOW:
        result = "NaN" if layer.alone is State.NAN else "infinity"
        beyond = f"in {precision}" if layer.fades else f"is beyond {precision}"
        return f"{layer.where or 'a number inside it'} {beyond}: it gives {result}"
    if layer.risk is Risk.ERROR:
        error, limit = format_error(layer.error), format_error(layer.floor)
        return f"it will be off by {error}, where rounding explains {limit}"
    if layer.risk is Risk.UNDERFLOW:
        return f"{layer.lost:.0%} of its numbers are too small for {precision} and become zero"
    return f"it will be off by {format_error(layer.error)}"


class _Page:
    def __init__(self, terminal: Terminal, folder: Path | None, bundle: str) -> None:
        self.terminal = terminal
        self.folder = folder
        self.bundle = bundle

    def section(self, forecast: Forecast) -> list[str]:
        risky = forecast.at_risk
        lines: list[str] = []
        for layer in risky[:_MOST]:
            lines += self._layer(layer, forecast.precision)
        if len(risky) > _MOST:
            lines.append(f"  and {len(risky) - _MOST} more")
        lines += self._underflows(forecast)
        lines += self._downstream(forecast)
        if risky and forecast.precision == "fp16":
            lines.append(f"  to do: edgekit verify {self.bundle} --repair fp16 -o NEW_BUNDLE")
        return [self.terminal.paint(f"forecast for {forecast.precision}", "bold"), *lines] if lines else []

    def _layer(self, layer: LayerForecast, precision: str) -> list[str]:
        what = f"{layer.name} ({layer.type}) from {words.origin(layer.source, self.folder)}: "
        return self.terminal.wrap(what + risk_words(layer, precision), "  ", "    ")

    def _underflows(self, forecast: Forecast) -> list[str]:
        found = [layer for layer in forecast.layers if layer.risk is Risk.UNDERFLOW]
        lines: list[str] = []
        for layer in found[:_MOST]:
            lines += self._layer(layer, forecast.precision)
        return lines

    def _downstream(self, forecast: Forecast) -> list[str]:
        """The layers that are only given infinity or NaN by those above."""
        later = [layer.name for layer in forecast.broken if layer.risk is not Risk.OVERFLOW]
        if not later:
            return []
        shown = ", ".join(later[:_MOST]) + (f" and {len(later) - _MOST} more" if len(later) > _MOST else "")
        return self.terminal.wrap(f"lost with them in the whole run: {shown}", "  ", "    ")
