"""Changes of one layer's own numbers: kernel, stride, channels, activation, pooling, norms, resampling."""

from __future__ import annotations

import numpy as np
from net import Net, decoded

from edgekit.graph import Layer, Param

Rng = np.random.Generator
Keys = tuple[str, ...]
"""The kinds of difference of which one has to be named; empty where a change does not apply."""

NOT_HERE: Keys = ()
_SAME_PADS = (-233, -234)
_ACTIVE = ("ReLU", "Clip", "Sigmoid", "TanH", "HardSwish", "HardSigmoid", "Swish", "GELU", "Mish")
_NORMS = {"InstanceNorm": "1", "LayerNorm": "1", "RMSNorm": "1", "GroupNorm": "2"}


def _is_conv(layer: Layer) -> bool:
    return layer.type in ("Convolution", "ConvolutionDepthWise")


def _window(layer: Layer, what: str) -> tuple[int, int]:
    params = decoded(layer)
    return params.integer(f"{what}_h"), params.integer(f"{what}_w")


def _pads(layer: Layer) -> tuple[int, int, int, int]:
    """Return top, bottom, left, right."""
    params = decoded(layer)
    top, bottom, left, right = (params.integer(f"pad_{side}") for side in ("top", "bottom", "left", "right"))
    return top, bottom, left, right


def _set_pads(net: Net, index: int, pads: tuple[int, int, int, int]) -> None:
    top, bottom, left, right = pads
    net.set(index, {"14": top, "16": bottom, "4": left, "15": right})


def _grown(layer: Layer, by: tuple[int, int]) -> tuple[int, int, int, int] | None:
    """Return the padding that keeps the size when a window grows by an even number of pixels."""
    pads = _pads(layer)
    if pads[0] in _SAME_PADS:
        return pads
    high, wide = by[0] // 2, by[1] // 2
    return (pads[0] + high, pads[1] + high, pads[2] + wide, pads[3] + wide)


def kernel(net: Net, index: int, rng: Rng) -> Keys:
    """A kernel two pixels larger, with the padding that goes with it."""
    layer = net.layers[index]
    if not _is_conv(layer) or not all(_pads(layer)):
        return NOT_HERE  # padding where there was none is a second change
    (kh, kw), (dh, dw) = _window(layer, "kernel"), _window(layer, "dilation")
    _set_pads(net, index, _grown(layer, (2 * dh, 2 * dw)) or (0, 0, 0, 0))
    net.set(index, {"1": kw + 2, "11": kh + 2})
    return ("kernel",)


def kernel_alone(net: Net, index: int, rng: Rng) -> Keys:
    """A kernel two pixels larger in one direction, the padding left as it is."""
    layer = net.layers[index]
    if not _is_conv(layer) or _pads(layer)[0] in _SAME_PADS:
        return NOT_HERE
    kh, kw = _window(layer, "kernel")
    net.set(index, {"1": kw + 2, "11": kh} if rng.integers(2) else {"1": kw, "11": kh + 2})
    return ("kernel",)


def stride(net: Net, index: int, rng: Rng) -> Keys:
    """Stride 2 instead of 1, or 1 instead of 2."""
    layer = net.layers[index]
    if not _is_conv(layer):
        return NOT_HERE
    sh, sw = _window(layer, "stride")
    net.set(index, {"3": 3 - sw, "13": 3 - sh} if {sh, sw} <= {1, 2} else {"3": 1, "13": 1})
    return ("stride",)


def padding(net: Net, index: int, rng: Rng) -> Keys:
    """One pixel more of padding, or none."""
    layer = net.layers[index]
    pads = _pads(layer) if _is_conv(layer) else (-233,) * 4
    if pads[0] in _SAME_PADS:
        return NOT_HERE
    none = (0, 0, 0, 0)
    more = (pads[0] + 1, pads[1] + 1, pads[2] + 1, pads[3] + 1)
    _set_pads(net, index, none if any(pads) and rng.integers(2) else more)
    return ("padding",)


def padding_side(net: Net, index: int, rng: Rng) -> Keys:
    """Padding shifted to one side: one pixel more at the top and left, one less at the bottom and right."""
    layer = net.layers[index]
    pads = _pads(layer) if _is_conv(layer) else (-233,) * 4
    if min(pads) < 1:
        return NOT_HERE
    _set_pads(net, index, (pads[0] + 1, pads[1] - 1, pads[2] + 1, pads[3] - 1))
    return ("padding",)


def dilation(net: Net, index: int, rng: Rng) -> Keys:
    """Twice the dilation, with the padding that goes with it."""
    layer = net.layers[index]
    if not _is_conv(layer):
        return NOT_HERE
    (kh, kw), (dh, dw) = _window(layer, "kernel"), _window(layer, "dilation")
    if kh == kw == 1 or not all(_pads(layer)):
        return NOT_HERE
    extra = (dh * (kh - 1), dw * (kw - 1))
    pads = _grown(layer, extra)
    if extra[0] % 2 or extra[1] % 2 or pads is None:
        return NOT_HERE
    _set_pads(net, index, pads)
    net.set(index, {"2": 2 * dw, "12": 2 * dh})
    return ("dilation",)


def groups(net: Net, index: int, rng: Rng) -> Keys:
    """Two groups instead of one, or one instead of as many as there are channels."""
    layer = net.layers[index]
    if not _is_conv(layer):
        return NOT_HERE
    if layer.type == "ConvolutionDepthWise":
        if decoded(layer).integer("int8_scale_term"):
            return NOT_HERE
        net.set(index, {"7": None})
        net.become(index, "Convolution")
        return ("groups",)
    net.become(index, "ConvolutionDepthWise")
    net.set(index, {"7": 2})
    return ("groups",)


def channels(net: Net, index: int, rng: Rng) -> Keys:
    """Eight channels more, or half as many."""
    layer = net.layers[index]
    if layer.type not in ("Convolution", "InnerProduct", "Deconvolution"):
        return NOT_HERE
    out = decoded(layer).integer("num_output")
    size = decoded(layer).integer("weight_data_size") // out
    new = out // 2 if out % 2 == 0 and rng.integers(2) else out + 8
    net.set(index, {"0": new, "2" if layer.type == "InnerProduct" else "6": new * size})
    return ("channels",)


def bias(net: Net, index: int, rng: Rng) -> Keys:
    """A bias where there is none, or none where there is one."""
    layer = net.layers[index]
    if layer.type not in ("Convolution", "ConvolutionDepthWise", "InnerProduct"):
        return NOT_HERE
    key = "1" if layer.type == "InnerProduct" else "5"
    net.set(index, {key: 1 - decoded(layer).integer("bias_term")})
    return ("bias",)


def activation(net: Net, index: int, rng: Rng) -> Keys:
    """Another activation, of its own or fused into a layer."""
    layer = net.layers[index]
    if layer.type in _ACTIVE:
        others = [("ReLU", {}), ("Sigmoid", {}), ("TanH", {}), ("Clip", {"0": 0.0, "1": 6.0})]
        kind, params = [each for each in others if each[0] != layer.type][rng.integers(3)]
        net.become(index, kind, params)
        return ("activation",)
    if not _has_fused(layer):
        return NOT_HERE
    now = int(str(layer.params["9"]))
    wanted: list[dict[str, Param | None]] = [
        {"9": 1, "10": None},
        {"9": 2, "10": (0.1,)},
        {"9": 3, "10": (0.0, 6.0)},
        {"9": 4, "10": None},
    ]
    net.set(index, [each for each in wanted if each["9"] != now][rng.integers(3)])
    return ("activation",)


def _has_fused(layer: Layer) -> bool:
    return layer.type in ("Convolution", "ConvolutionDepthWise", "InnerProduct") and bool(
        layer.params.get("9")
    )


def activation_numbers(net: Net, index: int, rng: Rng) -> Keys:
    """A bound or slope of an activation that is another number."""
    layer = net.layers[index]
    if layer.type == "ReLU" and layer.params.get("0"):
        net.set(index, {"0": 0.25})
        return ("activation",)
    if layer.type == "Clip":
        net.set(index, {"1": float(str(layer.params.get("1", 6.0))) - 1.0})
        return ("activation",)
    if _has_fused(layer) and layer.params["9"] in (2, 3):
        numbers = layer.params["10"]
        assert isinstance(numbers, tuple)
        first = tuple(float(each) for each in numbers)
        net.set(index, {"10": (*first[:-1], first[-1] + 0.25)})
        return ("activation",)
    return NOT_HERE


def activation_lost(net: Net, index: int, rng: Rng) -> Keys:
    """A fused activation that is not there."""
    if not _has_fused(net.layers[index]):
        return NOT_HERE
    net.set(index, {"9": None, "10": None})
    return ("activation",)


def activation_added(net: Net, index: int, rng: Rng) -> Keys:
    """A ReLU fused into a layer that has none."""
    layer = net.layers[index]
    if layer.type not in ("Convolution", "ConvolutionDepthWise", "InnerProduct") or _has_fused(layer):
        return NOT_HERE
    readers = [each for each in net.layers if layer.outputs[0] in each.inputs]
    if any(each.type in ("ReLU", "Clip", "Sigmoid") for each in readers):
        return NOT_HERE  # of what follows too little is left to be told
    net.set(index, {"9": 1})
    return ("activation",)


def pooling(net: Net, index: int, rng: Rng) -> Keys:
    """Average instead of maximum, or the other way round."""
    layer = net.layers[index]
    if layer.type != "Pooling":
        return NOT_HERE
    net.set(index, {"0": 1 - decoded(layer).integer("pooling_type")})
    return ("pooling",)


def pooling_window(net: Net, index: int, rng: Rng) -> Keys:
    """A pooling whose window is a pixel smaller or larger."""
    layer = net.layers[index]
    if layer.type != "Pooling" or decoded(layer).integer("global_pooling"):
        return NOT_HERE
    kh, kw = _window(layer, "kernel")
    more = 1 if min(kh, kw) < 3 or rng.integers(2) else -1
    net.set(index, {"1": kw + more, "11": kh + more})
    return ("pooling",)


def pooling_stride(net: Net, index: int, rng: Rng) -> Keys:
    """A pooling whose stride is 1 instead of 2, or 2 instead of 1."""
    layer = net.layers[index]
    if layer.type != "Pooling" or decoded(layer).integer("global_pooling"):
        return NOT_HERE
    sh, sw = _window(layer, "stride")
    made = net.shapes().get(layer.outputs[0])
    if made is None or max(made[1:]) == 1:
        return NOT_HERE  # a window over all there is has nowhere to go
    net.set(index, {"2": 3 - sw, "12": 3 - sh} if {sh, sw} <= {1, 2} else {"2": 1, "12": 1})
    return ("pooling",)


def epsilon(net: Net, index: int, rng: Rng) -> Keys:
    """A hundred times the eps of a normalisation that stays one."""
    layer = net.layers[index]
    key = _NORMS.get(layer.type)
    if key is None:
        return NOT_HERE
    net.set(index, {key: decoded(layer).number("eps") * 100})
    return ("normalization",)


def norm_groups(net: Net, index: int, rng: Rng) -> Keys:
    """A GroupNorm of twice as many groups."""
    layer = net.layers[index]
    if layer.type != "GroupNorm":
        return NOT_HERE
    net.set(index, {"0": 2 * decoded(layer).integer("group")})
    return ("normalization",)


def resampling(net: Net, index: int, rng: Rng) -> Keys:
    """Bilinear instead of nearest, nearest instead of anything else."""
    layer = net.layers[index]
    if layer.type != "Interp":
        return NOT_HERE
    net.set(index, {"0": 2 if decoded(layer).integer("resize_type") == 1 else 1, "6": None})
    return ("resampling",)


def corners(net: Net, index: int, rng: Rng) -> Keys:
    """Corners of a bilinear resampling aligned, or not any more."""
    layer = net.layers[index]
    if layer.type != "Interp" or decoded(layer).integer("resize_type") == 1:
        return NOT_HERE
    net.set(index, {"6": 1 - decoded(layer).integer("align_corner")})
    return ("resampling",)


def upsampled(net: Net, index: int, rng: Rng) -> Keys:
    """A resampling to twice the size."""
    layer = net.layers[index]
    if layer.type != "Interp":
        return NOT_HERE
    params = decoded(layer)
    if params.integer("output_height"):
        net.set(index, {"3": 2 * params.integer("output_height"), "4": 2 * params.integer("output_width")})
    else:
        net.set(index, {"1": 2 * params.number("height_scale"), "2": 2 * params.number("width_scale")})
    return ("resampling",)


CHANGES = (
    kernel, kernel_alone, stride, padding, padding_side, dilation, groups, channels, bias, activation,
    activation_numbers, activation_lost, activation_added, pooling, pooling_window, pooling_stride, epsilon,
    norm_groups, resampling, corners, upsampled,
)  # fmt: skip
