"""From JSON back to typed values: the reverse of `edgekit.schema.to_json` for frozen dataclasses."""

from __future__ import annotations

import dataclasses
import enum
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

T = TypeVar("T")


def decode(kind: type[T], value: object, where: str = "") -> T:
    """Return `value` as a `kind`: a dataclass, enum, number, text, tuple, mapping, or a union with None.

    Keys that the dataclass does not have are an error, and so are missing ones without a default.

    Raises:
        ValueError: the value is of another form; `where` names its place.
    """
    return typing.cast(T, _decode(kind, value, where or kind.__name__))


def _decode(kind: Any, value: object, where: str) -> object:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any:
        return value
    if origin in (typing.Union, types.UnionType):
        if value is None and type(None) in arguments:
            return None
        (kind,) = [each for each in arguments if each is not type(None)]
        return _decode(kind, value, where)
    if origin is tuple:
        return _tuple(arguments, value, where)
    if origin is not None and issubclass(origin, Mapping):
        return _mapping(arguments[1], value, where)
    if dataclasses.is_dataclass(kind):
        return _dataclass(kind, value, where)
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return kind(value)
    return _plain(kind, value, where)


def _tuple(arguments: tuple[Any, ...], value: object, where: str) -> tuple[object, ...]:
    if not isinstance(value, list):
        raise ValueError(f"{where} is no list")
    if len(arguments) == 2 and arguments[1] is ...:
        return tuple(_decode(arguments[0], each, f"{where}[{index}]") for index, each in enumerate(value))
    if len(arguments) != len(value):
        raise ValueError(f"{where} has {len(value)} entries instead of {len(arguments)}")
    return tuple(_decode(each, item, where) for each, item in zip(arguments, value, strict=True))


def _mapping(kind: Any, value: object, where: str) -> dict[str, object]:
    if not isinstance(value, dict):
        raise ValueError(f"{where} is no object")
    return {key: _decode(kind, each, f"{where}.{key}") for key, each in value.items()}


def _dataclass(kind: Any, value: object, where: str) -> object:
    if not isinstance(value, dict):
        raise ValueError(f"{where} is no object")
    hints = typing.get_type_hints(kind)
    unknown = value.keys() - hints.keys()
    if unknown:
        raise ValueError(f"{where} has an unknown key '{min(unknown)}'")
    missing = [
        field.name
        for field in dataclasses.fields(kind)
        if field.name not in value
        and field.default is dataclasses.MISSING
        and field.default_factory is dataclasses.MISSING
    ]
    if missing:
        raise ValueError(f"{where} lacks '{missing[0]}'")
    return kind(**{key: _decode(hints[key], each, f"{where}.{key}") for key, each in value.items()})


def _plain(kind: Any, value: object, where: str) -> object:
    if kind is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise ValueError(f"{where} is {value!r}, which is no {kind.__name__}")
    return value
