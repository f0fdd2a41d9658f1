"""The output shape of `Reshape`, the one layer that moves sizes between the batch and the axes.

With a batch axis the layer works on the logical shape, in which the batch is an axis like any
other. Source: `Reshape::resolve_batch_shape` and `forward` of ncnn.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from edgekit.ops.shape_structure import expression
from edgekit.ops.sized import AXES, CannotTell, Shape, Sized

_NO_AXIS = -233
_NO_BATCH_AXIS = 233
_KEEP, _REST = 0, -1


@dataclass(frozen=True, slots=True)
class Extent:
    """The shape of one item, outermost axis first, and the number of items."""

    shape: Shape
    batch: int = 1


def reshape(layer: Sized) -> Extent:
    """Return the new shape and batch.

    Raises:
        CannotTell: the sizes do not multiply up, or an expression cannot be evaluated.
    """
    shape, batch = layer.input(), layer.batches[0]
    wanted = _wanted(layer)
    into, out_of = layer.params.integer("input_batch_axis"), layer.params.integer("output_batch_axis")
    if into == _NO_BATCH_AXIS and out_of == _NO_BATCH_AXIS:
        return Extent(_filled(_kept_by_name(wanted, layer), prod(shape)), batch)
    logical = shape if into == _NO_BATCH_AXIS else _inserted(shape, into, batch)
    if into == _NO_BATCH_AXIS and batch != 1:
        raise CannotTell("the batch of the input has no axis")
    filled = _filled(_kept_by_place(wanted, logical), prod(logical))
    if out_of == _NO_BATCH_AXIS:
        return Extent(filled)
    axis = _place(out_of, len(filled))
    rest = (*filled[:axis], *filled[axis + 1 :])
    if not rest:
        raise CannotTell("nothing is left beside the batch")
    return Extent(rest, filled[axis])


def _wanted(layer: Sized) -> Shape:
    """Return the sizes asked for, outermost first, 0 and -1 among them."""
    if layer.params.text("shape_expr"):
        return tuple(reversed(expression(layer, "shape_expr")))
    w, h, d, c = (layer.params.integer(axis) for axis in "whdc")
    if w == _NO_AXIS:
        raise CannotTell("no size is given")
    if h == _NO_AXIS:
        return (w,)
    if c == _NO_AXIS:
        return (h, w)
    return (c, h, w) if d == _NO_AXIS else (c, d, h, w)


def _kept_by_name(wanted: Shape, layer: Sized) -> Shape:
    """Replace 0 by the input's size along the axis of the same letter."""
    if not 1 <= len(wanted) <= 4:
        raise CannotTell(f"{len(wanted)} axes are asked for")
    sizes = layer.sizes()
    return tuple(
        sizes[axis] if size == _KEEP else size for axis, size in zip(AXES[len(wanted)], wanted, strict=True)
    )


def _kept_by_place(wanted: Shape, logical: Shape) -> Shape:
    """Replace 0 by the input's size at the same place."""
    if any(size == _KEEP and index >= len(logical) for index, size in enumerate(wanted)):
        raise CannotTell("a size is to be kept that the input does not have")
    return tuple(logical[index] if size == _KEEP else size for index, size in enumerate(wanted))


def _filled(wanted: Shape, total: int) -> Shape:
    """Replace -1 by what is left of `total`, and check that all of it is used."""
    given = prod(size for size in wanted if size != _REST)
    if wanted.count(_REST) > 1 or given < 1 or min(wanted) < _REST or total % given:
        raise CannotTell(f"{total} values cannot be shaped as {wanted}")
    filled = tuple(total // given if size == _REST else size for size in wanted)
    if prod(filled) != total:
        raise CannotTell(f"{total} values cannot be shaped as {wanted}")
    return filled


def _place(axis: int, rank: int) -> int:
    if not -rank <= axis < rank:
        raise CannotTell(f"there is no axis {axis} among {rank}")
    return axis % rank


def _inserted(shape: Shape, axis: int, size: int) -> Shape:
    place = _place(axis, len(shape) + 1)
    return (*shape[:place], size, *shape[place:])
