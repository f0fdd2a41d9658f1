"""Half-precision numbers on the host: what storing a float32 as fp16 or bfloat16 does to it.

fp16    IEEE binary16: 11 bits, largest 65504, smallest normal 2^-14, smallest 2^-24; above 65520 infinity
bf16    the upper 16 bits of a float32: 8 bits, the range of float32; ncnn rounds halves away from zero
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

LARGEST = {"fp16": 65504.0, "fp16-storage": 65504.0, "bf16": float(np.finfo(np.float32).max)}
"""Largest finite number of each precision."""

SMALLEST = {"fp16": 2.0**-24, "fp16-storage": 2.0**-24, "bf16": 2.0**-126}
"""Smallest number above zero that is stored."""

NORMAL = 2.0**-14
"""Smallest number of fp16 that has all its digits."""

_AT_ONCE = 4


def rounded(values: Array, precision: str) -> Array:
    """Return the numbers as the precision stores them, widened to float32 again."""
    single = np.asarray(values, np.float32)
    if precision == "bf16":
        bits = single.view(np.uint32) + np.uint32(0x8000)
        wide: Array = (bits & np.uint32(0xFFFF0000)).view(np.float32)
        return np.where(np.isfinite(single), wide, single)
    with np.errstate(over="ignore", under="ignore"):
        return single.astype(np.float16).astype(np.float32)


def cast(values: Array, precision: str) -> Array:
    """Return a float32 blob as ncnn casts it for its first 16-bit reader, widened to float32 again.

    `values` is a vector, (h, w), or (c, [d,] h, w). fp16 takes four numbers at a time of a vector, a matrix
    or a channel; what is left over goes through `float32_to_float16`, which makes zeros of all below 2^-14
    (`cast_fp16.h`, `mat.cpp` of ncnn 1.0.20261020).
    """
    found = rounded(np.ascontiguousarray(values), precision)
    if precision == "bf16" or found.ndim == 0:
        return found
    rows = found.reshape(found.shape[0] if found.ndim > 2 else 1, -1)  # a view: `found` is fresh
    left = rows[:, rows.shape[1] // _AT_ONCE * _AT_ONCE :]
    left[np.abs(left) < NORMAL] = 0
    return found


def faded(values: Array, precision: str) -> float:
    """Return the largest number that the cast makes zero, 0.0 where it makes none."""
    gone = np.abs(values[cast(values, precision) == 0])
    return float(gone.max()) if gone.size else 0.0


def overflows(peak: float, precision: str) -> bool:
    """Whether a number of this size becomes infinite when it is stored."""
    limit = LARGEST[precision]
    return bool(peak >= limit * (1 + 2.0**-12)) if limit < 1e30 else not np.isfinite(np.float32(peak))


def lost(values: Array, precision: str) -> float:
    """Return the share of the numbers other than zero that the precision stores as zero."""
    size = np.abs(values[values != 0])
    return float(np.mean(size < SMALLEST[precision] / 2)) if size.size else 0.0
