"""Layers that give another shape or part: the variant that gives the reference's, in ncnn's spelling."""

import numpy as np
import pytest

from edgekit.graph import Layer, Param
from edgekit.verifier.variants import variants

_GIVEN = np.random.default_rng(0).standard_normal((4, 8, 8), np.float32)
_WINDOW: dict[str, Param] = {"0": 4, "1": 3, "2": 1, "3": 2, "4": 1, "5": 0, "6": 144}


@pytest.mark.parametrize(
    ("kind", "params", "wanted", "words"),
    [
        ("Deconvolution", _WINDOW, (4, 16, 16), "output padding 1 instead of 0 (18=1 19=1 in the .param)"),
        ("Deconvolution", _WINDOW, (4, 15, 16), "output padding 1/0 instead of 0 (18=1 19=0 in the .param)"),
        ("Reshape", {"0": 64, "1": 4}, (8, 32), "shape 8x32 instead of 4x64 (0=32 1=8 in the .param)"),
        ("Reshape", {"0": 256}, (2, 8, 16), "shape 2x8x16 instead of 256 (0=16 1=8 2=2 in the .param)"),
    ],
)
def test_the_shape_of_the_reference(
    kind: str, params: dict[str, Param], wanted: tuple[int, ...], words: str
) -> None:
    layer = Layer(kind, "layer", ("a",), ("b",), params)
    assert words in [variant.words for variant in variants(layer, _GIVEN, np.zeros(wanted, np.float32))]


def test_the_part_of_the_reference() -> None:
    layer = Layer("Crop", "crop", ("a",), ("b",), {"9": (2,), "10": (-233,), "11": (1,)})
    (variant,) = variants(layer, _GIVEN, _GIVEN[:, 1:5, 3:])
    assert variant.words.startswith("the part 1 to 5 of axis 1 and 3 to 8 of axis 2, with no other parameter")
    assert variant.layer.params == {"9": (1, 3), "10": (5, 8), "11": (1, 2)}
    assert list(variants(layer, _GIVEN, _GIVEN[:, 1:5, 3:] + 1)) == []
