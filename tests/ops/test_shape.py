"""Shape rules against the shapes that ncnn itself computes."""

from __future__ import annotations

import numpy as np
import pytest

from edgekit.formats import ncnn
from edgekit.graph import Graph, Layer, Param, Weight
from edgekit.ops import SPECS, Inferred, Unknown, infer_graph, infer_shapes, refusal, weight_layout
from edgekit.ops.expression import evaluate
from edgekit.ops.shape import _RULES
from edgekit.ops.shape_math import same

Shape = tuple[int, ...]
Case = tuple[str, dict[str, Param], list[Shape], int]

IMAGE = (4, 9, 11)
CONV = {"0": 6, "1": 3, "6": 6 * 4 * 9}
DEPTHWISE = {"0": 4, "1": 3, "6": 4 * 9, "7": 4}


def case(type: str, params: dict[str, Param] | None = None, *shapes: Shape, outputs: int = 1) -> Case:
    return type, params or {}, list(shapes), outputs


CASES = [
    case("Convolution", CONV, IMAGE),
    case("Convolution", CONV | {"4": 1, "3": 2}, IMAGE),
    case("Convolution", CONV | {"4": 2, "14": 0, "15": 1, "16": 3, "2": 2, "13": 2}, IMAGE),
    case("Convolution", CONV | {"4": -233, "3": 2}, IMAGE),
    case("Convolution", CONV | {"4": -234, "3": 3, "2": 2}, IMAGE),
    case("Convolution", {"0": 6, "1": 1, "6": 24}, (4,)),
    case("Convolution", {"0": 5, "19": 1, "3": 2, "4": 1}, IMAGE, (5, 4, 3, 2)),
    case("ConvolutionDepthWise", DEPTHWISE | {"4": 1, "3": 2}, IMAGE),
    case("ConvolutionDepthWise", {"0": 8, "1": 3, "11": 1, "6": 8 * 2 * 3, "7": 2}, IMAGE),
    case("Convolution1D", {"0": 6, "1": 3, "6": 72, "4": 1, "15": 2, "3": 2}, (4, 13)),
    case("ConvolutionDepthWise1D", {"0": 4, "1": 3, "6": 12, "7": 4, "2": 3}, (4, 13)),
    case("Convolution3D", {"0": 5, "1": 3, "11": 2, "21": 1, "6": 5 * 4 * 6, "24": 1, "13": 2}, (4, 5, 6, 7)),
    case("ConvolutionDepthWise3D", {"0": 4, "1": 2, "6": 32, "7": 4}, (4, 5, 6, 7)),
    case("Deconvolution", CONV | {"3": 2}, IMAGE),
    case("Deconvolution", CONV | {"3": 2, "4": 1, "18": 1}, IMAGE),
    case("Deconvolution", CONV | {"3": 2, "4": -233, "20": 20, "21": 17}, IMAGE),
    case("Deconvolution", {"0": 3, "28": 1, "3": 2}, IMAGE, (4, 3, 2, 5)),
    case("DeconvolutionDepthWise", DEPTHWISE | {"3": 3, "2": 2}, IMAGE),
    case("Deconvolution1D", {"0": 6, "1": 3, "6": 72, "3": 2, "4": 1}, (4, 13)),
    case("DeconvolutionDepthWise1D", {"0": 4, "1": 3, "6": 12, "7": 4, "18": 1, "3": 2}, (4, 13)),
    case("Deconvolution3D", {"0": 5, "1": 3, "6": 5 * 4 * 27, "3": 2, "20": 1}, (4, 3, 4, 5)),
    case("DeconvolutionDepthWise3D", {"0": 4, "1": 2, "6": 32, "7": 4, "23": 3}, (4, 3, 4, 5)),
    case("Pooling", {"1": 3, "2": 2}, IMAGE),
    case("Pooling", {"1": 2, "2": 2, "5": 1}, IMAGE),
    case("Pooling", {"1": 3, "2": 2, "3": 1, "14": 0}, (4, 8, 8)),
    case("Pooling", {"1": 3, "11": 2, "2": 2, "5": 2}, IMAGE),
    case("Pooling", {"1": 3, "2": 3, "5": 3}, (4, 8, 8)),
    case("Pooling", {"0": 1, "4": 1}, IMAGE),
    case("Pooling", {"0": 1, "7": 1, "8": 5, "18": 2}, IMAGE),
    case("Pooling", {"7": 1, "8": -233, "18": 2}, IMAGE),
    case("Pooling1D", {"1": 3, "2": 2}, (4, 12)),
    case("Pooling1D", {"4": 1}, (4, 12)),
    case("Pooling1D", {"7": 1, "8": 5}, (4, 12)),
    case("Pooling3D", {"1": 2, "2": 2}, (4, 5, 6, 7)),
    case("Pooling3D", {"7": 1, "8": 2, "18": 3, "28": 4}, (4, 5, 6, 7)),
    case("Unfold", {"1": 3, "11": 2, "4": 1, "3": 2}, IMAGE),
    case("Fold", {"1": 2, "3": 2, "20": 6, "21": 4}, (12, 6)),
    case("Fold", {"1": 3, "4": 1, "20": 5, "21": 4}, (18, 20)),
    case("Padding", {"0": 1, "1": 2, "2": 3, "3": 4}, IMAGE),
    case("Padding", {"2": 3, "3": 4}, (7,)),
    case("Padding", {"0": 1, "2": 3}, (6, 7)),
    case("Padding", {"7": 1, "8": 2}, IMAGE),
    case("Padding", {"7": 1, "8": 2, "0": 1}, (3, 4, 5, 6)),
    case("InnerProduct", {"0": 5, "2": 5 * 4 * 99}, IMAGE),
    case("InnerProduct", {"0": 5, "2": 5 * 7}, (6, 7)),
    case("InnerProduct", {"0": 5, "2": 5 * 7}, (7,)),
    case("Embed", {"0": 5, "1": 7, "3": 35}, (4,)),
    case("Flatten", {}, IMAGE),
    case("Flatten", {}, (3, 4, 5, 6)),
    *(case("Permute", {"0": order}, (3, 4, 5)) for order in range(6)),
    *(case("Permute", {"0": order}, (3, 4, 5, 6)) for order in range(24)),
    case("Permute", {"0": 1}, (3, 4)),
    case("Reshape", {"0": -1}, IMAGE),
    case("Reshape", {"0": 11, "1": -1}, IMAGE),
    case("Reshape", {"0": 0, "1": -1}, IMAGE),
    case("Reshape", {"0": 33, "1": 3, "2": 4}, IMAGE),
    case("Reshape", {"0": -1, "1": 3, "11": 3, "2": 2}, IMAGE),
    case("Reshape", {"6": "*(0w,0h),0c"}, IMAGE),
    case("Reshape", {"6": "0w,//(0h,3),3,0c"}, IMAGE),
    case("Reshape", {"6": "-1,1w"}, IMAGE, (6, 4)),
    case("Concat", {}, (2, 3, 4), (5, 3, 4)),
    case("Concat", {"0": -1}, (2, 3, 4), (2, 3, 5), (2, 3, 1)),
    case("Concat", {}, (3,), (4,)),
    case("Concat", {"0": 1}, (3, 2, 4, 5), (3, 6, 4, 5)),
    case("Slice", {"0": (-233, -233)}, IMAGE, outputs=2),
    case("Slice", {"0": (2, -233, -233), "1": 1}, IMAGE, outputs=3),
    case("Slice", {"0": (1, 4), "1": -1}, IMAGE, outputs=2),
    case("Slice", {"1": 2, "2": (3, -2)}, IMAGE, outputs=3),
    case("Crop", {"0": 1, "1": 2, "3": 5, "4": 4, "5": -233}, IMAGE),
    case("Crop", {"0": 1, "6": 2, "7": 3, "3": -233, "4": -233, "5": -233, "14": -233}, (3, 4, 8, 9)),
    case("Crop", {"9": (1, -4), "10": (-1, -233), "11": (1, 2)}, IMAGE),
    case("Crop", {"9": (2,), "10": (1000000,), "11": (0,)}, (7,)),
    case("Crop", {"0": 1, "1": 1}, IMAGE, (4, 3, 2)),
    case("Crop", {"19": "1", "20": "//(0w,2)", "21": "2"}, IMAGE),
    case("Split", {}, IMAGE, outputs=3),
    case("BinaryOp", {}, IMAGE, IMAGE),
    case("BinaryOp", {}, IMAGE, (4,)),
    case("BinaryOp", {}, (11,), IMAGE),
    case("BinaryOp", {}, IMAGE, (4, 9)),
    case("BinaryOp", {}, IMAGE, (1, 1, 11)),
    case("BinaryOp", {}, (1, 9, 1), (4, 1, 11)),
    case("BinaryOp", {}, (4, 5), (5,)),
    case("BinaryOp", {}, (4, 5), (4,)),
    case("BinaryOp", {}, (3, 4, 5, 6), (3,)),
    case("BinaryOp", {}, (6,), (3, 4, 5, 6)),
    case("BinaryOp", {}, (3, 4, 5, 6), (3, 4, 5)),
    case("BinaryOp", {}, IMAGE, (1,)),
    case("BinaryOp", {"1": 1, "2": 2.0}, IMAGE),
    case("Interp", {"0": 2, "3": 5, "4": 6}, IMAGE),
    case("Interp", {"0": 1, "1": 2.0, "2": 1.5}, IMAGE),
    case("Interp", {"0": 1, "2": 1.7}, (5, 10)),
    case("Interp", {"0": 1, "3": 5, "4": 6}, (4,)),
    case("Interp", {"0": 2, "5": 1}, IMAGE, (1, 3, 7)),
    case("Interp", {"0": 1, "9": "*(0w,2),0h"}, IMAGE),
    case("Reduction", {"0": 3}, IMAGE),
    case("Reduction", {"0": 3, "1": 0, "3": (1, 2), "5": 1}, IMAGE),
    case("Reduction", {"0": 3, "1": 0, "3": (-1,), "4": 1, "5": 1}, IMAGE),
    case("Reduction", {"1": 0, "3": (0, 2), "5": 1}, (3, 4, 5, 6)),
    case("Reduction", {"1": 0, "3": (0,), "5": 1}, (3,)),
    case("Squeeze", {"3": (0, 2)}, (1, 4, 1)),
    case("Squeeze", {"0": 1, "1": 1, "2": 1}, (1, 4, 1)),
    case("Squeeze", {"3": (-1,)}, (3, 4, 1)),
    case("Squeeze", {"3": (0, 1)}, (1, 1)),
    case("Squeeze", {"3": (1,)}, (3, 1, 5, 6)),
    case("ExpandDims", {"3": (0,)}, (3, 4)),
    case("ExpandDims", {"3": (1, -1)}, (3, 4)),
    case("ExpandDims", {"3": (-2,)}, (3, 4, 5)),
    case("ExpandDims", {"3": (0,)}, (3,)),
    case("Tile", {"0": 1, "1": 3}, IMAGE),
    case("Tile", {"2": (2, 3)}, (4, 5)),
    case("Tile", {"2": (2, 1, 3)}, (4, 5)),
    case("Tile", {"2": (2, 3)}, (3, 4, 5)),
    case("PixelShuffle", {"0": 2}, (8, 3, 4)),
    case("Reorg", {"0": 2}, (3, 6, 8)),
    case("ShuffleChannel", {"0": 2}, IMAGE),
    case("GLU", {"0": 0}, IMAGE),
    case("GLU", {"0": -1}, (4, 6)),
    case("Gemm", {"3": 1, "5": 1, "6": 1, "8": 6, "9": 5, "10": 4}, (7, 5)),
    case("Gemm", {"4": 1, "6": 1, "7": 3, "8": 4, "9": 5, "10": -1}, (5, 4)),
    case("Gemm", {"2": 1, "3": 1}, (5, 3), (4, 5)),
    case("Gemm", {"14": 1}, (3, 5), (5, 4)),
    case("Gemm", {"11": 1}, (3, 5), (5, 4)),
    case("MatMul", {}, (3, 5), (5, 4)),
    case("MatMul", {"0": 1}, (2, 3, 5), (2, 4, 5)),
    case("MatMul", {}, (2, 3, 5), (5, 4)),
    case("MatMul", {}, (3, 5), (2, 5, 4)),
    case("MatMul", {}, (5,), (5, 4)),
    case("MatMul", {}, (3, 5), (5,)),
    case("MatMul", {}, (5,), (5,)),
    case("MatMul", {}, (5,), (2, 5, 4)),
    case("MatMul", {}, (2, 3, 5), (5,)),
    case("MatMul", {}, (2, 6, 3, 5), (2, 6, 5, 4)),
    case("Einsum", {"0": tuple(map(ord, "ijl,ilk->ijk"))}, (2, 3, 4), (2, 4, 5)),
    case("Einsum", {"0": tuple(map(ord, "ii"))}, (3, 3)),
    case("RNN", {"0": 4, "1": 12}, (7, 3)),
    case("GRU", {"0": 4, "1": 72, "2": 2}, (7, 3)),
    case("GRU", {"0": 4, "1": 36}, (7, 3), outputs=2),
    case("LSTM", {"0": 4, "1": 72, "2": 1, "3": 6}, (7, 3)),
    case("LSTM", {"0": 4, "1": 48}, (7, 3), outputs=3),
    case("MultiHeadAttention", {"0": 8, "1": 2, "2": 64}, (5, 8)),
    case("MultiHeadAttention", {"0": 8, "1": 2, "2": 48, "3": 5, "4": 7}, (3, 6), (4, 5), (4, 7)),
    case("SDPA", {}, (2, 3, 8), (2, 5, 8), (2, 5, 6)),
    case("SDPA", {"5": 1}, (4, 3, 8), (2, 5, 8), (2, 5, 8), (3, 5)),
    case("Spectrogram", {"0": 16, "1": 2, "2": 4}, (50,)),
    case("Spectrogram", {"0": 16, "2": 5, "5": 0, "8": 0}, (50,)),
    case("InverseSpectrogram", {"0": 16, "1": 1, "2": 4}, (9, 13, 2)),
    case("InverseSpectrogram", {"0": 16, "2": 4, "5": 0}, (9, 13, 2)),
    case("GridSample", {}, IMAGE, (5, 6, 2)),
    case("GridSample", {"3": 1}, IMAGE, (2, 5, 6)),
    case("PriorBox", {"0": (30.0, 60.0), "1": (60.0, 90.0), "2": (2.0, 3.0)}, IMAGE, (3, 90, 90)),
    case("PriorBox", {"0": (30.0,), "2": (2.0,), "7": 0, "9": -233, "10": -233}, IMAGE, (3, 90, 90)),
    case("PriorBox", {"0": (0.2, 0.3), "2": (1.0, 2.0, 0.5), "9": -233, "10": -233}, IMAGE),
    case("Diag", {"0": 1}, (4,)),
    case("Diag", {"0": -1}, (4, 6)),
    case("Diag", {"0": 3}, (4, 6)),
    case("StatisticsPooling", {"0": 1}, IMAGE),
    case("StatisticsPooling", {}, IMAGE),
    case("DeformableConv2D", CONV | {"4": 1}, IMAGE, (18, 9, 11)),
    case("CopyTo", {"0": 1}, IMAGE, (4, 2, 3)),
    case("Noop", {}, IMAGE),
    case("Softmax", {"0": 1, "1": 1}, IMAGE),
    case("PReLU", {"0": 4}, IMAGE),
    case("GroupNorm", {"0": 2, "1": 4}, IMAGE),
    case("LayerNorm", {"0": 11}, IMAGE),
    case("Flip", {"0": (1,)}, IMAGE),
    case("CumulativeSum", {"0": 1}, IMAGE),
    case("UnaryOp", {"0": 3}, IMAGE),
    case("ROIPooling", {"0": 3, "1": 2}, IMAGE, (4,)),
    case("ROIAlign", {"0": 3, "1": 2}, IMAGE, (4,)),
    case("MemoryData", {"0": 3, "1": 4, "11": 5, "2": 6}),
    case("MemoryData", {"0": 3, "1": 4}),
]


def network(type: str, params: dict[str, Param], shapes: list[Shape], outputs: int) -> Graph:
    inputs = [f"in{index}" for index in range(len(shapes))]
    bare = Layer(type, "layer", tuple(inputs), tuple(f"out{index}" for index in range(outputs)), params)
    weights = tuple(
        Weight(spec.name, np.zeros(spec.shape, np.float32 if spec.storage != "bytes" else np.uint8))
        for spec in weight_layout(bare)
    )
    layer = Layer(type, bare.name, bare.inputs, bare.outputs, params, weights)
    return Graph((*(Layer("Input", name, (), (name,)) for name in inputs), layer))


@pytest.fixture(scope="module")
def real(probe, tmp_path_factory) -> list[dict]:
    folder = tmp_path_factory.mktemp("shapes")
    requests = []
    for index, (kind, params, shapes, outputs) in enumerate(CASES):
        graph = network(kind, params, shapes, outputs)
        paths = folder / f"{index}.param", folder / f"{index}.bin"
        ncnn.write(graph, *paths)
        requests.append(
            {
                "param": str(paths[0]),
                "bin": str(paths[1]),
                "shapes": {f"in{i}": shape for i, shape in enumerate(shapes)},
                "outputs": list(graph.layers[-1].outputs),
            }
        )
    return probe(requests)


@pytest.mark.parametrize("index", range(len(CASES)), ids=[f"{i}-{c[0]}" for i, c in enumerate(CASES)])
def test_shapes_are_those_of_ncnn(real, index: int) -> None:
    kind, params, shapes, outputs = CASES[index]
    answer = real[index]
    assert answer.get("bin") == 0, answer
    found = tuple(tuple(each["shape"]) for each in answer["outputs"].values())
    assert all(each["status"] == 0 for each in answer["outputs"].values()), answer
    layer = network(kind, params, shapes, outputs).layers[-1]
    assert infer_shapes(layer, shapes) == found


def test_every_rule_but_the_elementwise_ones_has_a_case() -> None:
    ruled = {kind for kind, rule in _RULES.items() if rule is not same} | {"Reshape"}
    assert ruled - {kind for kind, *_ in CASES} == {"ArgMax", "Input", "PSROIPooling"}
    assert set(_RULES) <= set(SPECS)


def test_a_graph_with_everything_known() -> None:
    graph = ncnn.loads(
        "7767517\n4 4\nInput in0 0 1 in0 0=8 1=6 2=4\nConvolution c 1 1 in0 1 0=5 1=3 6=180\n"
        "ReLU r 1 1 1 2\nPooling p 1 1 2 3 4=1\n"
    )
    assert infer_graph(graph) == Inferred({"in0": (4, 6, 8), "1": (5, 4, 6), "2": (5, 4, 6), "3": (5,)})
    assert infer_graph(graph, {"in0": (4, 16, 16)}).shapes["2"] == (5, 14, 14)


def test_unknown_shapes_have_a_reason_and_the_rest_goes_on() -> None:
    text = (
        "7767517\n7 8\nInput in0 0 1 in0\nInput in1 0 1 in1 0=5\nSplit s 1 2 in1 x y\nReLU r 1 1 in0 a\n"
        "Mine m 1 1 x b\nReLU r 1 1 b c\nReLU r 1 1 y d\n"
    )
    inferred = infer_graph(ncnn.loads(text, unknown="keep"))
    assert inferred.shapes == dict.fromkeys(("in1", "x", "y", "d"), (5,))
    assert inferred.unknown == {
        "in0": "the file leaves the input shape open",
        "a": "the shape of 'in0' is unknown",
        "b": "ncnn registers no layer type 'Mine'",
        "c": "the shape of 'b' is unknown",
    }


@pytest.mark.parametrize(
    ("kind", "params", "shapes", "reason"),
    [
        ("Convolution", CONV, [(4, 2, 2)], "the window is larger"),
        ("Convolution", CONV | {"3": 0}, [IMAGE], "a stride is 0"),
        ("Convolution", CONV, [(4, 5)], "input 0 has 2 axes, 3 expected"),
        ("Convolution", CONV | {"6": 7}, [IMAGE], "weight_data_size=7"),
        ("Convolution", CONV, [(3, 9, 11)], "3 channels meet weights for 4"),
        ("Convolution", {"0": 6, "1": 1, "6": 24}, [(1,)], "1 channel meets weights for 4"),
        ("ConvolutionDepthWise", DEPTHWISE, [(8, 9, 11)], "8 channels meet weights for 4"),
        ("Deconvolution", CONV, [(3, 9, 11)], "3 channels meet weights for 4"),
        ("Concat", {"0": 1}, [(2, 3, 4), (5, 3, 4)], "differ in an axis"),
        ("Concat", {"0": 5}, [(2, 3, 4)], "no axis 5 among 3"),
        ("Reshape", {"0": 7}, [IMAGE], "396 values cannot be shaped as"),
        ("Reshape", {"6": "//(0w,0)"}, [IMAGE], "cannot be applied"),
        ("Reshape", {"6": "nonsense"}, [IMAGE], "no number and no operator"),
        ("Reshape", {"6": "+(0w"}, [IMAGE], "too few operands"),
        ("Reshape", {"6": "3w"}, [IMAGE], "no input 3"),
        ("Slice", {"0": (3, 3)}, [IMAGE], "do not fit into 4"),
        ("BinaryOp", {}, [(4, 5), (4, 6)], "do not broadcast"),
        ("MatMul", {}, [(4, 5), (4, 6)], "rows of 5 meet columns of 4"),
        ("BinaryOp", {}, [(4, 5), ()], "no or more than 4 axes"),
        ("DetectionOutput", {}, [(4,)], "depends on the data"),
        ("PriorBox", {}, [(4,)], "has 1 axes, 3 expected"),
        ("Crop", {"9": (5,), "10": (6,), "11": (0,)}, [IMAGE], "nothing is left"),
    ],
)
def test_what_cannot_be_told(kind: str, params: dict[str, Param], shapes: list[Shape], reason: str) -> None:
    layer = Layer(kind, "layer", tuple("abc"[: len(shapes)]), ("x", "y"), params)
    result = infer_shapes(layer, shapes)
    assert isinstance(result, Unknown) and reason in result.reason


def test_batch_moves_through_reshape() -> None:
    text = (
        "7767517\n4 4\nInput in0 0 1 in0\nReshape a 1 1 in0 a 0=4 1=3 2=2 12=0 13=1\n"
        "ReLU r 1 1 a b\nReshape c 1 1 b c 0=4 1=-1 12=0\n"
    )
    inferred = infer_graph(ncnn.loads(text), {"in0": (12,)}, {"in0": 2})
    assert inferred.shapes == {"in0": (12,), "a": (2, 4), "b": (2, 4), "c": (6, 4)}
    assert inferred.batches == {"in0": 2, "a": 3, "b": 3}


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("0w,0h,0c,0d,0n", (7, 6, 5, 1, 3)),
        ("//(0w,2),*(0h,2)", (3, 12)),
        ("//(-7,2)", (-3,)),
        ("/(0w,2)", (3,)),
        ("round(/(0w,2)),ceil(/(0w,2)),floor(/(0w,2)),trunc(2.5)", (4, 4, 3, 2)),
        ("max(1w,0w),min(1w,0w),+(1,2),-(1,2)", (9, 7, 3, -1)),
        ("abs(-3),neg(3),sign(-2),square(4)", (3, -3, -1, 16)),
        ("sqrt(17.0),reciprocal(0.25),pow(2,10),log10(1000)", (4, 4, 1024, 3)),
        ("and(6,3),or(6,3),xor(6,3),lshift(1,4),rshift(16,2)", (2, 7, 5, 16, 4)),
        ("remainder(-7,3),fmod(-7,3)", (2, -1)),
    ],
)
def test_expressions(text: str, values: tuple[int, ...]) -> None:
    assert evaluate(text, [(5, 6, 7), (9,)], [3, 1]) == values


@pytest.mark.parametrize("index", range(len(CASES)))
def test_what_ncnn_runs_is_not_refused(index: int) -> None:
    assert refusal(network(*CASES[index]).layers[-1]) is None
