"""What the weights of a layer should have been, where one relation to those in the file explains it.

A convolution or linear layer gives y = W x + b. With what it gave and what it should have given, least
squares finds the factor on W, the other b, or the scale and shift of x that would make it right. They are
proposals: `verifier.remedy` runs each, and only one that agrees to within the floor is said.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from edgekit.graph import Layer, Weight
from edgekit.numerics.metrics import Array
from edgekit.ops import spec_of
from edgekit.ops.describe import ACTIVATION_NAMES
from edgekit.ops.spec import decode
from edgekit.verifier.variant import Variant

_CONVOLUTIONS = ("Convolution", "ConvolutionDepthWise", "Convolution1D", "ConvolutionDepthWise1D")
_TRANSPOSED = ("Deconvolution", "DeconvolutionDepthWise")
_TYPES = (*_CONVOLUTIONS, *_TRANSPOSED, "InnerProduct")
_MOST_INPUTS = 4
"""Input channels that are told apart: those of images."""

_MOST_PRODUCTS = 1 << 24
"""Numbers of all input channels' own convolutions: of larger ones none is tried."""

_FEWEST_PER_CHANNEL = 8
"""Numbers of an output channel that two constants of its own have to explain."""

_MOST_EQUATIONS = 20_000
OTHER_NORM = ", as of a norm folded otherwise"
"""How the words of a remedy end that gives each output channel a factor of its own."""

_LEAKY = ACTIVATION_NAMES.index("leakyrelu")
_FLOAT32 = 0
"""The tag of weights that are stored as float32."""


@dataclass(frozen=True, slots=True, eq=False)
class _Fit:
    """A layer with rows of numbers per output channel: the product W x, what it should be, where it counts.

    `product` and `wanted` (less the bias of the file) have shape (channels, positions); `linear` marks the
    positions that no activation has bent.
    """

    layer: Layer
    weight: Array
    bias: Array
    product: Array
    wanted: Array
    linear: Array
    shape: tuple[int, ...]
    """Of the result, with the output channels outermost."""


def refits(layer: Layer, given: Array, actual: Array, wanted: Array) -> Iterator[Variant]:
    """Yield the layer with other weights, from the fewest constants fitted to the most.

    `given` is its input, `actual` what it made of it and `wanted` what it should have made.
    """
    if layer.type not in _TYPES or len(layer.inputs) != 1 or actual.shape != wanted.shape or wanted.ndim > 3:
        return
    fit = _fit(layer, actual, wanted)
    if fit is None:
        return
    yield from _one_factor(fit)
    yield from _other_bias(fit)
    yield from _scaled_input(fit)
    if layer.type == "Convolution":
        yield from _scaled_channels(fit, given)
    yield from _factor_per_channel(fit)


def zero_bias(layer: Layer) -> bool:
    """Whether a layer has a bias of nothing but zeros."""
    bias = layer.weight("bias_data")
    return bias is not None and not bias.any()


def _fit(layer: Layer, actual: Array, wanted: Array) -> _Fit | None:
    weights = {weight.name: weight.values().astype(np.float64) for weight in layer.weights}
    weight = weights.pop("weight_data", None)
    if weight is None or set(weights) - {"bias_data"}:  # scales of a quantised layer
        return None
    params = decode(spec_of(layer.type, layer.name), layer)
    outer = -1 if layer.type == "InnerProduct" else 0
    y, r = (np.moveaxis(each.astype(np.float64), outer, 0) for each in (actual, wanted))
    shape = y.shape
    y, r = y.reshape(shape[0], -1), r.reshape(shape[0], -1)
    bias = weights.get("bias_data", np.zeros(y.shape[0]))
    if not (np.isfinite(y).all() and np.isfinite(r).all()) or bias.shape != y.shape[:1]:
        return None
    kind, numbers = params.integer("activation_type"), params.numbers("activation_params")
    y, r = (_before_slope(kind, numbers, each) for each in (y, r))
    linear = _linear(kind, numbers, y, r)
    if linear is None or not linear.any():
        return None
    return _Fit(layer, weight, bias, y - bias[:, None], r - bias[:, None], linear, shape)


def _before_slope(kind: int, numbers: tuple[float, ...], made: Array) -> Array:
    """Return what a leaky ReLU was given: it hides nothing."""
    if kind == _LEAKY and len(numbers) == 1 and numbers[0] > 0:
        return np.where(made < 0, made / numbers[0], made)
    return made


def _linear(kind: int, numbers: tuple[float, ...], y: Array, r: Array) -> Array | None:
    """Where neither of two results is bent by the activation; None for one that bends everywhere."""
    name = ACTIVATION_NAMES[kind] if 0 <= kind < len(ACTIVATION_NAMES) else ""
    if name == "none" or (kind == _LEAKY and len(numbers) == 1 and numbers[0] > 0):
        return np.ones(y.shape, bool)
    if name in ("relu", "leakyrelu"):
        return (y > 0) & (r > 0)
    if name == "clip" and len(numbers) == 2:
        low, high = numbers
        return (y > low) & (y < high) & (r > low) & (r < high)
    return None


def _one_factor(fit: _Fit) -> Iterator[Variant]:
    x, y = fit.product[fit.linear], fit.wanted[fit.linear]
    if not x.any():
        return
    factor = float(x @ y / (x @ x))
    yield _refitted(fit, fit.weight * factor, fit.bias, f"its weights times {factor:.6g}")
    whole, target = (part + fit.bias[:, None] for part in (fit.product, fit.wanted))
    x, y = whole[fit.linear], target[fit.linear]
    if fit.bias.any() and x.any():
        factor = float(x @ y / (x @ x))
        words = f"its weights and its bias times {factor:.6g}"
        yield _refitted(fit, fit.weight * factor, fit.bias * factor, words)


def _other_bias(fit: _Fit) -> Iterator[Variant]:
    count = fit.linear.sum(1)
    if (count < 2).all():  # one number a channel is explained by any bias
        return
    shift = np.where(fit.linear, fit.wanted - fit.product, 0).sum(1) / np.maximum(count, 1)
    bias = fit.bias + shift
    before = f"{fit.bias.min():.4g} to {fit.bias.max():.4g}" if fit.bias.any() else "nothing but zeros"
    words = f"biases of {bias.min():.4g} to {bias.max():.4g} instead of {before}"
    yield _refitted(fit, fit.weight, bias, words)


def _scaled_input(fit: _Fit) -> Iterator[Variant]:
    """All of the input times one factor, plus one shift: a normalisation that only the model has."""
    if fit.layer.type in _TRANSPOSED:
        return
    sums = fit.weight.reshape(fit.product.shape[0], -1).sum(1)
    inner = _inner(fit)
    left = np.stack([fit.product[inner], np.broadcast_to(sums[:, None], fit.product.shape)[inner]], 1)
    found = _solve(left, fit.wanted[inner])
    if found is not None:
        factor, shift = map(float, found)
        words = f"its input times {factor:.6g} {_plus(shift)}: the model normalises it, the .param does not"
        yield Variant(fit.layer, words, np.asarray([factor]), np.asarray([shift]))


def _scaled_channels(fit: _Fit, given: Array) -> Iterator[Variant]:
    """Every channel of an image with a factor and a shift of its own."""
    products = _products(fit, given)
    if products is None:
        return
    inner = _inner(fit)
    sums = fit.weight.sum((2, 3))
    left = [products[channel][inner] for channel in range(given.shape[0])]
    left += [np.broadcast_to(column[:, None], inner.shape)[inner] for column in sums.T]
    found = _solve(np.stack(left, 1), fit.wanted[inner])
    if found is None:
        return
    factor, shift = np.split(found, 2)
    listed = ", ".join(f"{each:.5g}" for each in factor)
    peak = float(np.abs(given).max()) or 1.0
    if np.abs(shift).max() < 1e-5 * peak:  # no shift at all: the weights hold the factor
        weight = fit.weight * factor[:, None, None]
        yield _refitted(fit, weight, fit.bias, f"its weights times {listed}, input channel by input channel")
    shifts = ", ".join(f"{each:.5g}" for each in shift)
    words = f"its input channels times {listed} plus {shifts}: a normalisation that the .param does not have"
    yield Variant(fit.layer, words, factor, shift)


def _factor_per_channel(fit: _Fit) -> Iterator[Variant]:
    """Every output channel with a factor and a bias of its own: a norm that was folded otherwise."""
    count = fit.linear.sum(1)
    if (count < _FEWEST_PER_CHANNEL).any():
        return
    x, y = (np.where(fit.linear, part, 0) for part in (fit.product, fit.wanted))
    mean_x, mean_y = x.sum(1) / count, y.sum(1) / count
    spread = np.where(fit.linear, fit.product - mean_x[:, None], 0)
    power = (spread**2).sum(1)
    if not power.all():
        return
    factor = (spread * y).sum(1) / power
    bias = fit.bias + mean_y - factor * mean_x
    sizes = (-1, *(1,) * (fit.weight.ndim - 1))
    ranges = f"{factor.min():.4g} to {factor.max():.4g}"
    words = f"each output channel's weights times a factor of its own ({ranges}) and another bias"
    yield _refitted(fit, fit.weight * factor.reshape(sizes), bias, f"{words}{OTHER_NORM}")


def _plus(shift: float) -> str:
    return f"{'plus' if shift >= 0 else 'minus'} {abs(shift):.6g}"


def _inner(fit: _Fit) -> Array:
    """The linear positions that no padding reaches, where a shift of the input adds the same everywhere."""
    params = decode(spec_of(fit.layer.type, fit.layer.name), fit.layer)
    if "kernel_w" not in params.values:
        return fit.linear
    reach = max(
        params.integer(f"kernel_{axis}") * params.integer(f"dilation_{axis}")
        for axis in "wh"
        if f"kernel_{axis}" in params.values
    )
    inside = np.zeros(fit.shape, bool)
    margins = [min(reach - 1, (size - 1) // 2) for size in fit.shape[1:]]
    inside[
        (
            slice(None),
            *(slice(margin, size - margin) for margin, size in zip(margins, fit.shape[1:], strict=True)),
        )
    ] = True
    return fit.linear & inside.reshape(fit.linear.shape)


def _solve(left: Array, right: Array) -> Array | None:
    """Least squares over an even share of the equations; None where they leave a constant open."""
    step = max(1, len(right) // _MOST_EQUATIONS)
    left, right = left[::step], right[::step]
    if len(right) < 2 * left.shape[1]:
        return None
    found, _, rank, _ = np.linalg.lstsq(left, right, rcond=None)
    return None if rank < left.shape[1] else np.asarray(found)


def _products(fit: _Fit, given: Array) -> Array | None:
    """The convolution of every input channel alone, shape (inputs, outputs, positions)."""
    params = decode(spec_of(fit.layer.type, fit.layer.name), fit.layer)
    number = params.integer
    pads = [(number("pad_top"), number("pad_bottom")), (number("pad_left"), number("pad_right"))]
    if given.ndim != 3 or not 1 < given.shape[0] <= _MOST_INPUTS or min(map(min, pads)) < 0:
        return None
    if given.shape[0] * fit.product.size > _MOST_PRODUCTS:
        return None
    down, right = number("dilation_h"), number("dilation_w")
    reach = (down * (number("kernel_h") - 1) + 1, right * (number("kernel_w") - 1) + 1)
    padded = np.pad(given.astype(np.float64), [(0, 0), *pads])
    windows = np.lib.stride_tricks.sliding_window_view(padded, reach, (1, 2))
    windows = windows[:, :: number("stride_h"), :: number("stride_w"), ::down, ::right]
    made = np.einsum("ihwkl,oikl->iohw", windows, fit.weight, optimize=True)
    flat = made.reshape(*made.shape[:2], -1)
    return flat if flat.shape[1:] == fit.product.shape else None


def _refitted(fit: _Fit, weight: Array, bias: Array, words: str) -> Variant:
    layer, data, offset = fit.layer, weight.astype(np.float32), bias.astype(np.float32)
    weights = (Weight("weight_data", data, _FLOAT32),)
    if not offset.any() and layer.weight("bias_data") is None:
        return Variant(replace(layer, weights=weights), words)
    key = next(str(each.id) for each in spec_of(layer.type, layer.name).params if each.name == "bias_term")
    with_bias = (*weights, Weight("bias_data", offset))
    return Variant(replace(layer, params={**layer.params, key: 1}, weights=with_bias, text=None), words)
