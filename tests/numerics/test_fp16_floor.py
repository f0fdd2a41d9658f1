"""The floor of fp16 arithmetic against sums that are really rounded after every step."""

import numpy as np
import pytest

from edgekit.numerics.floors import UNITS, WINOGRAD, WINOGRAD_PRODUCTS, Noise, Sums, floor


@pytest.mark.parametrize("products", [9, 96, 960])
def test_a_sum_in_fp16_registers_stays_below_its_floor(products: int) -> None:
    random = np.random.default_rng(products)
    left, right = (random.standard_normal((products, 4096)).astype(np.float16) for _ in range(2))
    exact = np.sum(left.astype(np.float64) * right.astype(np.float64), axis=0)
    rounded = np.zeros(4096, np.float16)
    for one, other in zip(left, right, strict=True):  # fmla: product and sum are rounded together
        rounded = (rounded.astype(np.float64) + one.astype(np.float64) * other.astype(np.float64)).astype(
            np.float16
        )
    error = float(np.max(np.abs(rounded - exact)))
    noise = Noise(0.0, 0.0, float(np.max(np.abs(exact))))
    limit = floor(noise, "fp16", Sums(products))
    assert error < limit < 40 * error
    assert floor(noise, "fp16-storage", Sums(products)) < limit
    assert floor(noise, "fp32", Sums(products)) == floor(noise, "fp32")


def test_a_winograd_kernel_may_be_further_off_in_fp16_only() -> None:
    noise = Noise(0.0, 1e-6, 2.0)
    direct, winograd = (floor(noise, "fp16", Sums(288, each)) for each in (False, True))
    assert winograd == pytest.approx(WINOGRAD * direct)
    conditioned = Noise(0.0, 1e-3, 2.0)
    few = floor(noise, "fp16", Sums(9, True))
    assert few == floor(noise, "fp16", Sums(WINOGRAD_PRODUCTS, True)), (
        "transforms lose as much with few channels"
    )
    expected = WINOGRAD * 4 * 1e-3 * UNITS["fp16"] / UNITS["fp32"]
    assert floor(conditioned, "fp16", Sums(9, True)) == pytest.approx(expected)
    for precision in ("fp32", "fp16-storage", "bf16"):
        assert floor(noise, precision, Sums(288, True)) == floor(noise, precision)


def test_an_estimated_reciprocal_is_excused_in_every_precision() -> None:
    noise = Noise(0.0, 0.0, 1.0)
    x = np.linspace(1, 4, 1000)
    estimate = np.round(256 / np.sqrt(x)) / 256  # what `vrsqrteq` gives: 8 bits
    refined = estimate * (3 - x * estimate * estimate) / 2  # `vrsqrtsq`, once
    error = float(np.max(np.abs(refined * np.sqrt(x) - 1)))
    assert floor(noise) < error < floor(noise, sums=Sums(estimated=True)) < 10 * error
