"""What fp16 does inside ncnn's winograd convolutions: every transform and every sum rounded to 11 bits.

A tile d of the input becomes V = B' d B, a kernel g becomes U = G g G' (in float32, then rounded), their
products are added up over the input channels, and the sum M becomes a tile of the output, A' M A (Lavin and
Gray, Fast Algorithms for Convolutional Neural Networks, 2016). The matrices and the choice of the tile are
those of ncnn 1.0.20261020 (`convolution_3x3_winograd_fp16s.h`, `convolution_arm_asimdhp.cpp`): 6x6 where
neither side has more than 128 channels, else 4x4 where both have at least 16, else 2x2. Sums inside a
transform cancel, and numbers of a few hundred may leave fp16 there although input and output fit.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from math import sqrt
from typing import Any

import numpy as np
import numpy.typing as npt

from edgekit.forecaster.outcome import Outcome, outcome
from edgekit.forecaster.products import Tiles, strongest
from edgekit.forecaster.sums import apply, growth
from edgekit.numerics.halves import rounded

Array = npt.NDArray[Any]

_TILES, _CHANNELS = 8, 24
_FP16 = "fp16"


@dataclass(frozen=True, slots=True, eq=False)
class _Scheme:
    """Tile size m, and the transforms of input (m+2, m+2), kernel (m+2, 3) and output (m, m+2)."""

    size: int
    of_input: Array
    of_kernel: Array
    of_output: Array


def of_tiles(tiles: Tiles, output: Array) -> Outcome:
    """Return what a winograd convolution gives alone, told from a part of its tiles and channels."""
    scheme = _scheme(*_sizes(tiles))
    places = _places(tiles.padded, output, scheme.size)
    channels = strongest(np.abs(tiles.weight).reshape(output.shape[0], -1).sum(1), _CHANNELS)
    wanted, inside = _wanted(output[channels], places, scheme.size)
    with np.errstate(all="ignore"):
        given = _given(tiles.padded, places, scheme.size)  # (t, c, m + 2, m + 2)
        v = _both_sides(scheme.of_input, rounded(given, _FP16))
        u = rounded(_kernels(scheme.of_kernel, tiles.weight[channels]), _FP16)  # (o, c, m + 2, m + 2)
        m = _summed(u, v)  # (t, o, m + 2, m + 2)
        bias = rounded(tiles.bias[channels], _FP16)[None, :, None, None]
        y = rounded(_both_sides(scheme.of_output, m) + bias, _FP16)
        got = rounded(apply(tiles.activation, y), _FP16)
    return outcome(got[inside], wanted[inside], growth(int(inside.sum()), output.size))


def _sizes(tiles: Tiles) -> tuple[int, int]:
    return int(tiles.weight.shape[1]), int(tiles.weight.shape[0])


def _scheme(inputs: int, outputs: int) -> _Scheme:
    if inputs <= 128 and outputs <= 128:
        return _six()
    return _four() if min(inputs, outputs) >= 16 else _two()


def _places(padded: Array, output: Array, size: int) -> list[tuple[int, int]]:
    """Return the upper left corners of the tiles that are taken, those with the largest numbers first."""
    rows, columns = range(0, output.shape[1], size), range(0, output.shape[2], size)
    corners = [(row, column) for row in rows for column in columns]
    strength = np.zeros(len(corners))
    for picture, reach in ((padded, size + 2), (output, size)):
        largest = np.abs(picture).max(0)
        found = np.array([largest[r : r + reach, c : c + reach].max() for r, c in corners])
        strength += found / max(float(largest.max()), 1e-30)
    return [corners[index] for index in strongest(strength, _TILES)]


def _given(padded: Array, places: list[tuple[int, int]], size: int) -> Array:
    """Return the input tiles (t, c, m + 2, m + 2), zero beyond the picture."""
    reach = size + 2
    large = np.pad(padded, ((0, 0), (0, reach), (0, reach)))
    return np.stack([large[:, row : row + reach, column : column + reach] for row, column in places])


def _wanted(output: Array, places: list[tuple[int, int]], size: int) -> tuple[Array, Array]:
    """Return the output tiles (t, o, m, m) and which of their numbers the output has."""
    pads = ((0, 0), (0, size), (0, size))
    large, there = np.pad(output, pads), np.pad(np.ones(output.shape, bool), pads)
    return tuple(  # type: ignore[return-value]
        np.stack([each[:, row : row + size, column : column + size] for row, column in places])
        for each in (large, there)
    )


def _kernels(matrix: Array, weight: Array) -> Array:
    transformed: Array = np.einsum("ai,ocij,bj->ocab", matrix, weight, matrix, optimize=True)
    return transformed


def _both_sides(matrix: Array, tiles: Array) -> Array:
    """Transform rows, then columns, each number a sum in fp16."""
    half = rounded(matrix, _FP16)
    return _along(half, _along(half, tiles, -1), -2)


def _along(matrix: Array, tiles: Array, axis: int) -> Array:
    moved = np.moveaxis(tiles, axis, -1)
    total = np.zeros((*moved.shape[:-1], matrix.shape[0]), np.float32)
    for column in range(matrix.shape[1]):
        total = rounded(total + moved[..., column, None] * matrix[:, column], _FP16)
    return np.moveaxis(total, -1, axis)


def _summed(u: Array, v: Array) -> Array:
    total = np.zeros((v.shape[0], u.shape[0], *v.shape[2:]), np.float16)
    for channel in range(u.shape[1]):
        product = v[:, None, channel] * u[None, :, channel]
        total = (total.astype(np.float32) + product).astype(np.float16)
    return total.astype(np.float32)


def _float32(*rows: tuple[float, ...]) -> Array:
    return np.array(rows, np.float32)


@cache
def _two() -> _Scheme:
    return _Scheme(
        2,
        _float32((1, 0, -1, 0), (0, 1, 1, 0), (0, -1, 1, 0), (0, -1, 0, 1)),
        _float32((1, 0, 0), (0.5, 0.5, 0.5), (0.5, -0.5, 0.5), (0, 0, 1)),
        _float32((1, 1, 1, 0), (0, 1, -1, 1)),
    )


@cache
def _four() -> _Scheme:
    s = sqrt(2)
    return _Scheme(
        4,
        _float32(
            (1, 0, -2.5, 0, 1, 0),
            (0, -s, -2, s / 2, 1, 0),
            (0, s, -2, -s / 2, 1, 0),
            (0, -s / 2, -0.5, s, 1, 0),
            (0, s / 2, -0.5, -s, 1, 0),
            (0, 1, 0, -2.5, 0, 1),
        ),
        _float32(
            (1, 0, 0),
            (-2 / 3, -s / 3, -1 / 3),
            (-2 / 3, s / 3, -1 / 3),
            (1 / 6, s / 6, 1 / 3),
            (1 / 6, -s / 6, 1 / 3),
            (0, 0, 1),
        ),
        _float32(
            (1, 1, 1, 1, 1, 0),
            (0, s / 2, -s / 2, s, -s, 0),
            (0, 0.5, 0.5, 2, 2, 0),
            (0, s / 4, -s / 4, 2 * s, -2 * s, 1),
        ),
    )


@cache
def _six() -> _Scheme:
    return _Scheme(
        6,
        _float32(
            (1, 0, -5.25, 0, 5.25, 0, -1, 0),
            (0, 1, 1, -4.25, -4.25, 1, 1, 0),
            (0, -1, 1, 4.25, -4.25, -1, 1, 0),
            (0, 0.5, 0.25, -2.5, -1.25, 2, 1, 0),
            (0, -0.5, 0.25, 2.5, -1.25, -2, 1, 0),
            (0, 2, 4, -2.5, -5, 0.5, 1, 0),
            (0, -2, 4, 2.5, -5, -0.5, 1, 0),
            (0, -1, 0, 5.25, 0, -5.25, 0, 1),
        ),
        _float32(
            (1, 0, 0),
            (-2 / 9, -2 / 9, -2 / 9),
            (-2 / 9, 2 / 9, -2 / 9),
            (1 / 90, 1 / 45, 2 / 45),
            (1 / 90, -1 / 45, 2 / 45),
            (1 / 45, 1 / 90, 1 / 180),
            (1 / 45, -1 / 90, 1 / 180),
            (0, 0, 1),
        ),
        _float32(
            (1, 1, 1, 1, 1, 32, 32, 0),
            (0, 1, -1, 2, -2, 16, -16, 0),
            (0, 1, 1, 4, 4, 8, 8, 0),
            (0, 1, -1, 8, -8, 4, -4, 0),
            (0, 1, 1, 16, 16, 2, 2, 0),
            (0, 1, -1, 32, -32, 1, -1, 1),
        ),
    )
