"""Parameter values of an ncnn `.param`: `0=32 -23310=2,0.0,6.0 3=1.0,2.0 6="0w,-1"`.

The rules are those of ncnn's reader (`ParamDict::load_param` in `paramdict.cpp`): a word is a
number unless it starts with a letter or a quote, a float if it has a point or an exponent; an
array names its length after -23300-id, or is just a list, whose first element gives the type.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite

from edgekit.errors import FormatError, UserError
from edgekit.formats.spelling import spell_float
from edgekit.graph import Param
from edgekit.ops.float32 import float32

MAX_PARAMS = 32  # NCNN_MAX_PARAM_COUNT
_ARRAY_KEY = -23300
_LONGEST_NUMBER = 127
_LONGEST_STRING = 255

_KEY = re.compile(r"([+-]?\d{1,9})=")
_VALUE = re.compile(r'"[^"\r]*"|[^ \t\v\f\r]*')
_SPACE = re.compile(r"[ \t\v\f]*")
_INTEGER = re.compile(r"[+-]?\d+")
_FLOAT = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Token:
    """One parameter: its value and how the file spells it, key and all."""

    value: Param
    text: str


def parse_params(rest: str) -> dict[str, Token]:
    """Parse the `id=value` part of a layer line, in file order.

    Raises:
        FormatError: without a place; the caller knows it.
    """
    tokens: dict[str, Token] = {}
    rest = rest.rstrip("\r\n")
    position = 0
    while (start := _skip_space(rest, position)) < len(rest):
        key = _KEY.match(rest, start)
        if key is None:
            raise FormatError(
                f"'{rest[start : start + 40].strip()}' is no parameter", "parameters are id=value"
            )
        value = _VALUE.match(rest, key.end())
        assert value is not None
        position = value.end()
        if position < len(rest) and _skip_space(rest, position) == position:
            raise FormatError(f"parameter {key.group(1)}: something follows the closing quote", "add a space")
        number, parsed = _parse(int(key.group(1)), value.group())
        tokens[str(number)] = Token(parsed, rest[start:position])
    return tokens


def _skip_space(text: str, position: int) -> int:
    space = _SPACE.match(text, position)
    return position if space is None else space.end()


def _parse(key: int, text: str) -> tuple[int, Param]:
    number = _ARRAY_KEY - key if key <= _ARRAY_KEY else key
    if not 0 <= number < MAX_PARAMS:
        raise FormatError(f"there is no parameter id {key}", f"ids are 0 to {MAX_PARAMS - 1}, or -23300-id")
    try:
        if key <= _ARRAY_KEY:
            return number, _parse_counted(text)
        return number, _parse_value(text)
    except ValueError as error:
        raise FormatError(f"parameter {key}: {error}", "correct it or export the model again") from None


def _parse_counted(text: str) -> Param:
    length, *items = text.split(",")
    if not re.fullmatch(r"\d{1,9}", length):
        raise ValueError(f"array length '{length[:20]}' is no whole number")
    if int(length) != len(items):
        raise ValueError(f"an array of {length} elements has {len(items)}")
    return tuple(_number(item) for item in items)


def _parse_value(text: str) -> Param:
    if text[:1] == '"' or (text[:1].isascii() and text[:1].isalpha()):
        return _string(text)
    if "," not in text:
        return _number(text)
    items = text.removesuffix(",").split(",")
    if _is_float(items[0]):
        return tuple(_float(item) for item in items)
    return tuple(_integer(item) for item in items)


def _string(text: str) -> str:
    if text[0] == '"' and (len(text) < 2 or text[-1] != '"'):
        raise ValueError("the string has no closing quote")
    value = text[1:-1] if text[0] == '"' else text
    if len(value.encode()) > _LONGEST_STRING:
        raise ValueError(f"the string is longer than {_LONGEST_STRING} characters")
    return value


def _is_float(text: str) -> bool:
    return any(mark in text for mark in ".eE")


def _number(text: str) -> int | float:
    return _float(text) if _is_float(text) else _integer(text)


def _integer(text: str) -> int:
    if not _INTEGER.fullmatch(text):
        raise ValueError(f"'{text[:20]}' is no number")
    _check_length(text)
    value = int(text)
    if not -(1 << 31) <= value < 1 << 31:
        raise ValueError(f"{value} does not fit into 32 bits")
    return value


def _check_length(text: str) -> None:
    if len(text) > _LONGEST_NUMBER:
        raise ValueError(f"'{text[:40]}' has more than the {_LONGEST_NUMBER} characters that ncnn reads")


def _float(text: str) -> float:
    if not _FLOAT.fullmatch(text):
        raise ValueError(f"'{text[:20]}' is no number")
    _check_length(text)
    value = float(text)
    if abs(float32(value)) == float("inf"):
        raise ValueError(f"'{text[:40]}' is beyond the range of a float32")
    return value


def spell(id: str, value: Param) -> str:
    """Return `id=value` in the spelling of pnnx.

    Raises:
        UserError: ncnn has no spelling for the value.
    """
    if isinstance(value, tuple):
        items = [str(len(value)), *(_spell_number(id, item) for item in value)]
        return f"{_ARRAY_KEY - int(id)}={','.join(items)}"
    if isinstance(value, str):
        return f"{id}={_spell_string(id, value)}"
    return f"{id}={_spell_number(id, value)}"


def _spell_string(id: str, value: str) -> str:
    if len(value.encode()) > _LONGEST_STRING or any(char in value for char in '"\n\r\0'):
        raise UserError(
            f"parameter {id}: ncnn cannot read the string {value[:40]!r}", "shorten it, leave out quotes"
        )
    return value if _IDENTIFIER.fullmatch(value) else f'"{value}"'


def _spell_number(id: str, value: object) -> str:
    if isinstance(value, int):
        if not -(1 << 31) <= value < 1 << 31:
            raise UserError(f"parameter {id}: {value} is out of range", "ncnn reads 32-bit integers")
        return str(int(value))
    # ncnn takes "inf" and "nan" for strings, and reads the default instead.
    if not isinstance(value, float) or not isfinite(float32(value)):
        raise UserError(f"parameter {id}: ncnn cannot read {value!r}", "give a finite number")
    return spell_float(value)


def values_of(tokens: Mapping[str, Token]) -> dict[str, Param]:
    """Return the values alone."""
    return {key: token.value for key, token in tokens.items()}
