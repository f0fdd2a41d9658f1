"""Why a layer is slower than its peers: it left the kernels that ncnn has tuned by hand.

The rules are read off ncnn's `convolutiondepthwise_{arm,x86}.cpp` and `convolution_{arm,x86}.cpp`: depthwise
kernels exist for 3x3 and 5x5, stride 1 or 2, no dilation, and channels in whole vectors; int8 ones for 3x3
with no activation or ReLU. Layer types without a file of their own in `src/layer/arm` or `src/layer/x86` run
ncnn's plain loops.
"""

from __future__ import annotations

from collections.abc import Mapping

from edgekit.graph import Layer
from edgekit.ops import Activation, describe

_FAST_KERNELS = ((3, 3), (5, 5))
_FAST_STRIDES = ((1, 1), (2, 2))
_INT8_ACTIVATIONS = ("none", "relu")
_IMAGE_CHANNELS = 4  # an image has at most four planes, which cannot be mended

_PLAIN = frozenset(
    "Convolution3D ConvolutionDepthWise1D ConvolutionDepthWise3D Deconvolution1D Deconvolution3D "
    "DeconvolutionDepthWise1D DeconvolutionDepthWise3D Einsum Pooling1D Pooling3D Permute Reduction Unfold "
    "Fold GLU Softplus Tile CumulativeSum Spectrogram InverseSpectrogram Normalize MVN".split()
)
_PLAIN_ON_ARM = frozenset(["DeformableConv2D", "GridSample"])
_PLAIN_ON_X86 = frozenset(["GRU", "RNN"])


def slow_reason(layer: Layer, precision: str, arch: str) -> str | None:
    """Say in a sentence why ncnn has no fast kernel for this layer, or return None.

    `precision` is that of the run (half-precision and int8 kernels need channels in eights), `arch` the
    machine's name of its architecture, as in `aarch64` or `x86_64`.
    """
    if layer.type in _PLAIN | (_PLAIN_ON_X86 if arch.startswith("x86") else _PLAIN_ON_ARM):
        return f"ncnn has only a plain loop for {layer.type}"
    if layer.type not in ("Convolution", "ConvolutionDepthWise", "DeconvolutionDepthWise"):
        return None
    facts = describe(layer)
    inputs, outputs, groups = (_int(facts, name) for name in ("in_channels", "num_output", "group"))
    groups = groups or 1
    int8 = bool(_int(facts, "int8_scale_term"))
    lanes = 8 if int8 or precision.startswith("fp16") else 4
    if groups == 1:
        return _dense(inputs, outputs, lanes)
    if not inputs == groups == outputs:
        return f"{groups} groups: ncnn computes them one after the other"
    if layer.type.startswith("Deconvolution"):
        return "depthwise deconvolution: ncnn has no kernel of its own for it"
    return _depthwise(facts, inputs, lanes, int8)


def _dense(inputs: int, outputs: int, lanes: int) -> str | None:
    for count, what in ((inputs, "input"), (outputs, "output")):
        if count % lanes and count > _IMAGE_CHANNELS:
            return f"{count} {what} channels are {_ragged(count, lanes)}"
    return None


def _depthwise(facts: Mapping[str, object], channels: int, lanes: int, int8: bool) -> str | None:
    kernel, stride, dilation = (facts[name] for name in ("kernel", "stride", "dilation"))
    if kernel not in _FAST_KERNELS or (int8 and kernel != (3, 3)):
        fast = "3x3" if int8 else "3x3 and 5x5"
        return f"{_size(kernel)} depthwise{' in int8' if int8 else ''}: ncnn's fast kernels are {fast}"
    if dilation != (1, 1):
        return f"dilation {_size(dilation)}: ncnn's depthwise kernels are for dilation 1"
    if stride not in _FAST_STRIDES:
        return f"stride {_size(stride)}: ncnn's depthwise kernels are for strides 1 and 2"
    if channels % lanes:
        return f"{channels} channels are {_ragged(channels, lanes)}"
    act = facts.get("activation")
    name = act.name if isinstance(act, Activation) else "none"
    if int8 and name not in _INT8_ACTIVATIONS:
        shown = "ReLU6" if name == "clip" else name
        return f"{shown} in an int8 depthwise convolution: only ReLU or none is fast"
    return None


def _ragged(count: int, lanes: int) -> str:
    return f"no multiple of {lanes}: {-(-count // lanes) * lanes} would fill vectors"


def _size(pair: object) -> str:
    assert isinstance(pair, tuple)
    return "x".join(str(size) for size in pair)


def _int(facts: Mapping[str, object], name: str) -> int:
    value = facts.get(name, 0)
    return value if isinstance(value, int) else 0
