"""Forecast: what half precision on ARM will do to a model, told on any host."""

from edgekit.forecaster.forecast import PRECISIONS, forecast, forecast_graph
from edgekit.forecaster.kernels import Kernel
from edgekit.forecaster.model import INSIDE, Forecast, LayerForecast, Risk
from edgekit.forecaster.outcome import State
from edgekit.forecaster.report import with_forecasts

__all__ = [
    "INSIDE",
    "PRECISIONS",
    "Forecast",
    "Kernel",
    "LayerForecast",
    "Risk",
    "State",
    "forecast",
    "forecast_graph",
    "with_forecasts",
]
