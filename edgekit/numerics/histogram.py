"""Two arrays' values counted in the same bins, so that a picture can lay one over the other."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

BINS = 24
MOST_VALUES = 8192


@dataclass(frozen=True, slots=True)
class Histogram:
    """Counts of a reference's and of an actual result's values in equal bins from `low` to `high`.

    The range is that of the finite values of both. Of large arrays only every `stride`-th value is
    counted. `reference_left` and `actual_left` are the counted values that are NaN or infinite.
    """

    low: float
    high: float
    reference: tuple[int, ...]
    actual: tuple[int, ...]
    stride: int = 1
    reference_left: int = 0
    actual_left: int = 0


def histogram(reference: Array, actual: Array) -> Histogram | None:
    """Count both arrays, whatever their shapes; None when neither holds a finite value.

    The strides have no factor in common with the number of elements, so that a sample does not
    consist of a few rows or columns only.
    """
    stride = _stride(reference.size)
    r = reference.reshape(-1)[::stride].astype(np.float64)
    y = actual.reshape(-1)[:: _stride(actual.size)].astype(np.float64)
    r_finite, y_finite = r[np.isfinite(r)], y[np.isfinite(y)]
    parts = [part for part in (r_finite, y_finite) if part.size]
    if not parts:
        return None
    low = min(float(part.min()) for part in parts)
    high = max(float(part.max()) for part in parts)
    return Histogram(
        low,
        high,
        _counts(r_finite, low, high),
        _counts(y_finite, low, high),
        stride,
        r.size - r_finite.size,
        y.size - y_finite.size,
    )


def _stride(size: int) -> int:
    stride = -(-size // MOST_VALUES)
    while stride > 1 and math.gcd(stride, size) > 1:
        stride += 1
    return max(stride, 1)


def _counts(values: Array, low: float, high: float) -> tuple[int, ...]:
    """Count values in `BINS` equal bins; the last one includes `high`."""
    width = high / BINS - low / BINS  # the difference of the limits themselves may overflow
    if width == 0 or not math.isfinite(width):
        return (values.size, *(0,) * (BINS - 1))
    bins = np.minimum(((values - low) / width).astype(np.int64), BINS - 1)
    return tuple(int(count) for count in np.bincount(bins, minlength=BINS))
