"""Units: exact text at the edges of every unit, and shapes read back as written."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekit.errors import UserError
from edgekit.units import (
    counted,
    format_bytes,
    format_count,
    format_duration,
    format_error,
    format_percent,
    format_shape,
    parse_int_list,
    parse_named_shape,
    parse_shape,
)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0 s"),
        (8.5e-7, "850 ns"),
        (1.5e-10, "0.150 ns"),
        (1.234e-5, "12.3 us"),
        (0.0123, "12.3 ms"),
        (0.99996, "1.00 s"),
        (999.96e-6, "1.00 ms"),
        (1.5, "1.50 s"),
        (99.4, "99.4 s"),
        (99.6, "1 min 40 s"),
        (125.0, "2 min 05 s"),
        (3599.7, "1 h 00 min"),
        (7380.0, "2 h 03 min"),
        (-0.002, "-2.00 ms"),
        (math.nan, "n/a"),
        (math.inf, "n/a"),
        (None, "n/a"),
    ],
)
def test_format_duration(seconds: float | None, text: str) -> None:
    assert format_duration(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (512, "512 B"),
        (1023, "1023 B"),
        (1024, "1.00 KiB"),
        (1024**2 - 1, "1.00 MiB"),
        (3565158, "3.40 MiB"),
        (-2048, "-2.00 KiB"),
        (5 * 1024**4, "5.00 TiB"),
        (None, "n/a"),
    ],
)
def test_format_bytes(count: float | None, text: str) -> None:
    assert format_bytes(count) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0"),
        (999, "999"),
        (1000, "1.00 K"),
        (999_999, "1.00 M"),
        (3_504_872, "3.50 M"),
        (300_774_272, "301 M"),
        (1.2e9, "1.20 G"),
        (2.5e15, "2500 T"),
    ],
)
def test_format_count(count: float, text: str) -> None:
    assert format_count(count) == text


def test_one_thing_and_more_of_them() -> None:
    assert [counted(number, "thread") for number in (0, 1, 2)] == ["0 threads", "1 thread", "2 threads"]
    assert counted(3, "process", "processes") == "3 processes"


def test_percent_and_error() -> None:
    assert format_percent(0.1234) == "12.3 %"
    assert format_error(1.23e-6) == "1.2e-06"
    assert format_error(0.0) == "0"
    assert format_error(math.nan) == "nan"
    assert format_error(-math.inf) == "-inf"
    assert format_error(None) == "n/a"


@given(st.floats(1e-9, 9e1))
def test_a_duration_reads_back_within_its_three_digits(seconds: float) -> None:
    number, unit = format_duration(seconds).split()
    scale = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0}[unit]
    assert float(number) < 1000
    assert float(number) * scale == pytest.approx(seconds, rel=6e-3)


@given(st.integers(1, 10**18))
def test_bytes_read_back_within_their_three_digits(count: int) -> None:
    number, unit = format_bytes(count).split()
    power = ["B", "KiB", "MiB", "GiB", "TiB"].index(unit)
    assert float(number) * 1024**power == pytest.approx(count, rel=6e-3)


@given(st.lists(st.integers(1, 2**31 - 1), min_size=1, max_size=6).map(tuple))
def test_a_shape_reads_back_as_written(shape: tuple[int, ...]) -> None:
    assert parse_shape(format_shape(shape)) == shape


@pytest.mark.parametrize("text", ["1,3,224,224", "[1, 3, 224, 224]", "1X3X224X224", " 1*3*224*224 "])
def test_shapes_in_other_spellings(text: str) -> None:
    assert parse_shape(text) == (1, 3, 224, 224)


@pytest.mark.parametrize("text", ["", "x", "1x", "1x-3", "1x0", "1.5x2", "axb", "\u0663x3", "9" * 12])
def test_a_bad_shape_is_a_user_error_with_a_remedy(text: str) -> None:
    with pytest.raises(UserError) as caught:
        parse_shape(text)
    assert "1x3x224x224" in str(caught.value.remedy)


def test_scalars_have_a_name() -> None:
    assert format_shape(()) == "scalar"


def test_named_shapes() -> None:
    assert parse_named_shape("audio = 1x16000") == ("audio", (1, 16000))
    for text in ("1x3", "=1x3", "image="):
        with pytest.raises(UserError):
            parse_named_shape(text)


def test_int_lists() -> None:
    assert parse_int_list("1, 2,4,2") == (1, 2, 4)
    for text in ("", "0", "1,,2", "-1", "two"):
        with pytest.raises(UserError):
            parse_int_list(text)
