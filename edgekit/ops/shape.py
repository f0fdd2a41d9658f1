"""Blob shapes of a graph from the shapes of its inputs, without running it.

Shapes are those of one item, outermost axis first: (c, h, w). The batch, which ncnn keeps beside
the shape, is followed too. Where a shape depends on data, or on what is not known here, there is
a reason instead of a guess.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from edgekit.errors import FormatError
from edgekit.graph import Graph, Layer
from edgekit.ops import shape_math as maths
from edgekit.ops import shape_structure as structure
from edgekit.ops import shape_windows as windows
from edgekit.ops.reshape import Extent, reshape
from edgekit.ops.sized import CannotTell, Shape, Sized
from edgekit.ops.spec import decode
from edgekit.ops.table import SPECS
from edgekit.ops.weights import weight_layout

Rule = Callable[[Sized], tuple[Shape, ...]]


@dataclass(frozen=True, slots=True)
class Unknown:
    """A shape that cannot be told, and why."""

    reason: str


@dataclass(frozen=True, slots=True)
class Inferred:
    """The shapes of a graph's blobs; each blob is in `shapes` or, with a reason, in `unknown`.

    `batches` has the blobs whose batch is not 1.
    """

    shapes: Mapping[str, Shape] = field(default_factory=dict)
    unknown: Mapping[str, str] = field(default_factory=dict)
    batches: Mapping[str, int] = field(default_factory=dict)


def infer_graph(
    graph: Graph, inputs: Mapping[str, Shape] | None = None, batches: Mapping[str, int] | None = None
) -> Inferred:
    """Return the shapes of all blobs, given those of input blobs that the file leaves open."""
    known: dict[str, Extent] = {
        name: Extent(shape, (batches or {}).get(name, 1)) for name, shape in (inputs or {}).items()
    }
    unknown: dict[str, str] = {}
    for layer in graph:
        missing = [name for name in layer.inputs if name not in known]
        result: tuple[Extent, ...] | Unknown
        if missing:
            result = Unknown(f"the shape of '{missing[0]}' is unknown")
        else:
            result = _infer(layer, [known[name] for name in layer.inputs])
        for index, name in enumerate(layer.outputs):
            if name in known:
                continue
            if isinstance(result, Unknown):
                unknown[name] = result.reason
            elif index < len(result):
                known[name] = result[index]
            else:
                unknown[name] = f"nothing is known of output {index} of {layer.type}"
    return Inferred(
        {name: extent.shape for name, extent in known.items()},
        unknown,
        {name: extent.batch for name, extent in known.items() if extent.batch != 1},
    )


def infer_shapes(layer: Layer, input_shapes: Sequence[Shape]) -> tuple[Shape, ...] | Unknown:
    """Return the output shapes of one layer, or why they cannot be told."""
    result = _infer(layer, [Extent(shape) for shape in input_shapes])
    return result if isinstance(result, Unknown) else tuple(extent.shape for extent in result)


def _infer(layer: Layer, inputs: Sequence[Extent]) -> tuple[Extent, ...] | Unknown:
    spec = SPECS.get(layer.type)
    rule = _RULES.get(layer.type)
    if spec is None:
        return Unknown(f"ncnn registers no layer type '{layer.type}'")
    if rule is None and layer.type != "Reshape":
        return Unknown(_REASONS.get(layer.type, f"there is no shape rule for {layer.type}"))
    if not all(1 <= len(each.shape) <= 4 and min(each.shape) > 0 for each in inputs):
        return Unknown("an input shape has no or more than 4 axes, or an empty one")
    try:
        sized = Sized(
            decode(spec, layer),
            weight_layout(layer),
            tuple(each.shape for each in inputs),
            tuple(each.batch for each in inputs),
            len(layer.outputs),
        )
        if rule is None:
            return (reshape(sized),)
        batch = max(sized.batches, default=1)
        return tuple(Extent(shape, batch) for shape in rule(sized))
    except CannotTell as error:
        return Unknown(str(error))
    except FormatError as error:
        return Unknown(error.message)


def _source(layer: Sized) -> tuple[Shape, ...]:
    """Return the shape that `Input` or `MemoryData` states; 0 is open."""
    sizes = [layer.params.integer(axis) for axis in "cdhw"]
    shape = tuple(size for size in sizes if size)
    if not shape:
        raise CannotTell("the file leaves the input shape open")
    if min(shape) < 0 or not sizes[3]:
        raise CannotTell(f"the file states a shape of {sizes}")
    return (shape,)


_SAME_SHAPE = (
    "AbsVal", "BNLL", "CELU", "Clip", "Dropout", "ELU", "Erf", "GELU", "HardSigmoid", "HardSwish", "Mish",
    "PReLU", "ReLU", "SELU", "Shrink", "Sigmoid", "Softmax", "Softplus", "Swish", "TanH", "Threshold",
    "UnaryOp", "Eltwise", "Exp", "Log", "Power", "CumulativeSum", "BatchNorm", "InstanceNorm", "GroupNorm",
    "LayerNorm", "RMSNorm", "LRN", "MVN", "Normalize", "Bias", "Scale", "Quantize", "Dequantize",
    "Requantize", "Cast", "Split", "DeepCopy", "CopyTo", "Flip", "ShuffleChannel", "RotaryEmbed",
)  # fmt: skip
_KINDS = ("", "1D", "3D")
_RULES: Mapping[str, Rule] = {
    **dict.fromkeys(_SAME_SHAPE, maths.same),
    **dict.fromkeys([f"Convolution{kind}" for kind in _KINDS], windows.convolution),
    **dict.fromkeys([f"ConvolutionDepthWise{kind}" for kind in _KINDS], windows.convolution),
    **dict.fromkeys([f"Deconvolution{kind}" for kind in _KINDS], windows.deconvolution),
    **dict.fromkeys([f"DeconvolutionDepthWise{kind}" for kind in _KINDS], windows.deconvolution),
    **dict.fromkeys([f"Pooling{kind}" for kind in _KINDS], windows.pooling),
    **dict.fromkeys(("RNN", "GRU", "LSTM"), maths.recurrent),
    **dict.fromkeys(("Input", "MemoryData"), _source),
    **dict.fromkeys(("ROIPooling", "ROIAlign", "PSROIPooling"), maths.region_pooling),
    "ArgMax": maths.arg_max,
    "BinaryOp": maths.binary,
    "Concat": structure.concat,
    "Crop": structure.crop,
    "DeformableConv2D": windows.convolution,
    "Diag": structure.diagonal,
    "Einsum": maths.einsum,
    "Embed": maths.embed,
    "ExpandDims": structure.expand_dims,
    "Flatten": structure.flatten,
    "Fold": windows.fold,
    "GLU": maths.halved,
    "Gemm": maths.gemm,
    "GridSample": structure.grid_sample,
    "InnerProduct": maths.inner_product,
    "Interp": structure.interp,
    "InverseSpectrogram": windows.inverse_spectrogram,
    "MatMul": maths.matmul,
    "MultiHeadAttention": maths.attention,
    "Noop": maths.each,
    "Padding": structure.padding,
    "Permute": structure.permute,
    "PixelShuffle": structure.pixel_shuffle,
    "PriorBox": structure.anchor_boxes,
    "Reduction": maths.reduction,
    "Reorg": structure.reorg,
    "SDPA": maths.sdpa,
    "Slice": structure.cut,
    "Spectrogram": windows.spectrogram,
    "Squeeze": structure.squeeze,
    "StatisticsPooling": maths.statistics_pooling,
    "Tile": structure.tile,
    "Unfold": windows.unfold,
}

_REASONS: Mapping[str, str] = {
    **dict.fromkeys(
        ("DetectionOutput", "Proposal", "YoloDetectionOutput", "Yolov3DetectionOutput"),
        "the number of boxes depends on the data",
    ),
    "Packing": "it changes the layout in memory, not the logical shape",
}
