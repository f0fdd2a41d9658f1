"""Numbers with units as text, and shapes as text: the only place where a unit is converted.

Everywhere else a quantity is in its base unit and its name says which one (`latency_s`,
`peak_rss_bytes`). The text is plain ASCII, so that any terminal and any log can hold it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from edgekit.errors import UserError

NOT_AVAILABLE = "n/a"

_DURATION_UNITS = ((1e-9, "ns"), (1e-6, "us"), (1e-3, "ms"), (1.0, "s"))
_BYTE_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")
_COUNT_UNITS = ("", "K", "M", "G", "T")
_MAX_DIMENSION = 2**31 - 1


def _significant(value: float, digits: int = 3) -> str:
    """Return `value` >= 0 with about `digits` significant digits and no exponent: 1.23, 12.3, 123."""
    if value == 0:
        return "0"
    decimals = max(0, digits - 1 - math.floor(math.log10(value)))
    return f"{value:.{min(decimals, digits + 3)}f}"


def _rounded(value: float, digits: int = 3) -> float:
    """Round to significant digits, so that 999.96 us is printed as 1.00 ms and not as 1000 us."""
    return float(f"{value:.{digits - 1}e}")


def format_duration(seconds: float | None) -> str:
    """Return a duration as text: `850 ns`, `12.3 ms`, `1.50 s`, `2 min 05 s`, `1 h 01 min`."""
    if seconds is None or not math.isfinite(seconds):
        return NOT_AVAILABLE
    sign, magnitude = ("-" if seconds < 0 else ""), abs(seconds)
    if magnitude == 0:
        return "0 s"
    whole = round(magnitude)
    if whole >= 3600:
        return f"{sign}{whole // 3600} h {whole % 3600 // 60:02d} min"
    if whole >= 100:
        return f"{sign}{whole // 60} min {whole % 60:02d} s"
    magnitude = _rounded(magnitude)
    scale, unit = next(
        ((scale, unit) for scale, unit in reversed(_DURATION_UNITS) if magnitude >= scale),
        _DURATION_UNITS[0],
    )
    return f"{sign}{_significant(magnitude / scale)} {unit}"


def _prefixed(value: float | None, base: float, units: Sequence[str]) -> str:
    if value is None or not math.isfinite(value):
        return NOT_AVAILABLE
    sign, magnitude, power = ("-" if value < 0 else ""), abs(value), 0
    while power + 1 < len(units) and (magnitude >= base if power == 0 else _rounded(magnitude, 4) >= base):
        magnitude, power = magnitude / base, power + 1
    if power == 0 and float(magnitude).is_integer():
        text = str(int(magnitude))
    else:
        text = _significant(_rounded(magnitude))
    return f"{sign}{text} {units[power]}".rstrip()


def format_bytes(count: float | None) -> str:
    """Return a number of bytes as text in powers of 1024: `512 B`, `3.40 MiB`."""
    return _prefixed(count, 1024.0, _BYTE_UNITS)


def format_count(count: float | None) -> str:
    """Return a count (MACs, parameters, instructions) in powers of 1000: `999`, `3.50 M`, `1.20 G`."""
    return _prefixed(count, 1000.0, _COUNT_UNITS)


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """Return a number of things: `1 thread`, `4 threads`; `plural` where it is not the noun with an s."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"


def format_percent(share: float | None) -> str:
    """Return a share of one as a percentage with one decimal: 0.1234 is `12.3 %`."""
    if share is None or not math.isfinite(share):
        return NOT_AVAILABLE
    return f"{share * 100:.1f} %"


def format_error(error: float | None) -> str:
    """Return an error or a tolerance with two significant digits: `1.2e-06`, `nan`, `inf`, `0`.

    NaN and Inf are findings here, not missing values, so they are spelled out.
    """
    if error is None:
        return NOT_AVAILABLE
    if error == 0:
        return "0"
    return f"{error:.1e}" if math.isfinite(error) else str(float(error))


def format_shape(shape: Iterable[int]) -> str:
    """Return a shape as text: `1x3x224x224`, and `scalar` for no dimension."""
    return "x".join(str(size) for size in shape) or "scalar"


def parse_shape(text: str) -> tuple[int, ...]:
    """Read `1x3x224x224` (also with commas or `*`) as a shape of positive sizes.

    Raises:
        UserError: a part is not a positive whole number.
    """
    parts = text.strip().strip("[]()").lower().replace(",", "x").replace("*", "x").split("x")
    if not all(part.strip().isascii() and part.strip().isdigit() for part in parts):
        raise UserError(f"'{text}' is not a shape", "write the sizes as in 1x3x224x224")
    shape = tuple(int(part) for part in parts)
    if not all(0 < size <= _MAX_DIMENSION for size in shape):
        raise UserError(f"shape '{text}' has a size that is not positive", "write it as in 1x3x224x224")
    return shape


def parse_named_shape(text: str) -> tuple[str, tuple[int, ...]]:
    """Read `NAME=1x3x224x224` as an input's name and its shape.

    Raises:
        UserError: there is no name, or the shape cannot be read.
    """
    name, equals, shape = text.partition("=")
    if not equals or not name.strip():
        raise UserError(f"'{text}' does not name an input", "write it as in NAME=1x3x224x224")
    return name.strip(), parse_shape(shape)


def parse_int_list(text: str) -> tuple[int, ...]:
    """Read `1,2,4` as positive whole numbers, in their order and without repetitions.

    Raises:
        UserError: a part is not a positive whole number.
    """
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdigit() and int(part) > 0 for part in parts):
        raise UserError(f"'{text}' is not a list of positive numbers", "write it as in 1,2,4")
    return tuple(dict.fromkeys(int(part) for part in parts))
