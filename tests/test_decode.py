"""What `schema.to_json` wrote, `decode` reads; what is of another form is named with its place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import pytest

from edgekit import schema
from edgekit.decode import decode


class Colour(StrEnum):
    RED = "red"


@dataclass(frozen=True)
class Inner:
    share: float
    colour: Colour = Colour.RED


@dataclass(frozen=True)
class Outer:
    name: str
    shape: tuple[int, ...]
    pair: tuple[str, int]
    inner: Inner | None
    table: Mapping[str, Inner]
    rest: Mapping[str, Any] = field(default_factory=dict)
    flag: bool = False


OUTER = Outer("x", (1, 2), ("a", 1), Inner(0.5), {"k": Inner(1.0)}, {"z": [None]}, True)


def test_round_trip() -> None:
    assert decode(Outer, schema.to_json(OUTER)) == OUTER


def test_a_whole_number_is_a_float_and_null_an_optional() -> None:
    document = schema.to_json(OUTER) | {"inner": None, "table": {"k": {"share": 1}}}
    assert decode(Outer, document) == Outer(
        "x", (1, 2), ("a", 1), None, {"k": Inner(1.0)}, {"z": [None]}, True
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": 3}, "Outer.name is 3, which is no str"),
        ({"shape": [1, True]}, r"Outer.shape\[1\] is True, which is no int"),
        ({"shape": 1}, "Outer.shape is no list"),
        ({"pair": ["a"]}, "Outer.pair has 1 entries instead of 2"),
        ({"inner": {"share": "x"}}, "Outer.inner.share is 'x', which is no float"),
        ({"inner": {}}, "Outer.inner lacks 'share'"),
        ({"inner": {"share": 1.0, "colour": "blue"}}, "'blue' is not a valid Colour"),
        ({"table": []}, "Outer.table is no object"),
        ({"more": 1}, "Outer has an unknown key 'more'"),
        ({"flag": None}, "Outer.flag is None, which is no bool"),
    ],
)
def test_what_is_of_another_form_is_named(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        decode(Outer, schema.to_json(OUTER) | change)
