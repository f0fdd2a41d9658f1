"""Statistics against known values, scipy where it is installed, and their own promises."""

from __future__ import annotations

import numpy as np
import pytest

from edgekit.numerics import statistics as st


def _rounds(seed: int, count: int, size: int, center: float, spread: float = 0.02) -> list[np.ndarray]:
    random = np.random.default_rng(seed)
    return [center * np.exp(random.normal(0, spread, size)) for _ in range(count)]


def test_summaries_of_a_known_sample() -> None:
    samples = np.array([1.0, 2.0, 3.0, 4.0, 100.0])
    assert st.median(samples) == 3.0
    assert st.mad(samples) == 1.0
    assert st.mean(samples) == 22.0
    assert st.std(samples) == pytest.approx(np.sqrt(((samples - 22.0) ** 2).sum() / 4))
    assert st.percentile(np.arange(11.0), 90) == 9.0


def test_single_sample_has_no_spread() -> None:
    assert st.std(np.array([2.0])) == 0.0
    assert st.median_interval([np.array([2.0])]) == st.Interval(2.0, 2.0, 2.0)


@pytest.mark.parametrize("bad", [[], [np.nan], [1.0, np.inf]])
def test_no_statistics_of_nothing_or_of_what_is_not_finite(bad: list[float]) -> None:
    samples = np.array(bad)
    for function in (st.median, st.mean, st.std, st.mad, st.drift):
        with pytest.raises(ValueError):
            function(samples)
    with pytest.raises(ValueError):
        st.median_interval([samples])
    with pytest.raises(ValueError):
        st.ratio_interval([samples], [np.array([1.0])])


def test_no_rounds_is_an_error() -> None:
    with pytest.raises(ValueError, match="no rounds"):
        st.median_interval([])


def test_interval_is_reproducible_and_contains_its_estimate() -> None:
    rounds = _rounds(1, 4, 60, 0.01)
    first, second = st.median_interval(rounds, seed=3), st.median_interval(rounds, seed=3)
    assert first == second
    assert first.low <= first.estimate <= first.high
    assert first.estimate == np.median(np.concatenate(rounds))


def test_interval_of_independent_samples_agrees_with_scipy() -> None:
    stats = pytest.importorskip("scipy.stats")
    samples = _rounds(2, 1, 400, 1.0)[0]
    ours = st.median_interval([samples], resamples=4000)
    theirs = stats.bootstrap(
        (samples,), np.median, n_resamples=4000, method="percentile", rng=np.random.default_rng(0)
    ).confidence_interval
    width = theirs.high - theirs.low
    assert ours.low == pytest.approx(theirs.low, abs=0.3 * width)
    assert ours.high == pytest.approx(theirs.high, abs=0.3 * width)


def test_interval_covers_the_true_median_about_as_often_as_it_says() -> None:
    hits = 0
    for seed in range(60):
        interval = st.median_interval(_rounds(seed, 1, 80, 1.0), resamples=200, seed=seed)
        hits += interval.low <= 1.0 <= interval.high
    assert hits >= 50  # 57 expected at 95 %


def test_differences_between_processes_widen_the_interval() -> None:
    steady = _rounds(5, 4, 100, 1.0, 0.001)
    shifted = [samples * (1 + 0.02 * index) for index, samples in enumerate(steady)]
    narrow, wide = st.median_interval(steady), st.median_interval(shifted)
    assert wide.high - wide.low > 5 * (narrow.high - narrow.low)


def test_ratio_of_a_real_difference_excludes_one() -> None:
    ratio = st.ratio_interval(_rounds(6, 4, 80, 1.3), _rounds(7, 4, 80, 1.0))
    assert ratio.estimate == pytest.approx(1.3, rel=0.02)
    assert ratio.excludes(1.0)


def test_ratio_of_equal_things_includes_one() -> None:
    ratio = st.ratio_interval(_rounds(8, 4, 80, 1.0), _rounds(9, 4, 80, 1.0))
    assert not ratio.excludes(1.0)


def test_paired_rounds_cancel_a_machine_that_is_slow_for_a_while() -> None:
    weather = [1.0, 1.4, 1.0, 1.3, 1.1, 1.2]
    left = [s * w for s, w in zip(_rounds(10, 6, 50, 1.1, 0.003), weather, strict=True)]
    right = [s * w for s, w in zip(_rounds(11, 6, 50, 1.0, 0.003), weather, strict=True)]
    paired = st.ratio_interval(left, right)
    unpaired = st.ratio_interval(left, right[:-1])
    assert paired.excludes(1.0)
    assert paired.high - paired.low < 0.5 * (unpaired.high - unpaired.low)


def test_swap_noise_is_small_for_twins_and_large_for_scattered_processes() -> None:
    quiet = st.swap_noise(_rounds(12, 5, 60, 1.0, 0.002), _rounds(13, 5, 60, 1.0, 0.002))
    scattered = [s * f for s, f in zip(_rounds(14, 5, 60, 1.0), (1, 1.2, 0.9, 1.1, 1.3), strict=True)]
    noisy = st.swap_noise(scattered, list(reversed(scattered)))
    assert 0 <= quiet < 0.005
    assert noisy > 5 * quiet


def test_swap_noise_needs_pairs() -> None:
    with pytest.raises(ValueError, match="pairs"):
        st.swap_noise(_rounds(0, 2, 5, 1.0), _rounds(0, 3, 5, 1.0))


def test_swap_noise_of_many_rounds_is_seeded() -> None:
    left, right = _rounds(15, 14, 10, 1.0), _rounds(16, 14, 10, 1.0)
    assert st.swap_noise(left, right, seed=1) == st.swap_noise(left, right, seed=1)


def test_drift_compares_the_ends() -> None:
    assert st.drift(np.linspace(1.0, 2.0, 100)) > 0.5
    assert abs(st.drift(np.ones(9))) == 0.0
