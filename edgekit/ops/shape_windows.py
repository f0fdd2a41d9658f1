"""Output shapes of layers that slide a window: convolution, transposed convolution, pooling, patches.

Sources: `make_padding`, `cut_padding` and `forward` of the layers in ncnn's `src/layer`.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from edgekit.ops.sized import CannotTell, Shape, Sized

_SAME = (-233, -234)
_PADS = {"d": ("pad_front", "pad_behind"), "h": ("pad_top", "pad_bottom"), "w": ("pad_left", "pad_right")}
_OUTPUT_PADS = {"d": "output_pad_behind", "h": "output_pad_bottom", "w": "output_pad_right"}


def _axes(layer: Sized) -> str:
    """Return the axes of the window, outermost first."""
    return "".join(axis for axis in "dhw" if f"kernel_{axis}" in layer.params.values)


def _windowed(layer: Sized) -> tuple[str, Shape]:
    """Return the axes of the window and the shape of the input, which has the channels before them."""
    axes = _axes(layer)
    return axes, layer.input(0, len(axes) + 1)


def _int(layer: Sized, name: str, default: int = 0) -> int:
    return layer.params.integer(name) if name in layer.params.values else default


def _pads(layer: Sized, axes: str) -> list[tuple[int, int]]:
    return [(_int(layer, _PADS[axis][0]), _int(layer, _PADS[axis][1])) for axis in axes]


def _divide(size: int, stride: int) -> int:
    if stride < 1:
        raise CannotTell("a stride is 0")
    return size // stride


def _extents(layer: Sized, axes: str, kernel: Sequence[int]) -> list[int]:
    """Return the sizes that the window covers: dilation * (kernel - 1) + 1."""
    return [
        _int(layer, f"dilation_{axis}", 1) * (size - 1) + 1 for axis, size in zip(axes, kernel, strict=True)
    ]


def _strides(layer: Sized, axes: str) -> list[int]:
    return [layer.params.integer(f"stride_{axis}") for axis in axes]


def _same_padded(sizes: Sequence[int], extents: Sequence[int], strides: Sequence[int]) -> list[int]:
    """Return the input sizes after the padding that keeps ceil(size / stride) results."""
    wanted = [
        extent + _divide(size - 1, stride) * stride
        for size, extent, stride in zip(sizes, extents, strides, strict=True)
    ]
    grows = any(new > size for new, size in zip(wanted, sizes, strict=True))
    return wanted if grows else list(sizes)


def _slide(sizes: Sequence[int], extents: Sequence[int], strides: Sequence[int]) -> Shape:
    result = tuple(
        _divide(size - extent, stride) + 1
        for size, extent, stride in zip(sizes, extents, strides, strict=True)
    )
    if min(result) < 1:
        raise CannotTell("the window is larger than the padded input")
    return result


def _window(layer: Sized, axes: str, kernel: Sequence[int], sizes: Sequence[int]) -> Shape:
    """Return how often a padded window fits, by axis."""
    extents, strides = _extents(layer, axes, kernel), _strides(layer, axes)
    pads = _pads(layer, axes)
    flat = [pad for both in pads for pad in both]
    if any(pad > 0 for pad in flat):
        padded = [size + low + high for size, (low, high) in zip(sizes, pads, strict=True)]
    elif flat[0] in _SAME and len(set(flat)) == 1:
        padded = _same_padded(sizes, extents, strides)
    else:
        padded = list(sizes)
    return _slide(padded, extents, strides)


def _kernel(layer: Sized, axes: str) -> list[int]:
    return [layer.params.positive(f"kernel_{axis}") for axis in axes]


def _check_channels(layer: Sized, fed: int) -> None:
    """Refuse another number of channels than the weights are for."""
    if layer.weights:
        wanted = layer.weights[0].shape[1] * _int(layer, "group", 1)
        if fed != wanted:
            raise CannotTell(f"{fed} channel{'s meet' if fed != 1 else ' meets'} weights for {wanted}")


def convolution(layer: Sized) -> tuple[Shape, ...]:
    """Return (out, [d,] h, w); a flat input to a 1x1 convolution gives a flat output."""
    axes = _axes(layer)
    out = layer.params.positive("num_output")
    if layer.params.values.get("dynamic_weight"):
        out, _, *kernel = layer.input(1, len(axes) + 2)
    else:
        kernel = _kernel(layer, axes)
        if len(layer.input()) == 1 and set(kernel) == {1} and len(axes) == 2:
            _check_channels(layer, layer.input()[0])
            return ((out,),)
    shape = layer.input(0, len(axes) + 1)
    _check_channels(layer, shape[0])
    return ((out, *_window(layer, axes, kernel, shape[1:])),)


def deconvolution(layer: Sized) -> tuple[Shape, ...]:
    """Return (out, [d,] h, w) of a transposed convolution, its border cut off.

    A weight that comes in as a blob is (in, out / group, [kd,] kh, kw).
    """
    axes, shape = _windowed(layer)
    _check_channels(layer, shape[0])
    if layer.params.values.get("dynamic_weight"):
        _, per_group, *kernel = layer.input(1, len(axes) + 2)
        out = per_group * _int(layer, "group", 1)
    else:
        out, kernel = layer.params.positive("num_output"), _kernel(layer, axes)
    full = [
        (size - 1) * stride + extent + _int(layer, _OUTPUT_PADS[axis])
        for axis, size, stride, extent in zip(
            axes, shape[1:], _strides(layer, axes), _extents(layer, axes, kernel), strict=True
        )
    ]
    pads = _pads(layer, axes)
    wanted = [_int(layer, f"output_{axis}") for axis in axes]
    if any(pad > 0 for both in pads for pad in both):
        full = [size - low - high for size, (low, high) in zip(full, pads, strict=True)]
    elif all(size > 0 for size in wanted):
        full = wanted
    if min(full) < 1:
        raise CannotTell("more is cut off than there is")
    return ((out, *full),)


def pooling(layer: Sized) -> tuple[Shape, ...]:
    """Return (c, [d,] h, w), or (c) when pooled globally."""
    axes, (channels, *sizes) = _windowed(layer)
    if layer.params.integer("global_pooling"):
        return ((channels,),)
    if layer.params.integer("adaptive_pooling"):
        wanted = [layer.params.integer(f"out_{axis}") for axis in axes]
        kept = [size if out == -233 else out for out, size in zip(wanted, sizes, strict=True)]
        if min(kept) < 1:
            raise CannotTell("an output size is 0")
        return ((channels, *kept),)
    kernel, strides = _kernel(layer, axes), _strides(layer, axes)
    if layer.params.integer("pad_mode") in (2, 3):
        return ((channels, *_slide(_same_padded(sizes, kernel, strides), kernel, strides)),)
    padded = [size + low + high for size, (low, high) in zip(sizes, _pads(layer, axes), strict=True)]
    if layer.params.integer("pad_mode") == 0:
        # A last window that reaches over the border is padded, not dropped.
        tails = [
            _tail(size - extent, stride) for size, extent, stride in zip(padded, kernel, strides, strict=True)
        ]
        padded = [size + tail for size, tail in zip(padded, tails, strict=True)]
    return ((channels, *_slide(padded, kernel, strides)),)


def _tail(size: int, stride: int) -> int:
    if stride < 1:
        raise CannotTell("a stride is 0")
    return -size % stride


def unfold(layer: Sized) -> tuple[Shape, ...]:
    """Return (c * kernel_h * kernel_w, windows)."""
    axes, (channels, *sizes) = _windowed(layer)
    kernel = _kernel(layer, axes)
    return ((channels * prod(kernel), prod(_window(layer, axes, kernel, sizes))),)


def fold(layer: Sized) -> tuple[Shape, ...]:
    """Return (c, output_h, output_w) of patches (c * kernel_h * kernel_w, windows)."""
    rows, _ = layer.input(0, 2)
    count = prod(_kernel(layer, "hw"))
    if rows % count:
        raise CannotTell(f"{rows} rows are no multiple of the {count} values of a patch")
    return ((rows // count, layer.params.positive("output_h"), layer.params.positive("output_w")),)


def spectrogram(layer: Sized) -> tuple[Shape, ...]:
    """Return (bins, frames), with two more values each if complex."""
    (size,) = layer.input(0, 1)
    n_fft, hop = layer.params.positive("n_fft"), layer.params.positive("hoplen")
    if layer.params.integer("center") == 1:
        size += n_fft // 2 * 2
    (frames,) = _slide([size], [n_fft], [hop])
    bins = n_fft // 2 + 1 if layer.params.integer("onesided") else n_fft
    return ((bins, frames, 2) if layer.params.integer("power") == 0 else (bins, frames),)


def inverse_spectrogram(layer: Sized) -> tuple[Shape, ...]:
    """Return (samples), or (samples, 2) if complex, of a spectrogram (bins, frames, 2)."""
    _, frames, _ = layer.input(0, 3)
    n_fft = layer.params.positive("n_fft")
    size = (frames - 1) * layer.params.positive("hoplen")
    size += n_fft % 2 if layer.params.integer("center") else n_fft
    return ((size, 2) if layer.params.integer("returns") == 0 else (size,),)
