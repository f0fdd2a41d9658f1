"""Put forecasts beside a verification."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from edgekit.forecaster.model import Forecast
from edgekit.verifier import VerifyReport


def with_forecasts(report: VerifyReport, forecasts: Sequence[Forecast]) -> VerifyReport:
    """Return the report with `forecast` by precision; it stands beside the verdict and does not change it."""
    told = {each.precision: each.to_json() for each in forecasts}
    return replace(report, extra={**report.extra, "forecast": told}) if told else report
