"""Bring a draft into canonical form, so that two makers' files of one network look the same.

What moves no data goes (Split, Noop, Dropout, Reshape, identities), what belongs to a convolution is
merged into it (zero padding, BatchNorm, Scale), and what has several spellings gets one.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

from edgekit.differ.draft import BATCH_MOVED, PADS_FOLLOW, Draft, Node, Shape, Value, View
from edgekit.differ.patterns import (
    bends_nothing,
    chains,
    gated_activations,
    numbers_in_a_row,
    shuffles,
    slices,
)

_PRODUCTS = ("conv", "deconv", "linear")
_SAME_UPPER, _SAME_LOWER = -233, -234
_IDENTITY_SCALARS = {"mul": 1.0, "div": 1.0, "add": 0.0, "sub": 0.0, "pow": 1.0}
_SWAPPED = {"rsub": "sub", "rdiv": "div", "rpow": "pow"}


def canonicalise(draft: Draft) -> None:
    """Apply all passes, in place."""
    for each in _PASSES:
        each(draft)


def _noise(draft: Draft) -> None:
    """Take out what hands numbers on as they are."""
    for node in list(draft.nodes.values()):
        if node.kind != "noise":
            continue
        if len(node.inputs) == 1:
            draft.drop(node)
        elif len(node.inputs) == len(node.shapes):
            draft.drop(node, node.inputs)


def _views(draft: Draft) -> None:
    """Take out what gives the same numbers another shape; note who reads a batch that was moved."""
    for node in list(draft.nodes.values()):
        if node.kind != "view":
            continue
        if node.facts.get("moves_batch"):
            for reader in draft.readers((node.id, 0)):
                reader.marks.add(BATCH_MOVED)
        for reader in draft.readers((node.id, 0)):
            reader.marks |= node.marks
            _note_view(node, reader)
        draft.drop(node, node.inputs[:1])


def _note_view(view: Node, reader: Node) -> None:
    """Keep with what reads a Reshape which shape it reads; of several in a row, that of the last."""
    shape = view.shapes[0]
    if shape is not None:
        positions = [index for index, value in enumerate(reader.inputs) if value == (view.id, 0)]
        reader.views |= {position: View(view.layers[0], shape) for position in positions}


def _identities(draft: Draft) -> None:
    """Take out pooling, resizing, permuting, cropping, joining and scaling that change nothing."""
    for node in list(draft.nodes.values()):
        if len(node.inputs) != 1:
            continue
        if _is_identity(node, draft.shape(node.inputs[0])) or bends_nothing(node, draft):
            draft.idle += [(node.inputs[0], layer) for layer in node.layers]
            draft.drop(node)


def _is_identity(node: Node, shape: Shape | None) -> bool:
    facts, made = node.facts, node.shapes[0]
    same = shape is not None and shape == made
    match node.kind:
        case "pool":
            if "size" in facts:
                return shape is not None and shape[1:] == facts["size"]
            plain = all(side == 0 for axis in facts["pads"] for side in axis)
            return bool(plain and set(facts["kernel"]) == {1} and set(facts["stride"]) == {1})
        case "resize":
            return same
        case "permute":
            return keeps_order(facts["order"], shape)
        case "crop":
            return same
        case "concat":
            return True
        case "pad":
            return not any(side for axis in facts["pads"] for side in axis)
        case "binary":
            scalar = facts["scalar"]
            return scalar is not None and bool(scalar == _IDENTITY_SCALARS.get(facts["op"]))
    return False


def keeps_order(order: Any, shape: Shape | None) -> bool:
    """Whether a permutation leaves the axes longer than one in their order."""
    if not isinstance(order, tuple):
        return bool(order == 0)
    long = [axis for axis in order if shape is None or len(shape) != len(order) or shape[axis] != 1]
    return bool(long == sorted(long))


def _arithmetic(draft: Draft) -> None:
    """Give binary operations one spelling: no reversed operands, no division or subtraction of a number."""
    for node in draft.nodes.values():
        if node.kind != "binary":
            continue
        operation, scalar = node.facts["op"], node.facts["scalar"]
        if operation in _SWAPPED and scalar is None and len(node.inputs) == 2:
            node.facts["op"] = _SWAPPED[operation]
            node.inputs.reverse()
            node.views = {1 - operand: view for operand, view in node.views.items()}
        elif operation == "sub" and scalar is not None:
            node.facts |= {"op": "add", "scalar": -scalar}
        elif operation == "div" and scalar:
            node.facts |= {"op": "mul", "scalar": float(f"{1.0 / scalar:.6g}")}


def _implicit_padding(draft: Draft) -> None:
    """Turn the special pads (-233: SAME_UPPER, -234: SAME_LOWER) into numbers where the shape is known."""
    for node in draft.nodes.values():
        if node.kind != "conv":
            continue
        first = node.facts["pads"][0][0]
        if first not in (_SAME_UPPER, _SAME_LOWER):
            continue
        node.marks.add(f"{PADS_FOLLOW} {first}")
        shape = draft.shape(node.inputs[0])
        if shape is None or len(shape) != len(node.facts["kernel"]) + 1:
            node.facts["pads"] = "same"
            continue
        pads = []
        windows = zip(
            shape[1:], node.facts["kernel"], node.facts["stride"], node.facts["dilation"], strict=True
        )
        for size, kernel, stride, dilation in windows:
            extent = dilation * (kernel - 1) + 1
            total = max(-(-size // stride) * stride - stride + extent - size, 0)
            small, large = total // 2, total - total // 2
            pads.append((small, large) if first == _SAME_UPPER else (large, small))
        node.facts["pads"] = tuple(pads)


def _explicit_padding(draft: Draft) -> None:
    """Merge padding into the convolutions that read it, where a convolution of PyTorch could do both."""
    for pad in list(draft.nodes.values()):
        if pad.kind != "pad" or pad.facts["value"] != 0.0:
            continue
        value = (pad.id, 0)
        for reader in draft.readers(value):
            if reader.kind == "conv" and _takes(reader, pad):
                reader.facts |= _padded(reader, pad)
                reader.inputs[0] = pad.inputs[0]
                reader.layers += pad.layers
        if not draft.readers(value) and not draft.leaves(value):
            del draft.nodes[pad.id]


def _takes(convolution: Node, pad: Node) -> bool:
    pads, before = convolution.facts["pads"], pad.facts["pads"]
    if not isinstance(pads, tuple) or len(pads) > len(before) or any(map(any, before[: -len(pads)])):
        return False
    zeros = pad.facts["mode"] == "constant"
    return zeros or not any(side for axis in pads for side in axis)


def _padded(convolution: Node, pad: Node) -> dict[str, Any]:
    """Return the padding of both; a layer that pads has the height of a row of pixels too."""
    own = convolution.facts["pads"]
    pairs = zip(own, pad.facts["pads"][-len(own) :], strict=True)
    pads = tuple((low + more_low, high + more_high) for (low, high), (more_low, more_high) in pairs)
    mode = convolution.facts["mode"] if pad.facts["mode"] == "constant" else pad.facts["mode"]
    return {"pads": pads, "mode": mode}


def _norm_and_scale(draft: Draft) -> None:
    """Join caffe's pair of BatchNorm and Scale; a Scale or Bias alone is a kind of norm."""
    for scale in list(draft.nodes.values()):
        if scale.kind != "scale":
            continue
        before = draft.producer(scale.inputs[0])
        norm_alone = draft.only_reader(scale.inputs[0]) is scale and before.kind == "norm"
        if norm_alone and before.facts["type"] in ("BatchNorm", "GroupNorm", "InstanceNorm"):
            before.facts["affine"] = True
            before.layers += scale.layers
            draft.drop(scale)
        else:
            kind, channels, bias = (scale.facts[name] for name in ("type", "channels", "bias"))
            scale.kind, scale.facts = "norm", _affine(kind, channels, shifts=bias)


def _affine(kind: str, channels: int, *, shifts: bool) -> dict[str, Any]:
    """Return the facts of a scale or shift by channel alone."""
    return {"type": kind, "groups": None, "eps": None, "affine": True, "channels": channels, "shifts": shifts}


def _constant_operands(draft: Draft) -> None:
    """Turn a product or sum with one constant for each channel into a Scale or Bias."""
    for node in list(draft.nodes.values()):
        if node.kind != "binary" or node.facts["op"] not in ("mul", "add") or len(node.inputs) != 2:
            continue
        for value, other in (tuple(node.inputs), tuple(reversed(node.inputs))):
            constant, shape = draft.producer(value), draft.shape(other)
            if constant.kind == "constant" and shape and _by_channel(constant.facts["shape"], shape):
                kind = "Scale" if node.facts["op"] == "mul" else "Bias"
                node.kind, node.facts = "norm", _affine(kind, shape[0], shifts=kind == "Bias")
                node.inputs = [other]
                node.layers += constant.layers
                break


def _by_channel(constant: Shape, shape: Shape) -> bool:
    """Whether a constant has one number for each channel of a map (c, h, w)."""
    return len(shape) > 2 and constant == (shape[0],) + (1,) * (len(shape) - 1) and shape[0] > 1


def _fold(draft: Draft) -> None:
    """Fold BatchNorm, Scale and Bias into the convolution or linear layer before them, as converters do."""
    for norm in list(draft.nodes.values()):
        if norm.kind != "norm" or norm.facts["type"] not in ("BatchNorm", "Scale", "Bias"):
            continue
        before = draft.producer(norm.inputs[0])
        if before.kind in _PRODUCTS and draft.only_reader(norm.inputs[0]) is norm:
            before.facts["bias"] |= norm.facts.get("shifts", True)
            before.layers += norm.layers
            draft.drop(norm)


def _dense(draft: Draft) -> None:
    """A convolution whose window is the whole input is a linear layer."""
    for node in draft.nodes.values():
        if node.kind != "conv" or node.facts["groups"] != 1 or node.facts["in"] is None:
            continue
        shape = draft.shape(node.inputs[0])
        whole = shape is not None and (shape[1:] == node.facts["kernel"] or prod(shape[1:]) == 1)
        padded = node.facts["pads"] == "same" or any(side for axis in node.facts["pads"] for side in axis)
        if whole and not padded and (prod(node.facts["kernel"]) == 1 or shape is None or len(shape) > 1):
            inputs = node.facts["in"] * prod(node.facts["kernel"])
            node.kind, node.window = "linear", node.facts
            node.facts = {"in": inputs, "out": node.facts["out"], "bias": node.facts["bias"]}


def _resize_by_ratio(draft: Draft) -> None:
    """State a resize by its ratio where that is whole, else by its size."""
    for node in draft.nodes.values():
        if node.kind != "resize":
            continue
        before, after = draft.shape(node.inputs[0]), node.shapes[0]
        scale, size = node.facts.pop("scale"), node.facts.pop("size")
        if before is not None and after is not None and len(before) == len(after):
            pairs = list(zip(before[1:], after[1:], strict=True))
            if all(new % old == 0 for old, new in pairs):
                scale, size = tuple(float(new // old) for old, new in pairs), None
            else:
                scale, size = None, after[1:]
        node.facts |= {"scale": scale} if size is None else {"size": size}


def _sweep(draft: Draft) -> None:
    draft.sweep()


_PASSES: tuple[Callable[[Draft], None], ...] = (
    _noise,
    slices,
    shuffles,
    _identities,
    _views,
    _identities,
    _arithmetic,
    chains,
    gated_activations,
    numbers_in_a_row,
    _implicit_padding,
    _explicit_padding,
    _norm_and_scale,
    _constant_operands,
    _fold,
    _dense,
    _resize_by_ratio,
    _sweep,
)

__all__ = ["Value", "canonicalise"]
