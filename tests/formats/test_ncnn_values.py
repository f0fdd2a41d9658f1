"""Parameter values: what is read, and that ncnn's spelling of any value reads back as that value."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekit.errors import UserError
from edgekit.formats.ncnn.values import parse_params, spell, values_of
from edgekit.formats.spelling import spell_float
from edgekit.graph import Param
from edgekit.ops.float32 import float32

floats32 = st.floats(width=32, allow_nan=False, allow_infinity=False)
ints32 = st.integers(-(2**31), 2**31 - 1)
texts = st.text(
    st.characters(codec="utf-8", exclude_categories=("C", "Z"), exclude_characters='"'), max_size=60
)
values = st.one_of(ints32, floats32, st.lists(ints32).map(tuple), st.lists(floats32).map(tuple), texts)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (" 0=32", {"0": 32}),
        (" 0=+5 1=-7", {"0": 5, "1": -7}),
        (" 1=1e-05 2=.5 3=5. 4=1E3", {"1": 1e-5, "2": 0.5, "3": 5.0, "4": 1000.0}),
        (" -23303=0", {"3": ()}),
        (" -23303=3,1,2,3", {"3": (1, 2, 3)}),
        (" -23310=2,0,6.0", {"10": (0, 6.0)}),
        (" 3=1,2,3", {"3": (1, 2, 3)}),
        (" 3=1.0,2,3", {"3": (1.0, 2.0, 3.0)}),
        (" 3=1,", {"3": (1,)}),
        (' 6="0w,-1" 5=nearest', {"6": "0w,-1", "5": "nearest"}),
        (' 6="a b" 7=1', {"6": "a b", "7": 1}),
        (' 6=""', {"6": ""}),
        (" 0=1 0=2", {"0": 2}),
        ("\t0=1\r\n", {"0": 1}),
    ],
)
def test_reading(text: str, expected: dict[str, Param]) -> None:
    assert repr(values_of(parse_params(text))) == repr(expected)


def rounded(value: Param) -> Param:
    if isinstance(value, tuple):
        return tuple(float32(each) if isinstance(each, float) else each for each in value)
    return float32(value) if isinstance(value, float) else value


@given(values)
def test_spelling_reads_back(value: Param) -> None:
    (read,) = values_of(parse_params(" " + spell("7", value))).values()
    assert rounded(read) == value and type(read) is type(value)


@given(floats32)
def test_floats_keep_every_bit(value: float) -> None:
    assert struct.pack("<f", float(spell_float(value))) == struct.pack("<f", value + 0.0)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0.0"),
        (6.0, "6.0"),
        (1e-5, "1.000000e-5"),
        (1 / 3, "0.333333343"),
        (1e6, "1.000000e6"),
        (0.1, "0.1"),
        (-2.5, "-2.5"),
        (3.4028234663852886e38, "3.40282347e38"),
        (0.00012345678, "1.23456775e-4"),
    ],
)
def test_floats_are_spelled_as_pnnx_does(value: float, text: str) -> None:
    assert spell_float(value) == text


@pytest.mark.parametrize("value", [float("inf"), float("nan"), 1e39, 2**31, "x" * 300, 'a"b', "a\nb", None])
def test_what_ncnn_cannot_read_is_not_written(value: Param) -> None:
    with pytest.raises(UserError):
        spell("1", value)
