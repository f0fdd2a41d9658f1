"""Forecast one layer on one sample: exact ranges first, then its own arithmetic on a part of it.

moved     the numbers are cast once, where they come in
sums      a part of the products is added up as ncnn does (`sums`)
functions all numbers go through the function as ncnn computes it (`functions`)
the rest  what rounding every input and weight once changes, E_c u / u32 (E_c was measured at export, see
numerics.floors), and rounding the result, u max|y| / 2. Numbers that fade out, below 2^-14, change by
          more than u: then by what the cast really does to them
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from edgekit.alignment.noise import LayerNoise
from edgekit.forecaster.functions import of_function
from edgekit.forecaster.kernels import Kernel
from edgekit.forecaster.model import CONSTANT, FADES, INSIDE, READS
from edgekit.forecaster.outcome import Outcome, State, state_of
from edgekit.forecaster.products import products_of, tiles_of
from edgekit.forecaster.spread import handed_on
from edgekit.forecaster.sums import of_products
from edgekit.forecaster.winograd import of_tiles
from edgekit.graph import Layer
from edgekit.numerics.floors import UNITS, largest
from edgekit.numerics.halves import cast, faded, overflows, rounded
from edgekit.ops import describe
from edgekit.ops.half import BREAK_AT_ZERO, WIDE_WEIGHTS

Array = npt.NDArray[Any]


def predicted(
    layer: Layer, kernel: Kernel, blobs: Mapping[str, Array], blob: str, noise: LayerNoise, precision: str
) -> Outcome:
    """Return what `blob`, an output of the layer, is off by when the layer runs alone on `blobs`."""
    output = blobs[blob]
    if kernel is Kernel.WIDE:
        u32 = UNITS["fp32"]
        return Outcome(max(noise.isolated.rounding, u32 * noise.isolated.peak))
    if kernel is Kernel.CHAIN:
        return _of_conditioning(layer, blobs, noise, output, precision)
    if kernel is Kernel.MOVED:
        return _of_moving(layer, blobs, output, precision)
    function = of_function(layer, blobs, output, kernel, precision)
    if function is not None:
        return function
    found = _of_sums(layer, kernel, blobs, output, precision)
    if found is None:
        read = State.NAN if _broken_weights(layer, precision) else _read(layer, blobs, precision)
        if read is not State.FINITE:
            return Outcome(None, read)
        found = _of_conditioning(layer, blobs, noise, output, precision)
    stored = _of_rounding(output, precision)  # a part of the layer may not hold its largest number
    return found if found.state.rank >= stored.state.rank else stored


def _of_sums(
    layer: Layer, kernel: Kernel, blobs: Mapping[str, Array], output: Array, precision: str
) -> Outcome | None:
    """Return what a layer that sums products gives; None for any other."""
    given = _kept(layer, blobs, precision)
    tiles = tiles_of(layer, given, output) if kernel is Kernel.HALF else None
    if tiles is not None:
        return of_tiles(tiles, output)
    products, held = products_of(layer, blobs, output), products_of(layer, given, output)
    return None if products is None or held is None else of_products(products, held, kernel, precision)


def _kept(layer: Layer, blobs: Mapping[str, Array], precision: str) -> Mapping[str, Array]:
    """Return a layer's inputs with zeros where the cast makes them; who uses the others rounds them."""
    return {
        blob: np.where(cast(blobs[blob], precision) == 0, 0, blobs[blob])
        for blob in layer.inputs
        if blob in blobs
    }


def _of_moving(layer: Layer, blobs: Mapping[str, Array], output: Array, precision: str) -> Outcome:
    """Return what the cast does to those of the inputs' numbers that the output has."""
    if any(blob not in blobs for blob in layer.inputs) or not layer.inputs:
        return _of_rounding(output, precision)
    error = 0.0
    for blob in layer.inputs:
        given = blobs[blob]
        taken = cast(given, precision)
        here = np.isin(given, output)
        state = state_of(taken[here])
        if state is not State.FINITE:
            return Outcome(None, state)
        off = np.abs(taken.astype(np.float64) - given)
        error = max(error, float(np.max(off, where=here, initial=0.0)))
    return Outcome(error)


def _read(layer: Layer, blobs: Mapping[str, Array], precision: str) -> State:
    """Return the worst number that comes of reading numbers beyond the precision."""
    beyond = [name in blobs and overflows(_peak(blobs[name]), precision) for name in layer.inputs]
    return handed_on(layer, [State.INF if each else State.FINITE for each in beyond])


def _of_rounding(output: Array, precision: str) -> Outcome:
    stored = rounded(output, precision)
    state = state_of(stored)
    if state is not State.FINITE:
        return Outcome(None, state)
    return Outcome(float(np.max(np.abs(stored.astype(np.float64) - output), initial=0.0)))


def _of_conditioning(
    layer: Layer, blobs: Mapping[str, Array], noise: LayerNoise, output: Array, precision: str
) -> Outcome:
    if state_of(rounded(output, precision)) is not State.FINITE:
        return Outcome(None, State.INF)
    alone, u = noise.isolated, UNITS[precision]
    moved = max((_moved(blobs[blob], precision) for blob in layer.inputs if blob in blobs), default=0.0)
    return Outcome(max(alone.conditioning * max(u, moved) / UNITS["fp32"], _half_step(largest(output), u)))


def _moved(values: Array, precision: str) -> float:
    """Return how far the cast moves numbers, by their size: sqrt(sum (cast(x) - x)^2 / sum x^2)."""
    exact = np.asarray(values, np.float64)
    with np.errstate(all="ignore"):
        share = np.linalg.norm(cast(values, precision) - exact) / np.linalg.norm(exact)
    return float(share) if np.isfinite(share) else 0.0


def _half_step(peak: float, u: float) -> float:
    """Half the distance between numbers as large as the peak."""
    return u * 2.0 ** float(np.floor(np.log2(peak))) if peak > 0 else 0.0


def _broken_weights(layer: Layer, precision: str) -> bool:
    return layer.type not in WIDE_WEIGHTS and any(
        overflows(_peak(each.values()), precision) for each in layer.weights
    )


def where(layer: Layer, blobs: Mapping[str, Array], precision: str) -> str:
    """Return which part of a layer leaves the range of the precision."""
    if _broken_weights(layer, precision):
        return f"a weight ({max(_peak(each.values()) for each in layer.weights):.3g})"
    for names, what in ((layer.inputs, READS), (layer.outputs, "what it writes")):
        peaks = [_peak(blobs[blob]) for blob in names if blob in blobs]
        if any(overflows(peak, precision) for peak in peaks):
            return f"{what} ({max(peaks):.3g})"
    constant = _constant(layer)
    if overflows(abs(constant), precision):
        return f"{CONSTANT} ({constant:.3g})"
    gone = max((faded(blobs[blob], precision) for blob in layer.inputs if blob in blobs), default=0.0)
    if layer.type in BREAK_AT_ZERO and gone > 0:
        return f"{READS} ({gone:.3g}) {FADES}"
    return INSIDE


def _constant(layer: Layer) -> float:
    """Return the number that an elementwise layer takes beside its input, 0.0 without one."""
    facts = describe(layer) if layer.type == "BinaryOp" else {}
    number = facts.get("b", 0.0) if facts.get("with_scalar") else 0.0
    return float(number) if isinstance(number, int | float) else 0.0


def _peak(array: Array) -> float:
    return largest(np.asarray(array, np.float32)) if array.dtype.kind == "f" else 0.0
