"""Why half precision breaks a layer, in words: its numbers, its rounding, or ncnn's kernel."""

from __future__ import annotations

from edgekit.forecaster import INSIDE, LayerForecast, Risk
from edgekit.numerics.halves import LARGEST, overflows
from edgekit.repairer.model import Keep
from edgekit.verifier import LayerResult

_TRUST = 4.0
"""How far a forecast is off at most (`benchmarks/half_forecast.py`)."""


def why(layer: LayerResult | None, forecast: LayerForecast | None, keep: Keep) -> str:
    """Return why a layer gets a mask; `layer` is how it did alone, None where it was right alone."""
    if forecast is not None and forecast.where is not None:
        place = "its winograd kernel" if keep is Keep.DIRECT else "it"
        where = forecast.where if forecast.where != INSIDE else f"a sum inside {place}"
        return f"{where} in fp16" if forecast.fades else f"{where} is beyond fp16 ({LARGEST['fp16']:.0f})"
    if forecast is not None and forecast.risk is Risk.UNDERFLOW:
        return f"{forecast.lost * 100:.0f}% of its numbers are too small for fp16 and become zero"
    if layer is None:
        return "its rounding adds to that of others"
    if layer.isolated is None:
        return "what happens inside it leaves the range of fp16"
    if forecast is not None and overflows(forecast.peak, "fp16"):
        return f"its numbers ({forecast.peak:.3g}) are beyond fp16 ({LARGEST['fp16']:.0f})"
    if _rounds_so(layer.isolated.max_abs, forecast):
        return "its own rounding is more than its result can bear"
    if forecast is None or forecast.risk is Risk.NONE:
        return "ncnn's own fp16 kernel is wrong: its numbers fit into fp16 and rounding does not explain this"
    return "fp16 cannot hold what it gives"


def _rounds_so(seen: float, forecast: LayerForecast | None) -> bool:
    """Whether what was seen is what ncnn's arithmetic was forecast to do."""
    told = None if forecast is None or forecast.risk is Risk.UNDERFLOW else forecast.error
    return told is not None and seen <= _TRUST * told
