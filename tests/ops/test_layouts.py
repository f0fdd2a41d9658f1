"""Every weighted layer type, written by us, is read by ncnn to the last byte and not beyond."""

from __future__ import annotations

import numpy as np
import pytest

from edgekit.errors import FormatError
from edgekit.formats import ncnn
from edgekit.graph import Graph, Layer, Param, Weight
from edgekit.ops import SPECS, refusal, weight_layout
from edgekit.ops.spec import no_weights

SENTINEL = np.float32([3.25, -7.5, 11.125])
CONV = {"0": 4, "1": 3, "11": 2, "5": 1}
LINE = {"0": 4, "1": 3, "5": 1}
VOLUME = {"0": 4, "1": 3, "11": 2, "21": 1, "5": 1}

Params = dict[str, Param]
CASES: dict[str, tuple[str, Params]] = {
    "conv": ("Convolution", {**CONV, "6": 4 * 3 * 6}),
    "conv-no-bias": ("Convolution", {"0": 4, "1": 3, "6": 4 * 3 * 9}),
    "conv-int8": ("Convolution", {**CONV, "6": 4 * 8 * 6, "8": 2}),
    "conv-int8-requantised": ("Convolution", {**CONV, "6": 4 * 8 * 6, "8": 102}),
    "conv-dynamic": ("Convolution", {**CONV, "6": 0, "19": 1}),
    "depthwise": ("ConvolutionDepthWise", {**CONV, "6": 4 * 6, "7": 4}),
    "grouped": ("ConvolutionDepthWise", {**CONV, "6": 4 * 3 * 6, "7": 2}),
    "depthwise-int8-by-group": ("ConvolutionDepthWise", {**CONV, "6": 4 * 6, "7": 4, "8": 1}),
    "depthwise-int8-once": ("ConvolutionDepthWise", {**CONV, "6": 4 * 6, "7": 4, "8": 2}),
    "depthwise-int8-requantised": ("ConvolutionDepthWise", {**CONV, "6": 4 * 6, "7": 4, "8": 101}),
    "depthwise-int8-requantised-once": ("ConvolutionDepthWise", {**CONV, "6": 4 * 6, "7": 4, "8": 102}),
    "depthwise-dynamic": ("ConvolutionDepthWise", {**CONV, "7": 4, "19": 1}),
    "conv1d": ("Convolution1D", {**LINE, "6": 4 * 5 * 3}),
    "conv1d-dynamic": ("Convolution1D", {**LINE, "19": 1}),
    "depthwise1d": ("ConvolutionDepthWise1D", {**LINE, "6": 4 * 3, "7": 4}),
    "conv3d": ("Convolution3D", {**VOLUME, "6": 4 * 2 * 6}),
    "depthwise3d": ("ConvolutionDepthWise3D", {**VOLUME, "6": 4 * 6, "7": 4}),
    "deconv": ("Deconvolution", {**CONV, "6": 4 * 3 * 6}),
    "deconv-dynamic": ("Deconvolution", {**CONV, "28": 1}),
    "deconv-output-pad": ("Deconvolution", {**CONV, "6": 4 * 3 * 6, "3": 2, "18": 1, "19": 1}),
    "deconv-grouped": ("DeconvolutionDepthWise", {**CONV, "6": 4 * 3 * 6, "7": 2}),
    "deconv1d": ("Deconvolution1D", {**LINE, "6": 4 * 5 * 3}),
    "deconv1d-grouped": ("DeconvolutionDepthWise1D", {**LINE, "6": 4 * 3, "7": 4}),
    "deconv3d": ("Deconvolution3D", {**VOLUME, "6": 4 * 2 * 6}),
    "deconv3d-grouped": ("DeconvolutionDepthWise3D", {**VOLUME, "6": 4 * 6, "7": 4}),
    "deformable": ("DeformableConv2D", {**CONV, "6": 4 * 3 * 6}),
    "linear": ("InnerProduct", {"0": 4, "1": 1, "2": 20}),
    "linear-int8": ("InnerProduct", {"0": 4, "1": 1, "2": 32, "8": 2}),
    "embed": ("Embed", {"0": 5, "1": 7, "2": 1, "3": 35}),
    "embed-int8": ("Embed", {"0": 5, "1": 7, "3": 35, "18": 2}),
    "gemm-b": ("Gemm", {"3": 1, "5": 1, "6": 1, "8": 5, "9": 3, "10": -1}),
    "gemm-b-plain": ("Gemm", {"5": 1, "6": 1, "8": 5, "9": 3, "10": 4}),
    "gemm-a": ("Gemm", {"4": 1, "6": 1, "7": 4, "8": 5, "9": 3, "10": 1}),
    "gemm-a-transposed": ("Gemm", {"2": 1, "4": 1, "6": 1, "7": 4, "8": 5, "9": 3, "10": 2}),
    "gemm-all": ("Gemm", {"4": 1, "5": 1, "6": 1, "7": 4, "8": 5, "9": 3, "10": 3}),
    "gemm-scalar": ("Gemm", {"4": 1, "6": 1, "7": 4, "8": 5, "9": 3, "10": 0}),
    "gemm-int8": ("Gemm", {"3": 1, "5": 1, "6": 1, "8": 8, "9": 8, "10": 4, "18": 2}),
    "gemm-int8-a": ("Gemm", {"4": 1, "6": 1, "7": 4, "8": 8, "9": 8, "10": 1, "18": 2}),
    "gemm-8-bit-blocks": ("Gemm", {"3": 1, "5": 1, "6": 1, "8": 8, "9": 70, "10": 4, "18": 800}),
    "gemm-4-bit-blocks": ("Gemm", {"3": 1, "5": 1, "6": 1, "8": 8, "9": 70, "10": 4, "18": 401}),
    "gemm-6-bit-blocks-scaled": ("Gemm", {"3": 1, "5": 1, "6": 1, "8": 8, "9": 129, "10": 4, "18": 612}),
    "rnn": ("RNN", {"0": 4, "1": 12}),
    "rnn-both-ways": ("RNN", {"0": 4, "1": 24, "2": 2}),
    "rnn-int8": ("RNN", {"0": 4, "1": 12, "8": 2}),
    "gru": ("GRU", {"0": 4, "1": 36}),
    "gru-both-ways": ("GRU", {"0": 4, "1": 72, "2": 2}),
    "gru-int8": ("GRU", {"0": 4, "1": 72, "2": 2, "8": 2}),
    "lstm": ("LSTM", {"0": 4, "1": 48}),
    "lstm-both-ways": ("LSTM", {"0": 4, "1": 96, "2": 2}),
    "lstm-projected": ("LSTM", {"0": 4, "1": 72, "2": 1, "3": 6}),
    "lstm-int8": ("LSTM", {"0": 4, "1": 48, "8": 2}),
    "attention": ("MultiHeadAttention", {"0": 8, "1": 2, "2": 64}),
    "attention-dims": ("MultiHeadAttention", {"0": 8, "1": 2, "2": 48, "3": 5, "4": 7}),
    "attention-int8": ("MultiHeadAttention", {"0": 8, "1": 2, "2": 64, "18": 2}),
    "attention-4-bit-blocks": ("MultiHeadAttention", {"0": 64, "1": 2, "2": 64 * 40, "18": 400}),
    "attention-8-bit-blocks-scaled": ("MultiHeadAttention", {"0": 64, "1": 2, "2": 4096, "3": 33, "18": 811}),
    "memory-1": ("MemoryData", {"0": 5}),
    "memory-2": ("MemoryData", {"0": 5, "1": 3}),
    "memory-3": ("MemoryData", {"0": 5, "1": 3, "2": 2}),
    "memory-4": ("MemoryData", {"0": 5, "1": 3, "11": 2, "2": 2}),
    "memory-tagged": ("MemoryData", {"0": 5, "1": 3, "21": 0}),
    "memory-none": ("MemoryData", {}),
    "batchnorm": ("BatchNorm", {"0": 5, "1": 1e-5}),
    "bias": ("Bias", {"0": 5}),
    "scale": ("Scale", {"0": 5}),
    "scale-bias": ("Scale", {"0": 5, "1": 1}),
    "scale-dynamic": ("Scale", {"0": -233}),
    "prelu": ("PReLU", {"0": 5}),
    "instancenorm": ("InstanceNorm", {"0": 5}),
    "instancenorm-plain": ("InstanceNorm", {"0": 5, "2": 0}),
    "groupnorm": ("GroupNorm", {"0": 2, "1": 6}),
    "groupnorm-plain": ("GroupNorm", {"0": 2, "1": 6, "3": 0}),
    "layernorm": ("LayerNorm", {"0": 5}),
    "layernorm-plain": ("LayerNorm", {"2": 0}),
    "rmsnorm": ("RMSNorm", {"0": 5}),
    "rmsnorm-plain": ("RMSNorm", {"2": 0}),
    "normalize": ("Normalize", {"3": 5}),
    "padding-by-channel": ("Padding", {"0": 1, "6": 5}),
    "padding": ("Padding", {"0": 1}),
    "quantize": ("Quantize", {"0": 5}),
    "dequantize": ("Dequantize", {"0": 5}),
    "dequantize-bias": ("Dequantize", {"0": 5, "1": 5}),
    "requantize": ("Requantize", {"0": 5, "1": 5}),
    "requantize-bias": ("Requantize", {"0": 5, "1": 5, "2": 5}),
}  # fmt: skip


def one_layer(name: str, type: str, params: Params, stored: type[np.generic] = np.float32) -> Graph:
    """Return a network with that layer, its weights random, and a constant behind it."""
    rng = np.random.default_rng(len(name))
    bare = Layer(type, name, () if type == "MemoryData" else ("in0",), ("x",), params)
    weights = []
    for spec in weight_layout(bare):
        dtype = {"tagged": stored, "float32": np.float32, "bytes": np.uint8}[spec.storage]
        high = 2 if np.issubdtype(dtype, np.floating) else 120
        weights.append(Weight(spec.name, rng.uniform(0.5, high, spec.shape).astype(dtype)))
    return Graph(
        (
            Layer("Input", "in0", (), ("in0",)),
            Layer(type, name, bare.inputs, bare.outputs, params, tuple(weights)),
            Layer("MemoryData", "end", (), ("end",), {"0": 3}, (Weight("data", SENTINEL),)),
        )
    )


@pytest.fixture(scope="module")
def loaded(probe, tmp_path_factory) -> dict[str, dict]:
    folder = tmp_path_factory.mktemp("layers")
    requests = []
    for name, (kind, params) in CASES.items():
        paths = folder / f"{name}.param", folder / f"{name}.bin"
        ncnn.write(one_layer(name, kind, params), *paths)
        requests.append({"param": str(paths[0]), "bin": str(paths[1]), "outputs": ["end"]})
    return dict(zip(CASES, probe(requests), strict=True))


@pytest.mark.parametrize("name", CASES)
def test_ncnn_reads_what_we_write(loaded, name: str) -> None:
    answer = loaded[name]
    assert answer.get("bin") == 0, answer
    assert answer["outputs"]["end"]["values"] == SENTINEL.tolist()


@pytest.mark.parametrize("name", CASES)
def test_we_read_what_we_write(name: str) -> None:
    graph = one_layer(name, *CASES[name])
    again = ncnn.loads(*ncnn.dumps(graph))
    for written, read in zip(graph.layers[1].weights, again.layers[1].weights, strict=True):
        assert written.name == read.name and read.data.dtype == written.data.dtype
        np.testing.assert_array_equal(written.data, read.data)


def test_every_weighted_type_has_a_case() -> None:
    weighted = {spec.type for spec in SPECS.values() if spec.layout is not no_weights}
    assert weighted == {kind for kind, _ in CASES.values()}


def weight(stored: str, data: np.ndarray) -> Weight:
    if stored == "table":
        table = np.linspace(-1, 1, 256, dtype=np.float32)
        return Weight("data", np.arange(data.size, dtype=np.uint8).reshape(data.shape), 0x00050301, table)
    if stored == "bfloat16":
        return Weight("data", (data.view(np.uint32) >> 16).astype(np.uint16), kind="bf16")
    if stored == "scaled":
        return Weight("data", data, 0x0002C056)
    return Weight("data", (data * 20).astype(stored) if stored == "int8" else data.astype(stored))


@pytest.mark.parametrize("stored", ["float32", "float16", "bfloat16", "int8", "table", "scaled"])
def test_ways_of_storing(probe, tmp_path, stored: str) -> None:
    """Seven numbers, so that byte and half precision data need padding."""
    data = np.linspace(-3, 3, 7, dtype=np.float32)
    constant = Layer("MemoryData", "c", (), ("c",), {"0": 7, "21": 0}, (weight(stored, data),))
    end = Layer("MemoryData", "end", (), ("end",), {"0": 3}, (Weight("data", SENTINEL),))
    ncnn.write(Graph((constant, end)), tmp_path / "m.param", tmp_path / "m.bin")
    request = {"param": str(tmp_path / "m.param"), "bin": str(tmp_path / "m.bin"), "outputs": ["end", "c"]}
    (answer,) = probe([request])
    assert answer["outputs"]["end"]["values"] == SENTINEL.tolist()
    again = ncnn.read(tmp_path / "m.param", tmp_path / "m.bin")
    assert ncnn.dumps(again) == ((tmp_path / "m.param").read_bytes(), (tmp_path / "m.bin").read_bytes())
    values = again.layers[0].weights[0].values()
    if stored != "int8":
        np.testing.assert_array_equal(values.astype(np.float32), answer["outputs"]["c"]["values"])
    np.testing.assert_array_equal(values, constant.weights[0].values())


@pytest.mark.parametrize(
    ("type", "params", "message"),
    [
        ("Convolution", {"0": 4, "1": 3, "6": 35}, "weight_data_size=35 is not a positive multiple of 36"),
        ("Convolution", {"0": 0, "1": 3, "6": 36}, "num_output is 0"),
        ("Convolution", {"0": 4.0, "1": 3, "6": 36}, "parameter 0 .num_output. is 4.0"),
        ("Convolution", {"0": -4, "1": 3, "6": -36}, "num_output is -4"),
        ("LSTM", {"0": 4, "1": 50}, "weight_data_size=50"),
        ("Gemm", {"5": 1, "8": 4, "9": 4, "18": 999}, "quantize_term 999"),
        ("Gemm", {"5": 1, "6": 1, "8": 4, "9": 4, "10": 7}, "constant_broadcast_type_C 7"),
        ("MemoryData", {"0": 4, "1": -2}, "h is -2"),
        ("MemoryData", {"0": 4, "21": 9}, "load_type 9"),
    ],
)
def test_impossible_parameters_are_named(type: str, params: Params, message: str) -> None:
    with pytest.raises(FormatError, match=message) as caught:
        weight_layout(Layer(type, "the_layer", (), (), params))
    assert "the_layer" in str(caught.value)


@pytest.mark.parametrize("name", CASES)
def test_what_ncnn_loads_is_not_refused(name: str) -> None:
    assert refusal(one_layer(name, *CASES[name]).layers[1]) is None
