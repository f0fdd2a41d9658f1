"""The scale or the offset of a norm or a matrix product, found again from two results."""

import numpy as np
import pytest

from edgekit.graph import Layer, Weight
from edgekit.verifier.affine import refitted


@pytest.mark.parametrize(
    ("kind", "scale", "offset", "axis"),
    [("LayerNorm", "gamma_data", "beta_data", 1), ("BatchNorm", "slope_data", "bias_data", 0)],
)
def test_a_scale_or_an_offset_is_found_again(kind: str, scale: str, offset: str, axis: int) -> None:
    rng = np.random.default_rng(0)
    w, b, z = rng.random(6) + 0.5, rng.random(6), rng.standard_normal((6, 6))
    along = [1, 1]
    along[axis] = 6
    weights = (Weight(scale, w.astype(np.float32)), Weight(offset, b.astype(np.float32)))
    layer = Layer(kind, "norm", ("a",), ("b",), weights=weights)
    made = z * w.reshape(along) + b.reshape(along)

    times, _ = refitted(layer, made, 0.8 * z * w.reshape(along) + b.reshape(along))
    assert times.words == f"its {scale} times 0.8"
    found = times.layer.weight(scale)
    assert found is not None
    np.testing.assert_allclose(np.asarray(found, np.float64), 0.8 * w, rtol=1e-5)

    _, added = refitted(layer, made, made - b.reshape(along))
    found = added.layer.weight(offset)
    assert found is not None
    np.testing.assert_allclose(np.asarray(found, np.float64), np.zeros(6), atol=1e-6)


def test_other_layers_are_left_alone() -> None:
    y = np.ones((2, 3))
    assert list(refitted(Layer("Convolution", "conv", ("a",), ("b",)), y, y)) == []
