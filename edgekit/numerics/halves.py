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


def rounded(values: Array, precision: str) -> Array:
    """Return the numbers as the precision stores them, widened to float32 again."""
    single = np.asarray(values, np.float32)
    if precision == "bf16":
        bits = single.view(np.uint32) + np.uint32(0x8000)
        wide: Array = (bits & np.uint32(0xFFFF0000)).view(np.float32)
        return np.where(np.isfinite(single), wide, single)
    with np.errstate(over="ignore", under="ignore"):
        return single.astype(np.float16).astype(np.float32)


def overflows(peak: float, precision: str) -> bool:
    """Whether a number of this size becomes infinite when it is stored."""
    limit = LARGEST[precision]
    return bool(peak >= limit * (1 + 2.0**-12)) if limit < 1e30 else not np.isfinite(np.float32(peak))


def lost(values: Array, precision: str) -> float:
    """Return the share of the numbers other than zero that the precision stores as zero."""
    size = np.abs(values[values != 0])
    return float(np.mean(size < SMALLEST[precision] / 2)) if size.size else 0.0
