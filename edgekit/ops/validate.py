"""Layers that ncnn refuses to load, or crashes on, told from the `.param` alone.

Source: the validation in `load_param` of ncnn's layers; older releases lack much of it and crash.
"""

from __future__ import annotations

from collections.abc import Iterator

from edgekit.graph import Layer
from edgekit.ops.describe import ACTIVATION_NAMES
from edgekit.ops.spec import LayerSpec, Params, decode
from edgekit.ops.table import SPECS

# Types with exactly one input and one output, whatever their parameters are (`one_blob_only`).
SINGLE = frozenset(
    {
        "AbsVal", "ArgMax", "BatchNorm", "Bias", "BNLL", "Cast", "CELU", "Clip", "Convolution3D",
        "ConvolutionDepthWise3D", "CumulativeSum", "Deconvolution3D", "DeconvolutionDepthWise3D",
        "DeepCopy", "Dequantize", "Diag", "Dropout", "ELU", "Embed", "Erf", "Exp", "ExpandDims",
        "Flatten", "Flip", "Fold", "GELU", "GLU", "GroupNorm", "HardSigmoid", "HardSwish", "InnerProduct",
        "InstanceNorm", "InverseSpectrogram", "LayerNorm", "Log", "LRN", "Mish", "MVN", "Normalize",
        "Packing", "Padding", "Permute", "PixelShuffle", "Pooling", "Pooling1D", "Pooling3D", "Power",
        "PReLU", "Quantize", "Reduction", "ReLU", "Reorg", "Requantize", "RMSNorm", "SELU", "Shrink",
        "ShuffleChannel", "Sigmoid", "Softmax", "Softplus", "Spectrogram", "SPP", "Squeeze",
        "StatisticsPooling", "Swish", "TanH", "Threshold", "Tile", "UnaryOp", "Unfold",
    }
)  # fmt: skip

_WINDOW = ("kernel", "stride", "dilation")
_AT_LEAST_1 = ("group", "num_heads", "upscale_factor", "stride")
_ACTIVATION_PARAMS = {"leakyrelu": 1, "clip": 2, "hardswish": 2}
_FLAGS = ("constantA", "constantB", "constantC")


def refusal(layer: Layer) -> str | None:
    """Return why ncnn would not load the layer, or None; nothing is said of unregistered types."""
    spec = SPECS.get(layer.type)
    if spec is None:
        return None
    inputs, outputs = len(layer.inputs), len(layer.outputs)
    if layer.type in SINGLE and (inputs, outputs) != (1, 1):
        return f"{layer.type} has one input and one output, here are {inputs} and {outputs}"
    params = decode(spec, layer)
    return next(_reasons(spec, layer, params), None)


def _reasons(spec: LayerSpec, layer: Layer, params: Params) -> Iterator[str]:
    yield from _choices(spec, params)
    yield from _sizes(layer, params)
    yield from _activation(params)
    yield from _relations(params)


def _choices(spec: LayerSpec, params: Params) -> Iterator[str]:
    for param in spec.params:
        value = params.values[param.name]
        if not param.choices or not isinstance(value, int):
            continue
        if not 0 <= value < len(param.choices) or not param.choices[value]:
            yield f"{param.name} is {value}, which stands for nothing"


def _sizes(layer: Layer, params: Params) -> Iterator[str]:
    """Yield the window sizes and counts that are below 1 where they are used."""
    values = params.values
    used = [name for name in _AT_LEAST_1 if name in values]
    if not values.get("global_pooling") and not values.get("adaptive_pooling"):
        sliding = _WINDOW[1:] if values.get("dynamic_weight") else _WINDOW
        used += [name for name in values if name.rpartition("_")[0] in sliding]
    for name in used:
        if params.integer(name) < 1:
            yield f"{name} is {params.integer(name)}, at least 1 is needed"


def _activation(params: Params) -> Iterator[str]:
    number = params.values.get("activation_type", 0)
    assert isinstance(number, int)
    if not 0 <= number < len(ACTIVATION_NAMES):
        yield f"activation_type is {number}, 0 to {len(ACTIVATION_NAMES) - 1} exist"
        return
    needed = _ACTIVATION_PARAMS.get(ACTIVATION_NAMES[number], 0)
    if needed and len(params.numbers("activation_params")) < needed:
        yield f"{ACTIVATION_NAMES[number]} needs {needed} activation_params"


def _relations(params: Params) -> Iterator[str]:
    values = params.values
    for name in _FLAGS:
        if name in values and values[name] not in (0, 1):
            yield f"{name} is {values[name]}, 0 or 1 is needed"
    grouped = "group" in values and "num_output" in values and not values.get("dynamic_weight")
    if grouped and params.integer("num_output") % max(params.integer("group"), 1):
        yield f"{values['num_output']} outputs do not split into {values['group']} groups"
    if "num_heads" in values and params.integer("embed_dim") % max(params.integer("num_heads"), 1):
        yield f"embed_dim {values['embed_dim']} does not split into {values['num_heads']} heads"
