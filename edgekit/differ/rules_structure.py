"""Rules for layers that move, cut and join."""

from __future__ import annotations

from edgekit.differ.draft import Shape
from edgekit.differ.rules import Lowered, Rule, plain_facts
from edgekit.graph import Layer
from edgekit.ops import Params, Unknown, infer_shapes, weight_layout
from edgekit.ops.sized import AXES

_PROBE = (2, 3, 5, 7)
_NO_BATCH = 233


def long_axis(axis: int, shape: Shape | None) -> int:
    """Count an axis among those longer than one: (1, h, w) and (h, w) then name the same one alike."""
    if shape is None or not -len(shape) <= axis < len(shape):
        return axis
    axis %= len(shape)
    return axis if shape[axis] == 1 else sum(size != 1 for size in shape[:axis])


def view(layer: Layer, params: Params, shapes: list[Shape | None]) -> Lowered:
    """Lower a change of shape alone; of a Reshape, whether it moves the batch to or from another axis."""
    moves = any(
        params.values.get(f"{side}_batch_axis", _NO_BATCH) != _NO_BATCH for side in ("input", "output")
    )
    return "view", {"type": layer.type, "moves_batch": moves}


def concat(layer: Layer, params: Params, shapes: list[Shape | None]) -> Lowered:
    """Lower joining along an axis."""
    made = (
        infer_shapes(layer, [shape for shape in shapes if shape is not None]) if None not in shapes else None
    )
    joined = made[0] if isinstance(made, tuple) else None
    return "concat", {"axis": params.integer("axis"), "long_axis": long_axis(params.integer("axis"), joined)}


def constant(layer: Layer, params: Params, shapes: list[Shape | None]) -> Lowered:
    """Lower a constant."""
    layout = weight_layout(layer)
    return "constant", {"shape": layout[0].shape if layout else ()}


def permute(layer: Layer, params: Params, shapes: list[Shape | None]) -> Lowered:
    """The order of the axes, outermost first, read off what becomes of axes of four different lengths."""
    shape = shapes[0]
    if shape is None:
        return "permute", {"order": params.integer("order_type")}
    lengths = _PROBE[: len(shape)]
    made = infer_shapes(layer, [lengths])
    if isinstance(made, Unknown):
        return "permute", {"order": params.integer("order_type")}
    return "permute", {"order": tuple(lengths.index(length) for length in made[0])}


def pieces(layer: Layer, params: Params, shapes: list[Shape | None]) -> Lowered:
    """Lower a slice: the axis, and the lengths of the pieces."""
    axis, shape = params.integer("axis"), shapes[0]
    made = infer_shapes(layer, [shape]) if shape is not None else Unknown("")
    if shape is None or isinstance(made, Unknown):
        return "slice", {"axis": axis, "sizes": (None,) * len(layer.outputs)}
    axis %= len(shape)
    sizes = tuple(piece[axis] for piece in made)
    return "slice", {"axis": long_axis(axis, shape), "sizes": sizes}


def crop(layer: Layer, params: Params, shapes: list[Shape | None]) -> Lowered:
    """Which axes are cut: (axis, start, size, length before) of each, where the shapes tell."""
    shape = shapes[0]
    made = infer_shapes(layer, [shape]) if shape is not None and len(shapes) == 1 else Unknown("")
    if shape is None or isinstance(made, Unknown):
        return "crop", plain_facts(layer)
    starts = dict.fromkeys(range(len(shape)), 0)
    given, axes = params.ints("starts"), params.ints("axes")
    if given:
        for axis, start in zip(axes or range(len(given)), given, strict=True):
            starts[axis % len(shape)] = 0 if start == -233 else start + (shape[axis] if start < 0 else 0)
    else:
        for axis, letter in enumerate(AXES[len(shape)]):
            starts[axis] = params.integer(f"{letter}offset")
    cut = [axis for axis in range(len(shape)) if made[0][axis] != shape[axis]]
    cuts = [(long_axis(axis, shape), starts[axis], made[0][axis], shape[axis]) for axis in cut]
    return "crop", {"cuts": tuple(cuts)}


def shuffle(layer: Layer, params: Params, shapes: list[Shape | None]) -> Lowered:
    """Lower a channel shuffle."""
    groups = params.integer("group")
    if params.integer("reverse") and shapes[0] is not None:
        groups = shapes[0][0] // groups
    return "shuffle", {"groups": groups}


def of_kind(kind: str) -> Rule:
    """Return a rule for types that are told by their name alone."""

    def rule(layer: Layer, params: Params, shapes: list[Shape | None]) -> Lowered:
        return kind, {"type": layer.type}

    return rule
