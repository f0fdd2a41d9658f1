"""How far an array is from its reference: the field's metrics, each with its formula.

NaN, infinity, empty arrays and different shapes never turn into a number: a metric that does not
exist is NaN, and `Comparison.finding` says why.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


class Finding(str, Enum):
    """What makes two arrays incomparable, or a result worthless, whatever the metrics say."""

    SHAPE = "shape"
    EMPTY = "empty"
    NAN = "nan"
    INF = "inf"
    ALL_ZERO = "all_zero"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Metrics:
    """Distances of y from its reference r over n elements, computed in float64.

    max_abs   max|y - r|
    max_rel   max|y - r| / max|r|
    rmse      sqrt(sum (y - r)^2 / n)
    cosine    sum(y r) / (|y| |r|); 1 when both are zero, 0 when only one is
    snr_db    10 log10(sum r^2 / sum (y - r)^2); infinite when the arrays are equal
    ulp       max over elements of |y - r| / spacing(|r|), with the float32 spacing of max(|r|, tiny)
    """

    max_abs: float
    max_rel: float
    rmse: float
    cosine: float
    snr_db: float
    ulp: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """Metrics, or the finding that forbids them."""

    metrics: Metrics | None
    finding: Finding | None = None


def compare(actual: Array, reference: Array) -> Comparison:
    """Compare two float arrays of any shape; integers are compared as float64."""
    if actual.shape != reference.shape:
        return Comparison(None, Finding.SHAPE)
    if actual.size == 0:
        return Comparison(None, Finding.EMPTY)
    difference = np.subtract(actual, reference, dtype=np.float64).reshape(-1)
    largest = float(np.max(np.abs(difference)))
    if not np.isfinite(largest):
        return _not_finite(actual, reference)
    y = np.asarray(actual, np.float64).reshape(-1)
    r = np.asarray(reference, np.float64).reshape(-1)
    error, signal, power = float(difference @ difference), float(r @ r), float(y @ y)
    peak = float(np.max(np.abs(r)))
    metrics = Metrics(
        max_abs=largest,
        max_rel=largest / peak if peak > 0 else (0.0 if largest == 0 else float("inf")),
        rmse=float(np.sqrt(error / r.size)),
        cosine=_cosine(float(y @ r), power, signal),
        snr_db=_snr_db(signal, error),
        ulp=_ulp(difference, reference),
    )
    zero = power == 0 and signal > 0
    return Comparison(metrics, Finding.ALL_ZERO if zero else None)


def _not_finite(actual: Array, reference: Array) -> Comparison:
    """NaN or infinity in the result; the same infinities in the reference are no finding."""
    same = (actual == reference) | (np.isnan(actual) & np.isnan(reference))
    usable = np.isfinite(actual) & np.isfinite(reference)
    if bool(np.all(same | usable)) and bool(usable.any()):
        return compare(actual[usable], reference[usable])
    return Comparison(None, Finding.NAN if np.isnan(actual).any() else Finding.INF)


def _cosine(product: float, power: float, signal: float) -> float:
    if power == 0 or signal == 0:
        return 1.0 if power == signal else 0.0
    return float(product / (np.sqrt(power) * np.sqrt(signal)))


def _snr_db(signal: float, error: float) -> float:
    if error == 0:
        return float("inf")
    return float(10 * np.log10(signal / error)) if signal > 0 else float("-inf")


def _ulp(difference: Array, reference: Array) -> float:
    """Largest difference in units in the last place of the float32 reference.

    |r| below the smallest normal number counts as that number, so that the distance of a rounding
    error from an exact zero does not become astronomical: there it is max_abs that speaks.
    """
    magnitude = np.maximum(np.abs(reference.astype(np.float32, copy=False)), np.finfo(np.float32).tiny)
    spacing = np.spacing(magnitude).astype(np.float64).reshape(-1)
    return float(np.max(np.abs(difference) / spacing))
