"""The shapes that a layer would give on the other side's inputs: whether a change is felt by what follows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import floor

from edgekit.differ.draft import Shape
from edgekit.differ.structure import Op

MaybeShape = Shape | None
Shapes = Sequence[Shape]


def shape_after(op: Op, inputs: Sequence[MaybeShape], actual: Sequence[MaybeShape]) -> MaybeShape:
    """Return the shape of the first output on `inputs`, None where it cannot be told.

    `actual` are the inputs that the operation has in its own network: on them its own shape is right.
    """
    if list(inputs) == list(actual):
        return op.shape
    if not inputs or any(shape is None for shape in inputs):
        return None
    shapes = [shape for shape in inputs if shape is not None]
    rule = _RULES.get(op.kind)
    return None if rule is None else rule(op, shapes)


def _same(op: Op, shapes: Shapes) -> MaybeShape:
    return shapes[0]


def _linear(op: Op, shapes: Shapes) -> MaybeShape:
    rows = len(shapes[0]) == 2 and op.shape is not None and len(op.shape) == 2
    return (*shapes[0][:-1], op.facts["out"]) if rows else (op.facts["out"],)


def _resize(op: Op, shapes: Shapes) -> MaybeShape:
    channels, *sizes = shapes[0]
    if "size" in op.facts:
        return (channels, *op.facts["size"])
    scaled = zip(sizes, op.facts["scale"], strict=False)
    return (channels, *(floor(size * ratio) for size, ratio in scaled))


def _pad(op: Op, shapes: Shapes) -> MaybeShape:
    shape, pads = shapes[0], op.facts["pads"]
    padded = zip(shape[-len(pads) :], pads, strict=True)
    return (*shape[: len(shape) - len(pads)], *(size + low + high for size, (low, high) in padded))


def _convolution(op: Op, shapes: Shapes) -> MaybeShape:
    facts, shape = op.facts, shapes[0]
    if len(shape) != len(facts["kernel"]) + 1:
        return None
    out = facts["out"]
    if facts["groups"] not in (1, None) and facts["groups"] == facts["in"]:
        out = shape[0] * (facts["out"] // facts["groups"])  # depthwise follows its input
    if facts["pads"] == "same":
        return (out, *(-(-size // stride) for size, stride in zip(shape[1:], facts["stride"], strict=True)))
    sizes = []
    for axis, size in enumerate(shape[1:]):
        low, high = facts["pads"][axis]
        extent = facts["dilation"][axis] * (facts["kernel"][axis] - 1) + 1
        sizes.append((size + low + high - extent) // facts["stride"][axis] + 1)
    return (out, *sizes) if min(sizes) > 0 else None


def _deconvolution(op: Op, shapes: Shapes) -> MaybeShape:
    facts, shape = op.facts, shapes[0]
    if len(shape) != len(facts["kernel"]) + 1 or "output_size" in facts:
        return None
    sizes = []
    for axis, size in enumerate(shape[1:]):
        low, high = facts["pads"][axis]
        extent = facts["dilation"][axis] * (facts["kernel"][axis] - 1) + 1
        sizes.append((size - 1) * facts["stride"][axis] + extent - low - high + facts["output_padding"][axis])
    return (facts["out"], *sizes)


def _pool(op: Op, shapes: Shapes) -> MaybeShape:
    facts, shape = op.facts, shapes[0]
    if "size" in facts:
        size = facts["size"]
        if set(size) == {1} and op.shape is not None and len(op.shape) == 1:
            return (shape[0],)
        return (shape[0], *size)
    sizes = []
    for axis, size in enumerate(shape[1:]):
        low, high = facts["pads"][axis]
        room, stride = size + low + high - facts["kernel"][axis], facts["stride"][axis]
        if str(facts["rounding"]).startswith("same"):
            sizes.append(-(-size // stride))
        else:
            sizes.append((-(-room // stride) if facts["rounding"] == "full" else room // stride) + 1)
    return (shape[0], *sizes)


def _broadcast(op: Op, shapes: Shapes) -> MaybeShape:
    rank = max(map(len, shapes))
    if any(len(shape) != rank for shape in shapes):
        return max(shapes, key=len)
    return tuple(max(sizes) for sizes in zip(*shapes, strict=True))


def _joined(op: Op, shapes: Shapes) -> MaybeShape:
    axis = op.facts["axis"]
    rank = len(shapes[0])
    if any(len(shape) != rank for shape in shapes) or not -rank <= axis < rank:
        return None
    axis %= rank
    total = sum(shape[axis] for shape in shapes)
    return (*shapes[0][:axis], total, *shapes[0][axis + 1 :])


_RULES: Mapping[str, Callable[[Op, Shapes], MaybeShape]] = {
    **dict.fromkeys(("activation", "norm", "unary", "shuffle"), _same),
    "binary": _broadcast,
    "concat": _joined,
    "conv": _convolution,
    "deconv": _deconvolution,
    "linear": _linear,
    "pad": _pad,
    "pool": _pool,
    "resize": _resize,
}
