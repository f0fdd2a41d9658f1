"""What could have been meant by a layer that gives another shape or another part: read off the reference."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import prod

import numpy as np

from edgekit.graph import Layer, Param
from edgekit.numerics.metrics import Array
from edgekit.ops.spec import Params
from edgekit.verifier.variant import Variant, changed

_SIZES = ("0", "1", "11", "2")
"""Parameters of Reshape: width, height, depth, channels."""

_MOST_PLACES = 10_000
"""Where a part may lie in a blob: more are not tried."""


def reshaped(layer: Layer, params: Params, given: Array, wanted: Array) -> Iterator[Variant]:
    """Yield the layer with the shape or the part that the reference has, where its type is asked for one."""
    if layer.type == "Reshape":
        yield from _shape(layer, wanted)
    elif layer.type == "Crop":
        yield from _part(layer, given, wanted)
    elif "output_pad_right" in params.values and given.ndim == wanted.ndim == 3:
        yield from _output_padding(layer, params, given, wanted)


def _shape(layer: Layer, wanted: Array) -> Iterator[Variant]:
    keys = [key for key in _SIZES if key != "11" or wanted.ndim == len(_SIZES)][: wanted.ndim]
    changes: dict[str, Param] = dict(zip(keys, reversed(wanted.shape), strict=True))
    if all(layer.params.get(key) == size for key, size in changes.items()):
        return
    before = "x".join(str(layer.params[key]) for key in reversed(_SIZES) if key in layer.params)
    kept = {key: each for key, each in layer.params.items() if key not in (*_SIZES, "6")}
    words = f"shape {'x'.join(map(str, wanted.shape))} instead of {before or 'an expression'}"
    yield changed(replace(layer, params=kept), changes, words)


def _output_padding(layer: Layer, params: Params, given: Array, wanted: Array) -> Iterator[Variant]:
    """More or fewer rows and columns at the end of a transposed convolution."""
    sides = (("w", "left", "right", -1), ("h", "top", "bottom", -2))
    needed, before = [], []
    for axis, start, end, number in sides:
        made = (given.shape[number] - 1) * params.integer(f"stride_{axis}")
        made += params.integer(f"dilation_{axis}") * (params.integer(f"kernel_{axis}") - 1) + 1
        made -= params.integer(f"pad_{start}") + params.integer(f"pad_{end}")
        needed.append(wanted.shape[number] - made)
        before.append(params.integer(f"output_pad_{end}"))
    if min(needed) < 0 or needed == before:
        return
    right, bottom = needed
    words = f"output padding {_joined(needed)} instead of {_joined(before)}"
    yield changed(layer, {"18": right, "19": bottom}, words)


def _joined(values: Sequence[int]) -> str:
    return "/".join(map(str, values if len(set(values)) > 1 else values[:1]))


def _part(layer: Layer, given: Array, wanted: Array) -> Iterator[Variant]:
    """The part of its input whose numbers are the reference's."""
    starts = _place(given, wanted) if given.ndim == wanted.ndim else None
    if starts is None:
        return
    ends = tuple(start + size for start, size in zip(starts, wanted.shape, strict=True))
    axes = tuple(axis for axis in range(given.ndim) if wanted.shape[axis] != given.shape[axis])
    if not axes:
        return
    changes: dict[str, Param] = {
        "9": tuple(starts[axis] for axis in axes),
        "10": tuple(ends[axis] for axis in axes),
        "11": axes,
    }
    ranges = " and ".join(f"{starts[axis]} to {ends[axis]} of axis {axis}" for axis in axes)
    yield changed(replace(layer, params={}), changes, f"the part {ranges}, with no other parameter")


def _place(given: Array, wanted: Array) -> tuple[int, ...] | None:
    """Where `wanted` lies in `given`, None where it does not or in too many places to look at."""
    steps = [range(size - part + 1) for size, part in zip(given.shape, wanted.shape, strict=True)]
    if not wanted.size or not 0 < prod(map(len, steps)) <= _MOST_PLACES:
        return None
    first = wanted.flat[0]
    for starts in itertools.product(*steps):
        if given[starts] != first:
            continue
        ends = (start + size for start, size in zip(starts, wanted.shape, strict=True))
        if np.array_equal(given[tuple(map(slice, starts, ends))], wanted):
            return starts
    return None
