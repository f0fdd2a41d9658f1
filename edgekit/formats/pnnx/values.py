"""Parameter values of a `.pnnx.param`: `bias=True kernel_size=(3,3) eps=1e-5 mode=zeros`.

Source: `Parameter::parse_from_string` and `encode_to_string` in pnnx's `ir.cpp`.
"""

from __future__ import annotations

import re

from edgekit.errors import UserError
from edgekit.formats.spelling import spell_float
from edgekit.graph import Param

_INTEGER = re.compile(r"-?\d+")
_FLOAT = re.compile(r"-?\d+\.?\d*(?:[eE][+-]?\d+)?|-?\.\d+(?:[eE][+-]?\d+)?")
_NONE = ("None", "()", "[]")
_BOOLS = {"True": True, "False": False}
_LONGEST_INTEGER = 20


def parse_value(key: str, text: str) -> Param:
    """Return the value that a word stands for; words that are nothing else are strings."""
    if key == "expr" or "%" in text:
        return text
    if text in _NONE:
        return None
    if text in _BOOLS:
        return _BOOLS[text]
    if text[:1] in ("(", "[") and text[-1:] in (")", "]"):
        return _parse_list(text[1:-1])
    return _parse_scalar(text)


def _parse_list(text: str) -> Param:
    items = tuple(_parse_scalar(item) for item in text.split(","))
    numbers = tuple(item for item in items if not isinstance(item, str))
    return numbers if len(numbers) == len(items) else tuple(text.split(","))


def _parse_scalar(text: str) -> int | float | str:
    if len(text) <= _LONGEST_INTEGER and _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text


def spell_value(key: str, value: Param) -> str:
    """Return the spelling of pnnx.

    Raises:
        UserError: pnnx could not read the value back.
    """
    if isinstance(value, tuple):
        return "(" + ",".join(spell_value(key, item) for item in value) + ")"
    if isinstance(value, (bool, int)) or value is None:
        return str(value)
    if isinstance(value, float):
        if value != value or value in (float("inf"), float("-inf")):
            raise UserError(f"parameter {key}: pnnx cannot read {value!r}", "give a finite number")
        return spell_float(value)
    if re.search(r"\s", value) or not value:
        raise UserError(f"parameter {key}: pnnx cannot read the string {value[:40]!r}", "leave out spaces")
    return value
