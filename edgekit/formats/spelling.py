"""How pnnx spells a float32 in a file, so that reading it back gives the same number."""

from __future__ import annotations

from edgekit.ops.float32 import float32


def spell_float(value: float) -> str:
    """Return a finite number as pnnx writes it: 0.0, 6.0, 0.333333343, 1e-5, 1.000000e6.

    Source: `float_to_string` in pnnx's `utils.cpp`. Short forms are kept where they name the
    same float32; at most nine decimals, because ncnn's reader overflows beyond.
    """
    number = float32(value)
    if number == 0:
        return "0.0"
    if not 0.0001 <= abs(number) < 1000000.0:
        text = f"{number:e}"
        return _short_exponent(text if float32(float(text)) == number else f"{number:.8e}")
    text = f"{number:g}"
    if float32(float(text)) != number:
        text = f"{number:.9g}"
        if len(text.partition("e")[0].partition(".")[2]) > 9:
            return _short_exponent(f"{number:.8e}")
    return text if any(mark in text for mark in ".e") else f"{text}.0"


def _short_exponent(text: str) -> str:
    """Return 1.5e-05 as 1.5e-5 and 1e+06 as 1e6."""
    digits, _, exponent = text.partition("e")
    return f"{digits}e{int(exponent)}"
