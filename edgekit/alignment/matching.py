"""Which tensors of a trace hold the numbers of an ncnn blob, up to a permutation of axes.

The search goes from cheap to dear: element count, then four moments, then the numbers as they lie,
and only where these differ although the moments agree, every permutation of the axes.
Every comparison is made on all probes; a tensor must agree on each of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from edgekit.alignment.layout import Array, Layout, permutations
from edgekit.runtimes.trace import Trace, finite_scale

TOLERANCE = 2e-2
"""A blob and its tensor differ by less than this part of the tensor's scale (propagated noise and
fp16 weights stay below; on lively probes the nearest wrong tensor is about 0.1 away)."""

_EXACT = 1e-4
"""A tensor that agrees this well as it lies needs no trying of permutations."""
_MOMENT_TOLERANCE = 5e-2
_CLEARLY = 4.0
_INDISTINCT = 1e-5
"""Errors below this part of the scale are rounding: they do not tell two candidates apart."""
_SAMPLE = 4096
_INFINITE = 65504.0  # what stands for infinity: nothing that a network computes on purpose


@dataclass(frozen=True, slots=True)
class Match:
    """A tensor that agrees with a blob: value id, how it lies in the blob, worst error over the probes."""

    value: int
    layout: Layout
    error: float


@dataclass(frozen=True, slots=True)
class Observation:
    """What ncnn gave for one blob: an array per probe, and the batch axis."""

    arrays: tuple[Array, ...]
    batch_axis: int | None = None

    @property
    def finite(self) -> bool:
        """Whether every number is finite, infinities for which `tamed` has put a number among them."""
        return all(bool(np.isfinite(array).all()) for array in self.arrays)


class Index:
    """The tensors of the traces (one per probe, of equal structure), searchable by their numbers."""

    def __init__(self, traces: Sequence[Trace]) -> None:
        self.traces = tuple(traces)
        self._moments: dict[tuple[int, int], Array] = {}
        self._scales: dict[tuple[int, int], float] = {}
        self._tamed: dict[tuple[int, int], Array] = {}

    def learn(self, value: int) -> None:
        """Take the moments and the scale of a value now, if a blob may ever stand for it."""
        size = self.array(value, 0).size
        if size == 0 or not self._usable(value, size):
            return
        for probe in range(len(self.traces)):
            self._moments_of(value, probe)
            self.scale(value, probe)

    def array(self, value: int, probe: int) -> Array:
        """The numbers of a value on one probe, infinities tamed."""
        key = (value, probe)
        if key not in self._tamed:
            self._tamed[key] = tamed(self.traces[probe].values[value])
        return self._tamed[key]

    def scale(self, value: int, probe: int) -> float:
        """The unit in which errors of a value are counted; see `finite_scale`."""
        key = (value, probe)
        if key not in self._scales:
            self._scales[key] = finite_scale(self.traces[probe].values[value])
        return self._scales[key]

    def matches(self, seen: Observation, among: Iterable[int]) -> list[Match]:
        """Return the tensors among some that agree with the observation on all its probes, best first."""
        size = seen.arrays[0].size
        moments: dict[int, Array] = {}
        found = [
            match
            for value in dict.fromkeys(among)
            if self._usable(value, size) and self._moments_agree(value, seen, moments)
            for match in [self.match(seen, value)]
            if match is not None
        ]
        return sorted(found, key=lambda match: match.error)

    def match(self, seen: Observation, value: int) -> Match | None:
        """Compare one tensor: as it lies, then under every permutation. None when none agrees."""
        shape = seen.arrays[0].shape
        plain = Layout(shape, None, seen.batch_axis)
        error = self.error(seen, value, plain)
        best = Match(value, plain, error) if error <= TOLERANCE else None
        if error <= _EXACT:
            return best
        for permute in permutations(self.array(value, 0).shape):
            layout = Layout(shape, permute, seen.batch_axis)
            if self._sample_error(seen, value, layout) > TOLERANCE:
                continue
            error = self.error(seen, value, layout)
            if error <= TOLERANCE and (best is None or error < best.error / _CLEARLY):
                best = Match(value, layout, error)
        return best

    def error(self, seen: Observation, value: int, layout: Layout) -> float:
        """Worst over the probes of RMS(blob - tensor) / scale; infinite where not finite alike."""
        worst = 0.0
        for probe, array in enumerate(seen.arrays):
            expected = layout.apply(self.array(value, probe))
            worst = max(worst, _rms(array, expected) / self.scale(value, probe))
        return worst

    def _sample_error(self, seen: Observation, value: int, layout: Layout) -> float:
        expected = layout.apply(self.array(value, 0)).reshape(-1)
        actual = seen.arrays[0].reshape(-1)
        step = max(1, actual.size // _SAMPLE)
        return _rms(actual[::step], expected[::step]) / self.scale(value, 0)

    def _usable(self, value: int, size: int) -> bool:
        array = self.array(value, 0)
        return array.size == size and array.dtype.kind in "fiub" and value not in self.traces[0].hidden

    def _moments_agree(self, value: int, seen: Observation, moments: dict[int, Array]) -> bool:
        """Compare moments probe by probe; `moments` keeps those of the observation."""
        for probe, array in enumerate(seen.arrays):
            if probe not in moments:
                moments[probe] = _moments(array)
            mine = self._moments_of(value, probe)
            limit = _MOMENT_TOLERANCE * max(mine[1], 1e-3 * mine[2])
            if np.any(np.abs(mine - moments[probe]) > limit):
                return False
        return True

    def _moments_of(self, value: int, probe: int) -> Array:
        key = (value, probe)
        if key not in self._moments:
            self._moments[key] = _moments(self.array(value, probe))
        return self._moments[key]


def tamed(array: Array) -> Array:
    """Return the array with a large number for each infinity: a mask of attention is made of them.

    So it can be told from other masks. Whether a layer may give infinities is for the verdict to say.
    """
    if array.dtype.kind != "f" or array.size == 0:
        return array
    if not (np.isinf(array.min()) or np.isinf(array.max())):  # NaN is neither, and stays
        return array
    return np.where(np.isinf(array), np.copysign(_INFINITE, array), array).astype(array.dtype)


def indistinct(matches: Sequence[Match]) -> list[Match]:
    """Keep the matches that rounding cannot tell from the best one."""
    if not matches:
        return []
    limit = max(_CLEARLY * matches[0].error, _INDISTINCT)
    return [match for match in matches if match.error <= limit]


def _moments(array: Array) -> Array:
    """Mean, standard deviation, root mean square: permutation-free and robust to a few outliers."""
    numbers = array.reshape(-1)
    if numbers.dtype.kind != "f":
        numbers = numbers.astype(np.float32)
    mean = float(numbers.mean(dtype=np.float64))
    square = float(np.einsum("i,i->", numbers, numbers, dtype=np.float64)) / numbers.size
    return np.array([mean, np.sqrt(max(square - mean * mean, 0.0)), np.sqrt(max(square, 0.0))])


def _rms(actual: Array, expected: Array) -> float:
    """Root mean square of the difference; infinite where one has a NaN or infinity."""
    difference = np.subtract(actual, expected, dtype=np.float32).reshape(-1)
    square = float(np.einsum("i,i->", difference, difference)) / max(difference.size, 1)
    return float(np.sqrt(square)) if np.isfinite(square) else float("inf")


def observations(
    names: Iterable[str], tensors: Mapping[str, Array], axes: Mapping[str, int | None], cases: Sequence[str]
) -> dict[str, Observation]:
    """Collect the blobs `CASE:BLOB` of a worker reply, those that every case answered."""
    found: dict[str, Observation] = {}
    for name in names:
        keys = [f"{case}:{name}" for case in cases]
        if all(key in tensors for key in keys) and len({tensors[key].shape for key in keys}) == 1:
            found[name] = Observation(tuple(tamed(tensors[key]) for key in keys), axes[keys[0]])
    return found
