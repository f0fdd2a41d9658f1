"""Two arrays in the same bins."""

import time

import numpy as np
import pytest

from edgekit.numerics.histogram import BINS, MOST_VALUES, histogram


def test_the_counts_are_numpys_own() -> None:
    generator = np.random.default_rng(0)
    reference = generator.normal(size=(4, 9, 7)).astype(np.float32)
    actual = (reference * 1.5).astype(np.float32)
    found = histogram(reference, actual)
    assert found is not None
    both = np.concatenate([reference.ravel(), actual.ravel()]).astype(np.float64)
    limits = (float(both.min()), float(both.max()))
    assert (found.low, found.high, found.stride) == (*limits, 1)
    assert found.reference == tuple(np.histogram(reference.astype(np.float64), BINS, limits)[0])
    assert found.actual == tuple(np.histogram(actual.astype(np.float64), BINS, limits)[0])


def test_a_large_array_is_sampled_across_all_its_columns() -> None:
    columns = np.arange(256, dtype=np.float32)
    reference = np.broadcast_to(columns, (64, 128, 256))
    found = histogram(reference, reference)
    assert found is not None
    assert MOST_VALUES / 2 < sum(found.reference) <= MOST_VALUES
    assert found.stride > 1
    assert min(found.reference) > 0.5 * sum(found.reference) / BINS


def test_values_that_are_no_numbers_are_counted_apart() -> None:
    reference = np.array([0.0, 1.0, np.inf], np.float32)
    actual = np.array([np.nan, np.nan, 2.0], np.float32)
    found = histogram(reference, actual)
    assert found is not None
    assert (found.low, found.high) == (0.0, 2.0)
    assert (found.reference_left, found.actual_left) == (1, 2)
    assert (sum(found.reference), sum(found.actual)) == (2, 1)


@pytest.mark.parametrize(
    ("reference", "actual"),
    [
        (np.zeros((0,), np.float32), np.zeros((3,), np.float32)),
        (np.full((5,), 3.0, np.float32), np.full((5,), 3.0, np.float32)),
        (np.array([-3.4e38, 3.4e38], np.float32), np.array([0.0, 1.0], np.float32)),
        (np.array([1, 2, 3], np.int32), np.array([1, 2, 4], np.int32)),
        (np.array([5e-324, 0.0]), np.array([0.0])),
    ],
)
def test_odd_arrays_are_counted_in_full(reference: np.ndarray, actual: np.ndarray) -> None:
    found = histogram(reference, actual)
    assert found is not None
    assert len(found.reference) == len(found.actual) == BINS
    assert sum(found.reference) == reference.size
    assert sum(found.actual) == actual.size


def test_nothing_finite_gives_no_histogram() -> None:
    assert histogram(np.array([np.nan]), np.array([np.inf])) is None
    assert histogram(np.zeros(0), np.zeros(0)) is None


def test_arrays_of_different_shapes_are_laid_over_each_other() -> None:
    found = histogram(np.ones((2, 3)), np.zeros((4,)))
    assert found is not None
    assert sum(found.reference) == 6
    assert sum(found.actual) == 4


def test_it_is_cheap() -> None:
    array = np.random.default_rng(0).normal(size=(96, 112, 112)).astype(np.float32)
    began_s = time.perf_counter()
    for _ in range(20):
        histogram(array, array)
    assert (time.perf_counter() - began_s) / 20 < 0.02
