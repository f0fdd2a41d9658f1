"""Arithmetic of ncnn's own width."""

from __future__ import annotations

import struct


def float32(value: float) -> float:
    """Return the nearest float32; infinity beyond its range."""
    try:
        return float(struct.unpack("<f", struct.pack("<f", value))[0])
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")
