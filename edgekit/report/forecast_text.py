"""A forecast of half precision as text: which layers will fail, from which lines, and what to do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edgekit.forecaster import Forecast, LayerForecast, Risk, State
from edgekit.report import verify_words as words
from edgekit.report.terminal import Terminal
from edgekit.units import format_error

_MOST = 8


def forecast_text(
    forecasts: Sequence[Forecast],
    terminal: Terminal | None = None,
    folder: Path | None = None,
    bundle: str = "BUNDLE",
) -> str:
    """Return a section per precision; `folder` shortens paths, `bundle` is named in the remedy."""
    page = _Page(terminal or Terminal(), folder, bundle)
    return "".join("\n" + "\n".join(page.section(each)) + "\n" for each in forecasts)


def risk_words(layer: LayerForecast, precision: str) -> str:
    """Return what will be wrong with a layer, in one clause."""
    if layer.risk is Risk.OVERFLOW:
        result = "NaN" if layer.alone is State.NAN else "infinity"
        return f"{layer.where or 'a number inside it'} is beyond {precision}: it gives {result}"
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
        total = len(forecast.layers)
        head = f"forecast for {forecast.precision} on an ARM core, computed here: "
        if not risky:
            head += f"all {total} layers stay within rounding"
        else:
            head += f"{len(risky)} of {total} layers will fail"
        colour = "red" if risky else "green"
        lines = [self.terminal.paint(each, "bold", colour) for each in self.terminal.wrap(head, "", "  ")]
        for layer in risky[:_MOST]:
            lines += self._layer(layer, forecast.precision)
        if len(risky) > _MOST:
            lines.append(f"  and {len(risky) - _MOST} more")
        lines += self._underflows(forecast)
        lines += self._downstream(forecast)
        if risky and forecast.precision == "fp16":
            lines.append(f"  to do: edgekit verify {self.bundle} --repair fp16 -o NEW_BUNDLE")
        return lines

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
