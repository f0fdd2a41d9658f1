"""Inputs as text, and the seeded numbers made for them."""

import numpy as np
import pytest

from edgekit.errors import UserError
from edgekit.sources.inputs import InputSpec, input_specs, parse_input, probe


def test_every_part_of_an_input_can_be_written() -> None:
    assert parse_input("x=1x3x8x8") == InputSpec("x", (1, 3, 8, 8))
    assert parse_input("x=1x3x8x8,1x3x16x12") == InputSpec("x", (1, 3, 8, 8), shape2=(1, 3, 16, 12))
    assert parse_input("ids=1x7:int64@0..99") == InputSpec("ids", (1, 7), "int64", (0.0, 99.0))
    assert parse_input("x=16@-1..1") == InputSpec("x", (16,), value_range=(-1.0, 1.0))
    assert parse_input("state.0=1x1x8").name == "state.0"


def test_half_and_double_inputs_become_float32() -> None:
    assert parse_input("x=1x3:float16").dtype == "float32"
    assert parse_input("x=1x3:float64").dtype == "float32"


def test_a_second_shape_that_is_the_first_means_nothing() -> None:
    assert parse_input("x=1x3,1x3").shape2 is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1x3x8x8", "does not name an input"),
        ("x=1x3x0x8", "not positive"),
        ("x=1x3:floaty32", "unknown dtype"),
        ("x=1x3@1..0", "empty"),
        ("x=1x3@1", "has no '..'"),
        ("x=1x3x8x8,1x3x8", "differ in rank"),
        ("x=1x3,1x4,1x5", "3 shapes"),
    ],
)
def test_mistakes_are_named(text: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        parse_input(text)


def test_an_input_is_given_once() -> None:
    with pytest.raises(UserError, match="given twice"):
        input_specs([parse_input("x=1x3"), parse_input("x=1x4")])


def test_probes_are_seeded_different_and_in_range() -> None:
    specs = input_specs(
        [parse_input("x=2x3x8x8@0..1"), parse_input("y=64"), parse_input("ids=1x50:int64@3..9")]
    )
    first, again, second = probe(specs, 5, 0), probe(specs, 5, 0), probe(specs, 5, 1)
    for name, values in first.items():
        np.testing.assert_array_equal(values, again[name])
        assert not np.array_equal(values, second[name])
    assert first["x"].min() >= 0 and first["x"].max() <= 1
    assert first["x"].dtype == first["y"].dtype == np.float32
    assert first["ids"].dtype == np.int64
    assert set(np.unique(first["ids"])) <= set(range(3, 10))


def test_images_of_the_zoo_are_no_noise() -> None:
    spec = InputSpec("image", (1, 3, 32, 32), value_range=(0.0, 1.0), kind="image")
    image = probe([spec], 0, 0)["image"]
    neighbours = np.abs(np.diff(image, axis=-1)).mean()
    assert neighbours < 0.5 * image.std()


def test_a_second_shape_is_probed() -> None:
    specs = input_specs([parse_input("x=1x3x8x8,1x3x12x8")])
    assert probe(specs, 0, 2, second_shape=True)["x"].shape == (1, 3, 12, 8)
