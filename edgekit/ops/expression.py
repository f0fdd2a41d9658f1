"""Size expressions in string parameters: `0w,-1` or `1,1,//(32,0n),0n`.

A list of terms in prefix form. `0w` is the width of input 0; the letters are w, h, d, c and n
(the batch). Numbers without a fraction are integers, and each result is truncated to one.
Source: `expression.cpp` of ncnn.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence

from edgekit.ops.float32 import float32

Shape = tuple[int, ...]
Number = int | float

_SIZE = re.compile(r"([0-9])([whdcn])")
_SEPARATORS = re.compile(r"[(),]+")
_AXES = {1: "w", 2: "hw", 3: "chw", 4: "cdhw"}
_LONGEST = 255


class ExpressionError(ValueError):
    """An expression that ncnn would refuse, or compute without meaning."""


def evaluate(text: str, shapes: Sequence[Shape], batches: Sequence[int]) -> tuple[int, ...]:
    """Return the values of the expressions in a list, in the order in which they are written.

    Raises:
        ExpressionError: the text is malformed, divides by zero or asks for an input that is missing.
    """
    if len(text) > _LONGEST:
        raise ExpressionError("the expression is too long")
    stack: list[Number] = []
    for token in reversed([token for token in _SEPARATORS.split(text) if token]):
        size = _SIZE.fullmatch(token)
        if size is not None:
            stack.append(_size(int(size[1]), size[2], shapes, batches))
        elif token in _OPERATORS:
            count, function = _OPERATORS[token]
            if len(stack) < count:
                raise ExpressionError(f"'{token}' has too few operands in '{text}'")
            operands = [stack.pop() for _ in range(count)]
            stack.append(_apply(token, function, operands))
        else:
            stack.append(_literal(token, text))
    return tuple(_integer(value) for value in reversed(stack))


def _size(index: int, axis: str, shapes: Sequence[Shape], batches: Sequence[int]) -> int:
    if index >= len(shapes):
        raise ExpressionError(f"there is no input {index}")
    if axis == "n":
        return batches[index]
    names = _AXES.get(len(shapes[index]), "")
    return shapes[index][names.index(axis)] if axis in names else 1


def _literal(token: str, text: str) -> Number:
    try:
        value = float(token)
    except ValueError:
        raise ExpressionError(f"'{token}' in '{text}' is no number and no operator") from None
    return int(value) if value.is_integer() else float32(value)


def _apply(token: str, function: Callable[..., Number], operands: list[Number]) -> Number:
    try:
        value = function(*operands)
    except (ArithmeticError, ValueError, TypeError) as error:
        raise ExpressionError(f"'{token}' cannot be applied to {operands}") from error
    if isinstance(value, int):
        if abs(value) >= 1 << 31:
            raise ExpressionError(f"'{token}' gives {value}, which is no 32-bit number")
        return value
    return float32(value)


def _integer(value: Number) -> int:
    if not math.isfinite(value):
        raise ExpressionError("the result is not finite")
    return int(value)


def _floor_divide(a: Number, b: Number) -> Number:
    """Divide as C does: integers towards zero, floats downward."""
    if isinstance(a, int) and isinstance(b, int):
        quotient = abs(a) // abs(b)
        return quotient if (a < 0) == (b < 0) else -quotient
    return math.floor(a / b)


def _remainder(a: Number, b: Number) -> float:
    value = math.fmod(a, b)
    return value + b if a * b < 0 else value


def _round(a: Number) -> int:
    """Round half away from zero."""
    return int(math.copysign(math.floor(abs(a) + 0.5), a))


def _shift(a: int, b: int) -> int:
    if not 0 <= b < 32:
        raise ValueError("shift out of range")
    return a << b


_OPERATORS: dict[str, tuple[int, Callable[..., Number]]] = {
    "+": (2, lambda a, b: a + b),
    "-": (2, lambda a, b: a - b),
    "*": (2, lambda a, b: a * b),
    "//": (2, _floor_divide),
    "max": (2, max),
    "min": (2, min),
    "abs": (1, abs),
    "neg": (1, lambda a: -a),
    "sign": (1, lambda a: (a > 0) - (a < 0)),
    "square": (1, lambda a: a * a),
    "trunc": (1, math.trunc),
    "ceil": (1, math.ceil),
    "floor": (1, math.floor),
    "round": (1, _round),
    "/": (2, lambda a, b: float32(a) / float32(b)),
    "atan2": (2, math.atan2),
    "fmod": (2, math.fmod),
    "pow": (2, math.pow),
    "remainder": (2, _remainder),
    "logaddexp": (2, lambda a, b: max(a, b) + math.log1p(math.exp(-abs(a - b)))),
    "reciprocal": (1, lambda a: 1.0 / a),
    "rsqrt": (1, lambda a: 1.0 / math.sqrt(a)),
    "and": (2, lambda a, b: a & b),
    "or": (2, lambda a, b: a | b),
    "xor": (2, lambda a, b: a ^ b),
    "lshift": (2, _shift),
    "rshift": (2, lambda a, b: a >> b),
    **{
        name: (1, getattr(math, name))
        for name in (
            "acos", "acosh", "asin", "asinh", "atan", "atanh", "cos", "cosh", "erf", "exp", "log", "log10",
            "sin", "sinh", "sqrt", "tan", "tanh",
        )
    },
}  # fmt: skip
