"""Read the tags out of the converted files: which number of which tensor stands where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from edgekit.graph import Graph, Param, Weight
from edgekit.runtimes.trace import Array

_MOST_ROUNDING = 0.25
_SAME = 1e-6
NOTHING = -1
STATED = "parameter "


@dataclass(frozen=True, slots=True, eq=False)
class Origin:
    """Where each number of a weight comes from: tensor and position in it, `NOTHING` for a constant.

    `mixed` tells that some numbers are made of several, or in another way than by copying.
    """

    tensors: Array
    positions: Array
    mixed: bool = False

    @property
    def carries(self) -> bool:
        """Whether any number comes from a tensor."""
        return bool(np.any(self.tensors != NOTHING))


Key = tuple[int, str]
"""Layer and weight (`weight_data`), or layer and parameter (`parameter 2`)."""


@dataclass(frozen=True, slots=True)
class Tags:
    """Converted graphs: one for each digit of the positions, one in which normalisations shift by tags."""

    digits: Sequence[Graph]
    shifts: Graph
    base: int


@dataclass(frozen=True, slots=True)
class Origins:
    """Origins of weights (`weight_data`) and of numbers in the `.param` (`parameter 2`) by layer and name.

    `shifts` are those of the shifts that normalisations with statistics left there.
    """

    values: Mapping[Key, Origin]
    shifts: Mapping[Key, Origin]

    def of(self, layer: int) -> dict[str, Origin]:
        """Return the origins of a layer's weights by name."""
        own = {name: origin for (index, name), origin in self.values.items() if index == layer}
        return {name: origin for name, origin in own.items() if not name.startswith(STATED)}

    def stated(self, layer: int) -> dict[str, Origin]:
        """Return the origins of numbers that stand in the `.param`, by `2` or `10[0]`."""
        return {
            name.removeprefix(STATED): origin
            for (index, name), origin in self.values.items()
            if index == layer and name.startswith(STATED)
        }


def origins(tags: Tags, shapes: Sequence[tuple[int, ...]], shifting: Sequence[int]) -> Origins:
    """Return the origin of all numbers that depend on a tensor.

    `shapes` are those of the tensors, `shifting` the numbers of those that shift a normalisation.
    """
    sizes = np.array([prod(shape) for shape in shapes], np.int64)
    decoder = _Decoder(tags.base, sizes, np.array(sorted(shifting), np.int64))
    values: dict[Key, Origin] = {}
    shifts: dict[Key, Origin] = {}
    for index, other in enumerate(tags.shifts.layers):
        peers = [graph.layers[index] for graph in tags.digits]
        for slot, weight in enumerate(other.weights):
            digits = [_numbers(peer.weights[slot]) for peer in peers]
            shifted = _numbers(weight)
            _keep(values, (index, weight.name), decoder.value(digits, shifted))
            if other.type == "BatchNorm":
                shifted = (shifted - digits[0]) * (-1 if weight.name == "mean_data" else 1)
            _keep(shifts, (index, weight.name), decoder.shift(shifted))
        stated = [_stated(each.params) for each in (*peers, other)]
        for key in stated[0]:
            if all(key in each for each in stated):
                *digits, shifted = (np.array([each[key]]) for each in stated)
                _keep(values, (index, f"{STATED}{key}"), decoder.value(digits, shifted))
    return Origins(values, shifts)


def _numbers(weight: Weight) -> Array:
    return np.asarray(weight.values(), np.float64)


def _stated(params: Mapping[str, Param]) -> dict[str, float]:
    """Return the numbers with a point that stand in the `.param`: `2`, and `10[0]` of an array."""
    found: dict[str, float] = {}
    for key, value in params.items():
        if isinstance(value, float):
            found[key] = value
        elif isinstance(value, tuple):
            found |= {f"{key}[{at}]": item for at, item in enumerate(value) if isinstance(item, float)}
    return found


def _keep(found: dict[Key, Origin], key: Key, origin: Origin) -> None:
    if origin.carries or origin.mixed:
        found[key] = origin


@dataclass(frozen=True, slots=True, eq=False)
class _Decoder:
    """Reads tags: (number + 1) * base + digit + 1. `sizes` are those of the tensors."""

    base: int
    sizes: Array
    shifting: Array

    def value(self, digits: Sequence[Array], shifted: Array) -> Origin:
        """Decode a weight. What is the same in all graphs is a constant, what is 0 comes from nowhere."""
        constant = np.all([np.abs(digit - shifted) <= _SAME for digit in digits], axis=0)
        wanted = ~constant & (digits[0] != 0)
        tensors, _, exact = self._read(digits[0])
        positions = np.zeros(tensors.shape, np.int64)
        for power, digit in enumerate(digits):
            number, rest, right = self._read(digit)
            exact &= right & (number == tensors)
            positions += rest * self.base**power
        return self._checked(tensors, positions, exact, wanted)

    def shift(self, shifted: Array) -> Origin:
        """Decode what normalisations shifted by: positive tags, other numbers are of no concern."""
        tensors, positions, exact = self._read(np.maximum(shifted, 0))
        exact &= np.isin(tensors, self.shifting)
        return self._checked(tensors, positions, exact, wanted=exact)

    def _read(self, values: Array) -> tuple[Array, Array, Array]:
        """Return numbers, digits, and where a tag stands."""
        finite = np.where(np.isfinite(values), values, 0)
        code = np.rint(finite).astype(np.int64) - 1
        exact = (
            np.isfinite(values) & (np.abs(finite - np.rint(finite)) <= _MOST_ROUNDING) & (code >= self.base)
        )
        return code // self.base - 1, code % self.base, exact

    def _checked(self, tensors: Array, positions: Array, exact: Array, wanted: Array) -> Origin:
        inside = (tensors >= 0) & (tensors < len(self.sizes))
        inside &= positions < self.sizes[np.clip(tensors, 0, len(self.sizes) - 1)]
        known = exact & inside & wanted
        return Origin(
            np.where(known, tensors, NOTHING),
            np.where(known, positions, NOTHING),
            bool(np.any(wanted & ~known)),
        )
