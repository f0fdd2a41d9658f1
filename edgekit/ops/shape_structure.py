"""Output shapes of layers that cut, join, regroup or resample blobs.

Sources: `forward` of the layers in ncnn's `src/layer`.
"""

from __future__ import annotations

from math import prod

from edgekit.ops.expression import ExpressionError, evaluate
from edgekit.ops.float32 import float32
from edgekit.ops.sized import AXES, CannotTell, Shape, Sized, resized

_EVEN_SHARE = -233
# By order_type: which input axis becomes which output axis, innermost first.
_ORDERS = {
    1: ("w",),
    2: ("wh", "hw"),
    3: ("whc", "hwc", "wch", "cwh", "hcw", "chw"),
    4: (
        "whdc", "hwdc", "wdhc", "dwhc", "hdwc", "dhwc", "whcd", "hwcd", "wchd", "cwhd", "hcwd", "chwd",
        "wdch", "dwch", "wcdh", "cwdh", "dcwh", "cdwh", "hdcw", "dhcw", "hcdw", "chdw", "dchw", "cdhw",
    ),
}  # fmt: skip


def expression(layer: Sized, name: str) -> tuple[int, ...]:
    """Return the values of a string parameter that holds size expressions."""
    try:
        return evaluate(layer.params.text(name), layer.inputs, layer.batches)
    except ExpressionError as error:
        raise CannotTell(str(error)) from None


def flatten(layer: Sized) -> tuple[Shape, ...]:
    """Return (everything)."""
    return ((prod(layer.input()),),)


def permute(layer: Sized) -> tuple[Shape, ...]:
    """Return the axes in the order of `order_type`."""
    shape = layer.input()
    orders, number = _ORDERS[len(shape)], layer.params.integer("order_type")
    if number == 0 or len(shape) == 1:
        return (shape,)
    if not 0 < number < len(orders):
        raise CannotTell(f"order_type {number} does not exist for {len(shape)} axes")
    sizes = layer.sizes()
    return (tuple(sizes[axis] for axis in reversed(orders[number])),)


def concat(layer: Sized) -> tuple[Shape, ...]:
    """Return the shape with the joined axis added up."""
    axis = layer.axis()
    shapes = [layer.input(index, len(layer.input())) for index in range(len(layer.inputs))]
    if len({resized(shape, axis, 0) for shape in shapes}) > 1:
        raise CannotTell("the inputs differ in an axis that is not joined")
    return (resized(shapes[0], axis, sum(shape[axis] for shape in shapes)),)


def cut(layer: Sized) -> tuple[Shape, ...]:
    """Return the pieces of a `Slice`, by lengths or by the indices where they start."""
    shape, axis = layer.input(), layer.axis()
    lengths, indices = layer.params.ints("slices"), layer.params.ints("indices")
    pieces: list[int] = []
    for index in range(layer.outputs):
        done = sum(pieces)
        if indices:
            at = _item(indices, index) if index < layer.outputs - 1 else shape[axis]
            pieces.append((at + shape[axis] if at < 0 else at) - done)
        elif _item(lengths, index) == _EVEN_SHARE:
            pieces.append((shape[axis] - done) // (layer.outputs - index))
        else:
            pieces.append(_item(lengths, index))
    if min(pieces, default=1) < 1 or sum(pieces) > shape[axis]:
        raise CannotTell(f"pieces of {pieces} do not fit into {shape[axis]}")
    return tuple(resized(shape, axis, piece) for piece in pieces)


def _item(values: tuple[int, ...], index: int) -> int:
    if index >= len(values):
        raise CannotTell("there are more outputs than pieces")
    return values[index]


def crop(layer: Sized) -> tuple[Shape, ...]:
    """Return what is left: by starts and ends, by a reference blob, or by margins."""
    params = layer.params
    if params.text("starts_expr") and params.text("ends_expr"):
        return (_between(layer, *(expression(layer, f"{name}_expr") for name in ("starts", "ends", "axes"))),)
    if params.ints("starts") and params.ints("ends"):
        return (_between(layer, *(params.ints(name) for name in ("starts", "ends", "axes"))),)
    shape = layer.input()
    if len(layer.inputs) > 1:
        if params.integer("woffset") == -233:
            raise CannotTell("the region is data")
        reference = layer.input(1)
        keeps_channels = len(shape) > 2 and len(reference) != len(shape)
        sizes = {"w": 1, "h": 1, "d": 1, "c": 1} | dict(zip(AXES[len(reference)], reference, strict=True))
        if keeps_channels:
            sizes["c"] = shape[0]
        return (tuple(sizes[axis] for axis in AXES[len(shape)]),)
    return (
        _checked(
            tuple(_margins(layer, axis, size) for axis, size in zip(AXES[len(shape)], shape, strict=True))
        ),
    )


def _margins(layer: Sized, axis: str, size: int) -> int:
    left = size - layer.params.integer(f"{axis}offset") - layer.params.integer(f"{axis}offset2")
    wanted = layer.params.integer(f"out{axis}")
    return left if wanted == -233 else min(left, wanted)


def _between(layer: Sized, starts: tuple[int, ...], ends: tuple[int, ...], axes: tuple[int, ...]) -> Shape:
    shape = layer.input()
    rank = len(shape)
    axes = axes or tuple(range(rank))
    if not len(starts) == len(ends) == len(axes) or any(not -rank <= axis < rank for axis in axes):
        raise CannotTell("starts, ends and axes do not fit the input")
    for axis, start, end in zip(axes, starts, ends, strict=True):
        size = shape[axis]
        first = 0 if start == -233 else start + (size if start < 0 else 0)
        last = size if end == -233 else end + (size if end <= 0 else 0)
        shape = resized(shape, axis % rank, min(size, last) - first)
    return _checked(shape)


def _checked(shape: Shape) -> Shape:
    if min(shape) < 1:
        raise CannotTell("nothing is left")
    return shape


def padding(layer: Sized) -> tuple[Shape, ...]:
    """Return the shape with its borders; front and behind pad the channels, or the depth if there is one."""
    pads = {
        "w": ("left", "right"),
        "h": ("top", "bottom"),
        "d": ("front", "behind"),
        "c": ("front", "behind"),
    }
    shape = layer.input()
    padded = []
    for axis, size in zip(AXES[len(shape)], shape, strict=True):
        own = 0 if axis == "c" and len(shape) == 4 else sum(map(layer.params.integer, pads[axis]))
        padded.append(size + own)
    return (_checked(tuple(padded)),)


def squeeze(layer: Sized) -> tuple[Shape, ...]:
    """Return the shape without the named axes, as far as they are 1; at least one axis stays."""
    shape = layer.input()
    names = AXES[len(shape)]
    axes = layer.params.ints("axes")
    if axes:
        named = {names[axis % len(shape)] for axis in axes if -len(shape) <= axis < len(shape)}
    else:
        named = {axis for axis in names if layer.params.integer(f"squeeze_{axis}")}
    kept = tuple(size for axis, size in zip(names, shape, strict=True) if size != 1 or axis not in named)
    return (kept or (1,),)


def expand_dims(layer: Sized) -> tuple[Shape, ...]:
    """Return the shape with axes of 1 put in, counted in the result."""
    rank = len(layer.input()) + len(layer.params.ints("axes"))
    axes = {axis % rank for axis in layer.params.ints("axes")}
    if rank > 4 or rank != len(layer.input()) + len(axes):
        raise CannotTell("the axes do not fit the input")
    rest = iter(layer.input())
    return (tuple(1 if axis in axes else next(rest) for axis in range(rank)),)


def tile(layer: Sized) -> tuple[Shape, ...]:
    """Return the shape times its repeats; more repeats than axes put axes before it."""
    shape, repeats = layer.input(), layer.params.ints("repeats")
    if not repeats:
        return (resized(shape, layer.axis(), shape[layer.axis()] * layer.params.integer("tiles")),)
    rank = max(len(shape), len(repeats))
    padded = (*(1 for _ in range(rank - len(shape))), *shape)
    counts = (*(1 for _ in range(rank - len(repeats))), *repeats)
    return (_checked(tuple(size * count for size, count in zip(padded, counts, strict=True))),)


def pixel_shuffle(layer: Sized) -> tuple[Shape, ...]:
    """Return (c / r / r, h * r, w * r)."""
    channels, height, width = layer.input(0, 3)
    factor = layer.params.positive("upscale_factor")
    return (_checked((channels // factor**2, height * factor, width * factor)),)


def reorg(layer: Sized) -> tuple[Shape, ...]:
    """Return (c * s * s, h / s, w / s)."""
    channels, height, width = layer.input(0, 3)
    stride = layer.params.positive("stride")
    return (_checked((channels * stride**2, height // stride, width // stride)),)


def interp(layer: Sized) -> tuple[Shape, ...]:
    """Return the shape resampled: of (c, h, w) the plane, of (h, w) the rows, of (c) a plane for each."""
    params, shape = layer.params, layer.input(0, 1, 2, 3)
    height, width = (1, 1) if len(shape) == 1 else shape[-2:]
    out_height, out_width = params.integer("output_height"), params.integer("output_width")
    if params.text("size_expr"):
        sizes = expression(layer, "size_expr")
        out_width, out_height = sizes[0], sizes[1] if len(sizes) > 1 else height
    elif params.integer("dynamic_target_size"):
        reference = layer.input(1)
        out_width, out_height = reference[-1], reference[-2] if len(reference) > 1 else 1
    elif not out_height or not out_width:
        out_height = int(float32(height * float32(params.number("height_scale"))))
        out_width = int(float32(width * float32(params.number("width_scale"))))
    if len(shape) == 2:
        return (_checked((shape[0], out_width)),)
    return (_checked((shape[0], out_height, out_width)),)


def grid_sample(layer: Sized) -> tuple[Shape, ...]:
    """Return (c, [d,] h, w) of the grid: (h, w, 2), or (2, h, w) when its permutation was fused."""
    shape, grid = layer.input(0, 3, 4), layer.input(1)
    if len(grid) != len(shape):
        raise CannotTell("the grid has another number of axes than the input")
    return ((shape[0], *(grid[1:] if layer.params.integer("permute_fusion") else grid[:-1])),)


def diagonal(layer: Sized) -> tuple[Shape, ...]:
    """Return the length of a diagonal, or the square matrix that has the input as one."""
    shape, offset = layer.input(0, 1, 2), layer.params.integer("diagonal")
    if len(shape) == 1:
        side = shape[0] + abs(offset)
        return ((side, side),)
    height, width = shape
    return (_checked((min(height + min(offset, 0), width - max(offset, 0)),)),)


def anchor_boxes(layer: Sized) -> tuple[Shape, ...]:
    """Return (2, 4 * boxes) of caffe's anchor boxes and their variances, (4 * boxes) of mxnet's."""
    height, width = layer.input(0, 3)[1:]
    values = layer.params
    smallest, largest, ratios = (
        len(values.numbers(name)) for name in ("min_sizes", "max_sizes", "aspect_ratios")
    )
    of_the_image = values.integer("image_width") == values.integer("image_height") == -233
    if len(layer.inputs) == 1 and of_the_image and not largest:
        return ((4 * width * height * (smallest - 1 + ratios),),)
    mirrored = 2 if values.integer("flip") else 1
    return ((2, 4 * width * height * (smallest * (1 + mirrored * ratios) + largest)),)
