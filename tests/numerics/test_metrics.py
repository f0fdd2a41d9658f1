"""Each metric against its formula written out plainly, and each finding as one of its own."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from edgekit.numerics.metrics import Comparison, Finding, Metrics, compare

R = np.array([3.0, -4.0, 0.5, 2.0], np.float32)
Y = np.array([3.0, -4.5, 0.5, 2.25], np.float32)


def test_every_metric_is_its_formula() -> None:
    metrics = compare(Y, R).metrics
    assert metrics is not None
    assert metrics.max_abs == 0.5
    assert metrics.max_rel == 0.5 / 4.0
    assert metrics.rmse == pytest.approx(np.sqrt((0.25 + 0.0625) / 4))
    assert metrics.cosine == pytest.approx(np.dot(Y, R) / (np.linalg.norm(Y) * np.linalg.norm(R)))
    assert metrics.snr_db == pytest.approx(10 * np.log10(29.25 / 0.3125))
    assert metrics.ulp == 0.5 / 2.0**-21, "spacing of float32 at 4 is 2^-21"


def test_equal_arrays_are_at_no_distance() -> None:
    assert compare(R, R.copy()) == Comparison(Metrics(0.0, 0.0, 0.0, pytest.approx(1.0), float("inf"), 0.0))


@pytest.mark.parametrize("steps", [1, 7])
def test_ulp_counts_the_float32_numbers_in_between(steps: int) -> None:
    reference = np.array([1.0, 1.5, -1.75], np.float32)
    moved = reference.copy()
    for _ in range(steps):
        moved = np.nextafter(moved, np.float32(np.inf), dtype=np.float32)
    metrics = compare(moved, reference).metrics
    assert metrics is not None
    assert metrics.ulp == steps


def test_ulp_near_an_exact_zero_does_not_explode() -> None:
    reference = np.array([1.0, 0.0], np.float32)
    metrics = compare(np.array([1.0, 1e-9], np.float32), reference).metrics
    assert metrics is not None
    assert metrics.ulp == pytest.approx(1e-9 / 2.0**-33)


@pytest.mark.parametrize(
    ("actual", "finding"),
    [
        (R[:3], Finding.SHAPE),
        (R.reshape(2, 2), Finding.SHAPE),
        (np.array([3.0, np.nan, 0.5, 2.0], np.float32), Finding.NAN),
        (np.array([3.0, np.inf, 0.5, 2.0], np.float32), Finding.INF),
        (np.array([3.0, np.inf, np.nan, 2.0], np.float32), Finding.NAN),
    ],
)
def test_what_is_no_number_never_becomes_one(actual: np.ndarray, finding: Finding) -> None:
    assert compare(actual, R) == Comparison(None, finding)


def test_empty_arrays_have_no_distance() -> None:
    empty = np.zeros((0, 4), np.float32)
    assert compare(empty, empty) == Comparison(None, Finding.EMPTY)


def test_all_zero_is_a_finding_beside_its_numbers() -> None:
    found = compare(np.zeros_like(R), R)
    assert found.finding is Finding.ALL_ZERO
    assert found.metrics is not None
    assert (found.metrics.max_abs, found.metrics.cosine) == (4.0, 0.0)
    zeros = np.zeros_like(R)
    nothing = compare(zeros, zeros)
    assert nothing.finding is None
    assert nothing.metrics is not None
    assert nothing.metrics.cosine == 1.0


def test_the_same_infinities_and_nans_in_the_reference_are_no_finding() -> None:
    reference = np.array([1.0, -np.inf, np.nan, 2.0], np.float32)
    actual = np.array([1.0, -np.inf, np.nan, 2.5], np.float32)
    found = compare(actual, reference)
    assert found.finding is None
    assert found.metrics is not None
    assert found.metrics.max_abs == 0.5
    assert compare(np.array([1.0, np.inf, np.nan, 2.0], np.float32), reference).finding is not None
    assert compare(np.array([1.0, 0.0, np.nan, 2.0], np.float32), reference).finding is not None


def test_integers_are_compared_exactly() -> None:
    big = np.array([2**24, 2**24 + 1], np.int32)
    metrics = compare(big + 1, big).metrics
    assert metrics is not None
    assert metrics.max_abs == 1.0


FLOATS = st.floats(-1e6, 1e6, width=32)


@given(st.integers(1, 70_000).flatmap(lambda size: st.tuples(st.just(size), st.integers(0, 2**31))))
def test_working_in_pieces_changes_nothing(case: tuple[int, int]) -> None:
    """70,000 elements are more than one piece."""
    size, seed = case
    random = np.random.default_rng(seed)
    reference = random.standard_normal(size).astype(np.float32)
    actual = reference + random.standard_normal(size).astype(np.float32) * np.float32(0.1)
    metrics = compare(actual, reference).metrics
    assert metrics is not None
    y, r = actual.astype(np.float64), reference.astype(np.float64)
    assert metrics.max_abs == np.abs(y - r).max()
    assert metrics.rmse == pytest.approx(np.sqrt(np.mean((y - r) ** 2)))
    assert metrics.snr_db == pytest.approx(10 * np.log10((r**2).sum() / ((y - r) ** 2).sum()))


@given(arrays.arrays(np.float32, st.integers(1, 40), elements=FLOATS), FLOATS)
def test_metrics_are_finite_and_bounded(reference: np.ndarray, shift: float) -> None:
    metrics = compare(reference + np.float32(shift), reference).metrics
    assert metrics is not None
    assert 0 <= metrics.rmse <= metrics.max_abs * (1 + 1e-12)
    assert -1 - 1e-9 <= metrics.cosine <= 1 + 1e-9
    assert metrics.ulp >= 0
