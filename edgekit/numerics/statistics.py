"""Statistics of latencies: robust summaries, bootstrap intervals, and the noise of a comparison.

Samples come in rounds: one array of seconds per worker process, in the order in which they were measured.
Neighbouring samples resemble each other and processes differ (memory placement, neighbours on the machine),
so the bootstrap draws rounds first and blocks of neighbouring samples within them. Every draw is
seeded: the same samples give the same interval.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float64]

_MAX_SWAPS = 512
_RESAMPLED = 5_000_000  # samples, all resamples together: about a second


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its confidence interval."""

    estimate: float
    low: float
    high: float

    def excludes(self, value: float) -> bool:
        """Whether `value` lies outside the interval."""
        return not self.low <= value <= self.high


def median(samples: Samples) -> float:
    """The middle value (mean of the two middle ones for an even count).

    Raises:
        ValueError: no samples, or one that is not finite.
    """
    return float(np.median(_checked(samples)))


def percentile(samples: Samples, percent: float) -> float:
    """The value below which `percent` % lie, linear between order statistics: x[(n - 1) p / 100].

    Raises:
        ValueError: no samples, or one that is not finite.
    """
    return float(np.percentile(_checked(samples), percent))


def mean(samples: Samples) -> float:
    """sum(x) / n."""
    return float(np.mean(_checked(samples)))


def std(samples: Samples) -> float:
    """Sample standard deviation sqrt(sum((x - mean)^2) / (n - 1)); 0 for a single sample."""
    checked = _checked(samples)
    return float(np.std(checked, ddof=1)) if checked.size > 1 else 0.0


def mad(samples: Samples) -> float:
    """Median absolute deviation: median(|x - median(x)|), unscaled."""
    checked = _checked(samples)
    return float(np.median(np.abs(checked - np.median(checked))))


def median_interval(
    rounds: Sequence[Samples], *, level: float = 0.95, resamples: int | None = None, seed: int = 0
) -> Interval:
    """Percentile bootstrap interval of the median of all samples.

    Rounds are drawn with replacement, then circular blocks of ceil(n^(1/3)) samples within each
    (Politis and Romano 1992). With one round only the blocks are drawn.

    Raises:
        ValueError: no samples, or one that is not finite.
    """
    checked = _checked_rounds(rounds)
    random = np.random.default_rng(seed)
    medians = [
        np.median(np.concatenate([_draw(checked[index], random) for index in _pick(len(checked), random)]))
        for _ in range(resamples or _enough(checked))
    ]
    estimate = float(np.median(np.concatenate(checked)))
    low, high = _tails(np.array(medians), level)
    return Interval(estimate, min(low, estimate), max(high, estimate))


def ratio_interval(
    numerator: Sequence[Samples],
    denominator: Sequence[Samples],
    *,
    paired: bool = True,
    level: float = 0.95,
    resamples: int | None = None,
    seed: int = 0,
) -> Interval:
    """Percentile bootstrap interval of median(numerator) / median(denominator).

    When `paired` and of equal number, round i of one side is drawn together with round i of the other: they
    ran one after the other, so a machine that is slow for a while slows both.

    Raises:
        ValueError: no samples, one that is not finite, or a median that is not positive.
    """
    above, below = _checked_rounds(numerator), _checked_rounds(denominator)
    random = np.random.default_rng(seed)
    estimate = _ratio_of_medians(above, below)
    together = paired and len(above) == len(below)
    ratios = []
    for _ in range(resamples or _enough([*above, *below])):
        first = _pick(len(above), random)
        second = first if together else _pick(len(below), random)
        ratios.append(
            _ratio_of_medians(
                [_draw(above[index], random) for index in first],
                [_draw(below[index], random) for index in second],
            )
        )
    low, high = _tails(np.array(ratios), level)
    return Interval(estimate, min(low, estimate), max(high, estimate))


def swap_noise(first: Sequence[Samples], second: Sequence[Samples], *, seed: int = 0) -> float:
    """How far from 1 the ratio of medians strays when both sides are the same thing (an A/A run).

    Returns the 95th percentile of exp(|log(median(a) / median(b))|) - 1 over all ways (at most 512, then a
    seeded choice) of exchanging the sides of single rounds: 0.02 means that 2 % may be noise.

    Raises:
        ValueError: the sides have not equally many rounds, or hold no finite samples.
    """
    left, right = _checked_rounds(first), _checked_rounds(second)
    if len(left) != len(right):
        raise ValueError(f"{len(left)} rounds against {len(right)}: an A/A run has pairs")
    strays = []
    for swaps in _swaps(len(left), seed):
        pairs = [(b, a) if swap else (a, b) for a, b, swap in zip(left, right, swaps, strict=True)]
        ratio = _ratio_of_medians([pair[0] for pair in pairs], [pair[1] for pair in pairs])
        strays.append(math.exp(abs(math.log(ratio))) - 1.0)
    return float(np.percentile(strays, 95))


def drift(samples: Samples) -> float:
    """Relative change from the first to the last quarter: median(last) / median(first) - 1."""
    checked = _checked(samples)
    quarter = max(1, checked.size // 4)
    return float(np.median(checked[-quarter:]) / np.median(checked[:quarter]) - 1.0)


def _swaps(count: int, seed: int) -> list[tuple[bool, ...]]:
    """All exchanges of `count` pairs with the first one fixed (the others mirror them), or 512 of them."""
    if 2 ** (count - 1) <= _MAX_SWAPS:
        return [(False, *rest) for rest in itertools.product((False, True), repeat=count - 1)]
    random = np.random.default_rng(seed)
    return [tuple(bool(bit) for bit in random.integers(0, 2, count)) for _ in range(_MAX_SWAPS)]


def _enough(rounds: Sequence[Samples]) -> int:
    """How often to resample: 1000 times, fewer for very many samples, whose median hardly moves."""
    total = sum(each.size for each in rounds)
    return int(np.clip(_RESAMPLED // total, 200, 1000))


def _draw(samples: Samples, random: np.random.Generator) -> Samples:
    """Draw as many samples as there are, in circular blocks of ceil(n^(1/3)) neighbours."""
    count = samples.size
    length = math.ceil(count ** (1 / 3) - 1e-9)
    starts = random.integers(0, count, -(-count // length))
    indices = (starts[:, None] + np.arange(length)[None, :]).ravel()[:count] % count
    drawn: Samples = samples[indices]
    return drawn


def _pick(count: int, random: np.random.Generator) -> list[int]:
    return [0] if count == 1 else [int(index) for index in random.integers(0, count, count)]


def _ratio_of_medians(numerator: Sequence[Samples], denominator: Sequence[Samples]) -> float:
    above = float(np.median(np.concatenate(numerator)))
    below = float(np.median(np.concatenate(denominator)))
    if above <= 0 or below <= 0:
        raise ValueError(f"medians {above} and {below} have no ratio")
    return above / below


def _tails(values: Samples, level: float) -> tuple[float, float]:
    outside = 100 * (1 - level) / 2
    low, high = np.percentile(values, [outside, 100 - outside])
    return float(low), float(high)


def _checked_rounds(rounds: Sequence[Samples]) -> list[Samples]:
    if not rounds:
        raise ValueError("no rounds")
    return [_checked(samples) for samples in rounds]


def _checked(samples: Samples) -> Samples:
    array = np.asarray(samples, dtype=np.float64).ravel()
    if array.size == 0:
        raise ValueError("no samples")
    if not np.isfinite(array).all():
        raise ValueError("a sample is not finite")
    return array
