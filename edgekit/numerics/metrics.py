"""How far an array is from its reference: the field's metrics, each with its formula.

NaN, infinity, empty arrays and different shapes never turn into a number: a metric that does not
exist is NaN, and `Comparison.finding` says why.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


class Finding(StrEnum):
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
    ulp       max over elements of |y - r| / spacing(|r|), float32 spacing; |r| below 2^-10 max|r| counts as
              that, since near an exact zero the distance in ulp means nothing: there max_abs speaks
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


_CHUNK = 1 << 16


def compare(actual: Array, reference: Array) -> Comparison:
    """Compare two arrays of any shape; integers are compared as float64.

    Works through the arrays in pieces that stay in the cache, so that nothing of their size is allocated.
    """
    if actual.shape != reference.shape:
        return Comparison(None, Finding.SHAPE)
    if actual.size == 0:
        return Comparison(None, Finding.EMPTY)
    y, r = actual.reshape(-1), reference.reshape(-1)
    sums = _Sums(_peak(r))
    with np.errstate(invalid="ignore"):  # infinity minus infinity: found out below, and said there
        for start in range(0, y.size, _CHUNK):
            sums.add(y[start : start + _CHUNK], r[start : start + _CHUNK])
    if not np.isfinite(sums.largest):
        return _not_finite(actual, reference)
    zero = sums.power == 0 and sums.signal > 0
    return Comparison(sums.metrics(y.size), Finding.ALL_ZERO if zero else None)


class _Sums:
    """What the metrics are made of, summed in float64 piece by piece."""

    def __init__(self, peak: float) -> None:
        self.peak = peak
        self.largest = self.error = self.signal = self.power = self.product = self.ulp = 0.0

    def add(self, actual: Array, reference: Array) -> None:
        """Take in one piece."""
        y, r = actual.astype(np.float64), reference.astype(np.float64)
        self.signal += _dot(r, r)
        self.power += _dot(y, y)
        self.product += _dot(y, r)
        difference = np.subtract(y, r, out=y)
        self.error += _dot(difference, difference)
        size = np.abs(difference, out=difference)
        self.largest = float(np.maximum(self.largest, size.max()))  # keeps NaN
        scaled = np.divide(size, _power_of_two(reference, self.peak), out=size)
        self.ulp = max(self.ulp, float(scaled.max()) / _SPACING)

    def metrics(self, count: int) -> Metrics:
        """Return the metrics over `count` elements."""
        without_peak = 0.0 if self.largest == 0 else float("inf")
        return Metrics(
            max_abs=self.largest,
            max_rel=self.largest / self.peak if self.peak > 0 else without_peak,
            rmse=float(np.sqrt(self.error / count)),
            cosine=_cosine(self.product, self.power, self.signal),
            snr_db=_snr_db(self.signal, self.error),
            ulp=self.ulp,
        )


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


_EXPONENT = np.int32(0x7F800000)
_SMALL = 2.0**-10
_SPACING = 2.0**-23  # between neighbouring float32, of the power of two at or below them
_ROW = 1 << 13


def _peak(reference: Array) -> float:
    """max|r| of the finite elements."""
    low, high = float(reference.min()), float(reference.max())
    if np.isfinite(low) and np.isfinite(high):
        return max(-low, high, 0.0)
    finite = reference[np.isfinite(reference)]
    return float(np.abs(finite).max()) if finite.size else 0.0


def _power_of_two(reference: Array, peak: float) -> Array:
    """The power of two at or below each |r|, read off the bits: the exponent alone, as float32.

    Exponents compare like the magnitudes they belong to, so the least one that counts is taken there.
    """
    least = np.float32(max(_SMALL * peak, float(np.finfo(np.float32).tiny)))
    bits = np.asarray(reference, np.float32).view(np.int32) & _EXPONENT
    np.maximum(bits, least.view(np.int32) & _EXPONENT, out=bits)
    powers: Array = bits.view(np.float32)
    return powers


def _dot(left: Array, right: Array) -> float:
    """Sum of products. Rows this short OpenBLAS sums in one thread; starting more would cost more."""
    whole = left.size - left.size % _ROW
    a, b = left[:whole].reshape(-1, 1, _ROW), right[:whole].reshape(-1, _ROW, 1)
    return float(np.matmul(a, b).sum() + np.dot(left[whole:], right[whole:]))
