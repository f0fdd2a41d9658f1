"""The rule of the floor, term by term, and that rounding really stays below it."""

import numpy as np
import pytest

from edgekit.numerics.floors import (
    ACCUMULATION,
    CONDITIONING,
    SMALLEST,
    UNITS,
    Noise,
    Sums,
    floor,
    largest,
    of_softmax,
)

U = UNITS["fp32"]


def test_units_are_half_the_spacing_of_numbers_near_one() -> None:
    assert UNITS["fp32"] == np.finfo(np.float32).eps / 2
    assert UNITS["fp16"] == np.finfo(np.float16).eps / 2
    assert UNITS["bf16"] == 2.0**-8


def test_each_term_of_the_rule_can_be_the_largest() -> None:
    assert floor(Noise(1e-3, 0.0, 1.0)) == pytest.approx(ACCUMULATION * 1e-3)
    assert floor(Noise(0.0, 1e-3, 1.0)) == pytest.approx(CONDITIONING * 1e-3)
    assert floor(Noise(0.0, 0.0, 5.0)) == pytest.approx(ACCUMULATION * U * 5.0)
    assert floor(Noise(0.0, 0.0, 1.0, terms=10**6)) == pytest.approx(2 * U * 1e3)


def test_what_only_moves_numbers_has_no_floor_in_float32() -> None:
    exact = Noise(0.0, 0.0, 3.0, exact=True)
    assert floor(exact) == 0.0
    assert floor(exact, "bf16") == pytest.approx(3.0 * UNITS["bf16"]), "stored once, rounded once"


def test_below_the_smallest_normal_number_nothing_is_an_error() -> None:
    """ncnn flushes subnormal numbers, and its exponential stops at one."""
    assert floor(Noise(0.0, 0.0, 1e-44)) == SMALLEST["fp32"]
    assert floor(Noise(0.0, 0.0, 1e-44, exact=True)) == 1e-44
    assert SMALLEST["fp32"] == np.finfo(np.float32).tiny


@pytest.mark.parametrize("exact", [True, False])
@pytest.mark.parametrize("precision", ["fp16", "fp16-storage"])
def test_numbers_too_small_for_fp16_may_be_lost_and_no_more(precision: str, exact: bool) -> None:
    """ncnn's scalar conversion gives 0 for what is below the smallest normal number of fp16."""
    assert SMALLEST[precision] == np.finfo(np.float16).smallest_normal

    def of(peak: float) -> float:
        return floor(Noise(0.0, 0.0, peak, exact=exact), precision)

    assert of(2e-16) == 2.0**-24, "the smallest number that fp16 has"
    assert of(3e-5) == 3e-5, "all of it"
    assert of(1e-3) == SMALLEST[precision], "what is smaller than that, of larger numbers"
    assert of(4.0) < 4.0 * 8e-3, "and nothing is added where the unit of rounding is larger"


@pytest.mark.parametrize("precision", ["fp16", "fp16-storage", "bf16"])
def test_half_precision_scales_the_conditioning(precision: str) -> None:
    noise = Noise(1e-9, 1e-6, 1e-3)
    assert floor(noise, precision) == pytest.approx(CONDITIONING * 1e-6 * UNITS[precision] / U)


def test_narrow_weights_count_like_narrow_arithmetic_and_no_more() -> None:
    noise = Noise(1e-9, 1e-6, 1e-3)
    stored = Sums(weights="fp16")
    assert floor(noise, "fp32", stored) == pytest.approx(CONDITIONING * 1e-6 * UNITS["fp16"] / U)
    assert floor(noise, "bf16", stored) == floor(noise, "bf16"), "bf16 rounds more coarsely already"
    assert floor(Noise(0.0, 0.0, 1.0, exact=True), "fp32", stored) == 0.0


@pytest.mark.parametrize("terms", [100, 10_000, 1_000_000])
def test_a_plain_sum_of_many_terms_stays_below_its_floor(terms: int) -> None:
    """The order of summation that ncnn uses for a pooling: one float32 accumulator."""
    numbers = (5 + np.random.default_rng(terms).standard_normal(terms)).astype(np.float32)
    mean = float(np.cumsum(numbers, dtype=np.float32)[-1] / np.float32(terms))
    exact = float(numbers.mean(dtype=np.float64))
    assert abs(mean - exact) <= floor(Noise(0.0, 0.0, exact, terms=terms))


def test_rounded_weights_stay_below_the_floor_of_their_storage() -> None:
    random = np.random.default_rng(1)
    x = random.standard_normal((64, 512))
    w = random.standard_normal((512, 32))
    y = x @ w
    moved = (x * (1 + U * random.uniform(-1, 1, x.shape))) @ (w * (1 + U * random.uniform(-1, 1, w.shape)))
    noise = Noise(0.0, largest(moved - y), largest(y))
    error = largest(x @ w.astype(np.float16).astype(np.float64) - y)
    assert floor(noise) < error < floor(noise, "fp32", Sums(weights="fp16")) < 30 * error


@pytest.mark.parametrize("seed", range(5))
def test_a_softmax_of_large_logits_stays_below_its_floor_in_fp16(seed: int) -> None:
    """Logits near 1000 are rounded by up to a quarter: ncnn's result moves by what rounding x once does."""
    random = np.random.default_rng(seed)
    x = 400 * random.standard_normal((72, 9))
    x[:3, 1] = x[:3].max(1) + random.uniform(-1, 1, 3)  # the few rows in which anything moves

    def softmax(x: np.ndarray) -> np.ndarray:
        y = np.exp(x - x.max(1, keepdims=True))
        return np.asarray(y / y.sum(1, keepdims=True))

    y = softmax(x)
    error = largest(softmax(x.astype(np.float16).astype(np.float64)) - y)
    assert error < floor(Noise(0.0, of_softmax(x, y), 1.0), "fp16") < 0.7
    assert of_softmax(x, 2 * y) == 0.0, "no axis adds up to one"


def test_the_largest_of_what_is_finite() -> None:
    assert largest(np.array([-3.0, 2.0])) == 3.0
    assert largest(np.array([np.nan, -np.inf, 1.5])) == 1.5
    assert largest(np.array([np.nan])) == 0.0
    assert largest(np.array([])) == 0.0
