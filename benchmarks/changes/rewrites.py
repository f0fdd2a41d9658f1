"""The same network written otherwise, as another converter or another hand would: no difference is wanted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from net import Net, decoded

from edgekit.graph import Layer, Param
from edgekit.ops import activation

Rng = np.random.Generator
Rewrite = Callable[[Net, Rng], int]
"""Rewrites a network wherever that is possible, and returns in how many places."""

_FUSING = ("Convolution", "ConvolutionDepthWise", "InnerProduct")
_NORMED = ("Convolution", "ConvolutionDepthWise")


def renamed(net: Net, rng: Rng) -> int:
    """Numbers for names of layers and blobs."""
    blobs = {blob: str(number) for number, blob in enumerate(net.graph().blobs)}
    net.inputs = {blobs[blob]: shape for blob, shape in net.inputs.items()}
    for index, layer in enumerate(net.layers):
        inputs, outputs = (tuple(blobs[each] for each in side) for side in (layer.inputs, layer.outputs))
        net.layers[index] = replace(layer, name=f"l{index}", inputs=inputs, outputs=outputs, text=None)
    return len(blobs)


def reordered(net: Net, rng: Rng) -> int:
    """Lines in another order that is possible."""
    pending, made, order = list(net.layers), set[str](), list[Layer]()
    while pending:
        ready = [layer for layer in pending if made.issuperset(layer.inputs)]
        chosen = ready[rng.integers(len(ready))]
        pending.remove(chosen)
        made.update(chosen.outputs)
        order.append(chosen)
    moved = sum(one is not other for one, other in zip(order, net.layers, strict=True))
    net.layers[:] = order
    return moved


def apart(net: Net, rng: Rng) -> int:
    """Activations as layers of their own."""
    return sum(_taken_apart(net, name) for name in _names(net, *_FUSING))


def _taken_apart(net: Net, name: str) -> bool:
    index = net.index(name)
    fused = activation(net.layers[index])
    made: dict[str, tuple[str, dict[str, Param]]] = {
        "relu": ("ReLU", {}),
        "sigmoid": ("Sigmoid", {}),
        "mish": ("Mish", {}),
    }
    if fused is None:
        return False
    if fused.name == "leakyrelu":
        made[fused.name] = ("ReLU", {"0": fused.params[0]})
    if fused.name in ("clip", "hardswish"):
        kind = "Clip" if fused.name == "clip" else "HardSwish"
        made[fused.name] = (kind, {"0": fused.params[0], "1": fused.params[1]})
    net.set(index, {"9": None, "10": None})
    net.insert_after(index, *made[fused.name])
    return True


def fused(net: Net, rng: Rng) -> int:
    """Activations fused into the layer before them."""
    count = 0
    for name in _names(net, "ReLU", "Clip", "Sigmoid"):
        index = net.index(name)
        layer = net.layers[index]
        makers = [each for each, other in enumerate(net.layers) if layer.inputs[0] in other.outputs]
        before = net.layers[makers[0]]
        if before.type not in _FUSING or before.params.get("9"):
            continue
        slope = decoded(layer).number("slope") if layer.type == "ReLU" else 0.0
        number: dict[str, Param | None] = {"9": {"ReLU": 1, "Clip": 3, "Sigmoid": 4}[layer.type]}
        if layer.type == "Clip":
            number["10"] = (decoded(layer).number("min"), decoded(layer).number("max"))
        if slope:
            number = {"9": 2, "10": (slope,)}
        net.set(makers[0], number)
        net.bypass(index)
        count += 1
    return count


def padded(net: Net, rng: Rng) -> int:
    """Padding as layers of their own."""
    count = 0
    for name in _names(net, "Convolution", "ConvolutionDepthWise"):
        index = net.index(name)
        params = decoded(net.layers[index])
        top, bottom, left, right = (
            params.integer(f"pad_{side}") for side in ("top", "bottom", "left", "right")
        )
        if min(top, left) < 0 or not any((top, bottom, left, right)):
            continue
        net.set(index, dict.fromkeys(("4", "14", "15", "16")))
        net.insert_before(index, "Padding", {"0": top, "1": bottom, "2": left, "3": right, "4": 0, "5": 0.0})
        count += 1
    return count


def normed(net: Net, rng: Rng) -> int:
    """BatchNorm as a layer behind convolutions without bias."""
    return _normed(net, lambda channels: [("BatchNorm", {"0": channels})])


def caffe_normed(net: Net, rng: Rng) -> int:
    """Caffe's pair of BatchNorm and Scale behind convolutions without bias."""
    return _normed(
        net, lambda channels: [("BatchNorm", {"0": channels, "1": 1e-5}), ("Scale", {"0": channels, "1": 1})]
    )


def _normed(net: Net, made: Callable[[int], list[tuple[str, dict[str, Param]]]]) -> int:
    count = 0
    for name in _names(net, *_NORMED):
        index = net.index(name)
        params = decoded(net.layers[index])
        if params.integer("int8_scale_term") or not params.integer("bias_term"):
            continue
        _taken_apart(net, name)
        net.set(index, {"5": 0})
        for kind, numbers in reversed(made(params.integer("num_output"))):
            net.insert_after(index, kind, numbers)
        count += 1
    return count


def noops(net: Net, rng: Rng) -> int:
    """Layers that do nothing: Noop, Dropout, a Split to one reader."""
    chosen = [layer.name for layer in net.layers if len(layer.outputs) == 1 and layer.type != "Input"]
    chosen = [name for name in chosen if rng.integers(3) == 0]
    for name in chosen:
        net.insert_after(net.index(name), ("Noop", "Dropout", "Split")[rng.integers(3)], {})
    return len(chosen)


def sums(net: Net, rng: Rng) -> int:
    """BinaryOp for Eltwise, Eltwise for BinaryOp, operands exchanged."""
    count = 0
    shapes = net.shapes()
    for name in _names(net, "Eltwise", "BinaryOp"):
        index = net.index(name)
        layer = net.layers[index]
        operation, own = decoded(layer).integer("op_type"), layer.type
        alike = len(layer.inputs) == 2 and len({shapes.get(blob) for blob in layer.inputs}) == 1
        known = {
            ("Eltwise", 0): 2,
            ("Eltwise", 1): 0,
            ("Eltwise", 2): 4,
            ("BinaryOp", 0): 1,
            ("BinaryOp", 2): 0,
        }
        if not alike or (own, operation) not in known or decoded(layer).values.get("coeffs"):
            continue
        other = "BinaryOp" if own == "Eltwise" else "Eltwise"
        net.become(index, other, {"0": known[own, operation]})
        net.layers[index] = replace(net.layers[index], inputs=layer.inputs[::-1])
        count += 1
    return count


def means(net: Net, rng: Rng) -> int:
    """A mean over the plane for global average pooling."""
    count = 0
    for name in _names(net, "Pooling"):
        index = net.index(name)
        params = decoded(net.layers[index])
        if not params.integer("global_pooling") or params.integer("pooling_type") != 1:
            continue
        net.become(index, "Reduction", {"0": 3, "1": 0, "3": (1, 2), "4": 0, "5": 1})
        count += 1
    return count


def whole_windows(net: Net, rng: Rng) -> int:
    """A window as large as the plane for global pooling."""
    count = 0
    shapes = net.shapes()
    for name in _names(net, "Pooling"):
        index = net.index(name)
        layer = net.layers[index]
        shape = shapes.get(layer.inputs[0])
        if not decoded(layer).integer("global_pooling") or shape is None:
            continue
        kind = decoded(layer).integer("pooling_type")
        net.become(index, "Pooling", {"0": kind, "1": shape[2], "11": shape[1], "2": 1})
        count += 1
    return count


def pointwise(net: Net, rng: Rng) -> int:
    """A convolution of one pixel for a linear layer."""
    count = 0
    shapes = net.shapes()
    for name in _names(net, "InnerProduct"):
        index = net.index(name)
        layer = net.layers[index]
        shape = shapes.get(layer.inputs[0])
        if shape is None or len(shape) != 1 or decoded(layer).integer("int8_scale_term"):
            continue
        params = decoded(layer)
        out = params.integer("num_output")
        moved = {key: layer.params[key] for key in ("9", "10") if key in layer.params}
        numbers = {
            "0": out,
            "1": 1,
            "5": params.integer("bias_term"),
            "6": params.integer("weight_data_size"),
        }
        net.become(index, "Convolution", {**numbers, **moved})
        net.insert_before(index, "Reshape", {"0": 1, "1": 1, "2": shape[0]})
        net.insert_after(net.index(name), "Flatten", {})
        count += 1
    return count


def shuffled(net: Net, rng: Rng) -> int:
    """Reshape, Permute, Reshape for ShuffleChannel."""
    count = 0
    shapes = net.shapes()
    for name in _names(net, "ShuffleChannel"):
        index = net.index(name)
        layer = net.layers[index]
        shape = shapes.get(layer.inputs[0])
        if shape is None or len(shape) != 3:
            continue
        groups = decoded(layer).integer("group")
        if decoded(layer).integer("reverse"):
            groups = shape[0] // groups
        net.become(index, "Reshape", {"0": shape[1] * shape[2], "1": shape[0] // groups, "2": groups})
        moved = net.insert_after(index, "Permute", {"0": 2})
        net.insert_after(net.index(moved), "Reshape", {"0": shape[2], "1": shape[1], "2": shape[0]})
        count += 1
    return count


def cut(net: Net, rng: Rng) -> int:
    """Crops for a Slice."""
    count = 0
    shapes = net.shapes()
    for name in _names(net, "Slice"):
        index = net.index(name)
        layer = net.layers[index]
        pieces = [shapes.get(blob) for blob in layer.outputs]
        whole = shapes.get(layer.inputs[0])
        if whole is None or any(piece is None for piece in pieces):
            continue
        axis = decoded(layer).integer("axis") % len(whole)
        copies = tuple(net.new("split") for _ in pieces)
        made = [Layer("Split", net.new("split"), layer.inputs, copies)]
        start = 0
        for piece, copy, blob in zip(pieces, copies, layer.outputs, strict=True):
            assert piece is not None
            end = start + piece[axis]
            params: dict[str, Param] = {"9": (start,), "10": (end,), "11": (axis,)}
            made.append(Layer("Crop", net.new("crop"), (copy,), (blob,), params))
            start = end
        net.layers[index : index + 1] = made
        count += 1
    return count


def resized(net: Net, rng: Rng) -> int:
    """A size for a factor in resampling."""
    count = 0
    shapes = net.shapes()
    for name in _names(net, "Interp"):
        index = net.index(name)
        shape = shapes.get(net.layers[index].outputs[0])
        if shape is not None:
            net.set(index, {"1": None, "2": None, "3": shape[1], "4": shape[2]})
            count += 1
    return count


def gated(net: Net, rng: Rng) -> int:
    """A gate and a product for Swish and HardSwish."""
    count = 0
    for name in _names(net, "Swish", "HardSwish"):
        index = net.index(name)
        layer = net.layers[index]
        hard = layer.type == "HardSwish"
        kind, params = ("HardSigmoid", dict(layer.params)) if hard else ("Sigmoid", {})
        one, two, gate = net.new("split"), net.new("split"), net.new("gate")
        net.layers[index : index + 1] = [
            Layer("Split", net.new("split"), layer.inputs, (one, two)),
            Layer(kind, net.new("gate"), (one,), (gate,), params),
            Layer("BinaryOp", name, (two, gate), layer.outputs, {"0": 2}),
        ]
        count += 1
    return count


def one_group(net: Net, rng: Rng) -> int:
    """ConvolutionDepthWise of one group for Convolution."""
    count = 0
    for name in _names(net, "Convolution"):
        index = net.index(name)
        if not decoded(net.layers[index]).integer("int8_scale_term"):
            net.become(index, "ConvolutionDepthWise")
            count += 1
    return count


def flattened(net: Net, rng: Rng) -> int:
    """A Reshape for Flatten."""
    names = _names(net, "Flatten")
    for name in names:
        net.become(net.index(name), "Reshape", {"0": -1})
    return len(names)


def _names(net: Net, *types: str) -> list[str]:
    return [layer.name for layer in net.layers if layer.type in types]


REWRITES: tuple[Rewrite, ...] = (
    renamed, reordered, apart, fused, padded, normed, caffe_normed, noops, sums, means, whole_windows,
    pointwise, shuffled, cut, resized, gated, one_group, flattened,
)  # fmt: skip
DISGUISE: tuple[Rewrite, ...] = (apart, padded, noops, sums, reordered)
"""What is done to the changed side besides, to try a change in a file of other make."""
