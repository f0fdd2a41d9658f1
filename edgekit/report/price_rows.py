"""What a repair costs, as rows of text: before, after, change."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from edgekit.units import format_bytes, format_count, format_duration, format_percent

_ROWS: tuple[tuple[str, str, Callable[[Any], str]], ...] = (
    ("layers in fp16", "half_layers", str),
    ("layers", "layers", str),
    ("files", "file_bytes", format_bytes),
    ("weights in memory", "weight_bytes", format_bytes),
    ("activations moved", "activation_bytes", format_bytes),
    ("instructions", "instructions", format_count),
    ("latency, median", "latency_s", format_duration),
)


def price_rows(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[tuple[str, str, str, str]]:
    """Return (what, before, after, change) of everything that was counted in both."""
    rows = []
    for title, name, show in _ROWS:
        one, two = before.get(name), after.get(name)
        if one is not None and two is not None:
            rows.append((title, show(one), show(two), _change(one, two)))
    return rows


def _change(before: float, after: float) -> str:
    if before == after or not before:
        return ""
    share = (after - before) / before
    return f"{'+' if share > 0 else '-'}{format_percent(abs(share))}"
