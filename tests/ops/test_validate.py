"""Layers that we refuse are layers that ncnn refuses, or crashes on; those it loads we accept."""

from __future__ import annotations

import pytest

from edgekit.errors import FormatError
from edgekit.formats import ncnn
from edgekit.graph import Graph, Layer, Param
from edgekit.ops import SPECS, refusal
from edgekit.ops.validate import SINGLE

CONV: dict[str, Param] = {"0": 4, "1": 1, "6": 16}
REFUSED: list[tuple[str, dict[str, Param], str]] = [
    ("Convolution", CONV | {"3": 0}, "stride_w is 0"),
    ("Convolution", CONV | {"12": -1}, "dilation_h is -1"),
    ("Convolution", CONV | {"1": 0}, "kernel_w is 0"),
    ("Convolution1D", CONV | {"3": -233}, "stride_w is -233"),
    ("Deconvolution3D", CONV | {"23": 0}, "stride_d is 0"),
    ("ConvolutionDepthWise", CONV | {"7": 0}, "group is 0"),
    ("ConvolutionDepthWise", CONV | {"7": 3}, "4 outputs do not split into 3 groups"),
    ("Convolution", CONV | {"9": 7}, "activation_type is 7"),
    ("InnerProduct", {"0": 4, "2": 16, "9": -1}, "activation_type is -1"),
    ("InnerProduct", {"0": 4, "2": 16, "9": 3, "10": (0.0,)}, "clip needs 2"),
    ("InnerProduct", {"0": 4, "2": 16, "9": 2}, "leakyrelu needs 1"),
    ("Pooling", {"1": 2, "2": 0}, "stride_w is 0"),
    ("Pooling", {"0": 2, "1": 2}, "pooling_type is 2"),
    ("Pooling", {"1": 2, "5": 4}, "pad_mode is 4"),
    ("BinaryOp", {"0": 19, "1": 1}, "op_type is 19"),
    ("UnaryOp", {"0": 28}, "op_type is 28"),
    ("Eltwise", {"0": 3}, "op_type is 3"),
    ("Reduction", {"0": 11, "5": 1}, "operation is 11"),
    ("Padding", {"4": 3}, "type is 3"),
    ("Interp", {"0": 4}, "resize_type is 4"),
    ("GridSample", {"0": 0}, "sample_type is 0"),
    ("GRU", {"0": 4, "1": 36, "2": 3}, "direction is 3"),
    ("ShuffleChannel", {"0": 0}, "group is 0"),
    ("PixelShuffle", {"0": 0}, "upscale_factor is 0"),
    ("Reorg", {"0": 0}, "stride is 0"),
    ("GroupNorm", {"0": 0, "3": 0}, "group is 0"),
    ("MultiHeadAttention", {"0": 8, "1": 3, "2": 64}, "embed_dim 8 does not split into 3 heads"),
    ("MultiHeadAttention", {"0": 8, "1": 0, "2": 64}, "num_heads is 0"),
]


@pytest.fixture(scope="module")
def answers(probe, tmp_path_factory) -> list[dict]:
    folder = tmp_path_factory.mktemp("refused")
    requests = []
    for index, (kind, params, _) in enumerate(REFUSED):
        graph = Graph((Layer("Input", "in0", (), ("in0",)), Layer(kind, "layer", ("in0",), ("x",), params)))
        (folder / f"{index}.param").write_text(ncnn.dump_param(graph))
        requests.append({"param": str(folder / f"{index}.param"), "bin": "", "outputs": []})
    return probe(requests)


@pytest.mark.parametrize("index", range(len(REFUSED)), ids=[message for *_, message in REFUSED])
def test_ncnn_refuses_what_we_refuse(answers, index: int) -> None:
    kind, params, message = REFUSED[index]
    reason = refusal(Layer(kind, "layer", ("in0",), ("x",), params))
    assert reason is not None and message in reason
    assert answers[index].get("param") == -1 or "crash" in answers[index]


def test_types_with_one_input_and_one_output(probe, tmp_path) -> None:
    kinds = [kind for kind in SINGLE if kind not in ("ArgMax", "SPP")]
    requests = []
    for kind in kinds:
        text = f"7767517\n3 3\nInput in0 0 1 in0\nInput in1 0 1 in1\n{kind} layer 2 1 in0 in1 x\n"
        (tmp_path / f"{kind}.param").write_text(text)
        requests.append({"param": str(tmp_path / f"{kind}.param"), "bin": "", "outputs": []})
        with pytest.raises(FormatError, match=r"line 5: layer 'layer': .* one input and one output"):
            ncnn.loads(text)
    for kind, answer in zip(kinds, probe(requests), strict=True):
        assert answer.get("param") == -1, kind


def test_a_gemm_whose_flags_are_no_flags_crashes_ncnn(probe, tmp_path) -> None:
    params: dict[str, Param] = {"3": 1, "4": -1, "5": 1, "6": 1, "7": 9, "8": 8, "9": 4, "10": 4}
    layer = Layer("Gemm", "layer", ("in0",), ("x",), params)
    assert refusal(layer) == "constantA is -1, 0 or 1 is needed"
    (tmp_path / "m.param").write_text(ncnn.dump_param(Graph((Layer("Input", "i", (), ("in0",)), layer))))
    (tmp_path / "m.bin").write_bytes(bytes(4 + 4 * 32 + 4 + 4 * 8))
    (answer,) = probe([{"param": str(tmp_path / "m.param"), "bin": str(tmp_path / "m.bin"), "outputs": []}])
    assert answer.get("crash", 0) < 0


@pytest.mark.parametrize("kind", sorted(set(SPECS) - SINGLE))
def test_nothing_is_said_against_defaults(kind: str) -> None:
    reason = refusal(Layer(kind, "x", ("a",), ("b",)))
    assert reason is None or "kernel_w is 0" in reason


def test_unregistered_types_are_left_alone() -> None:
    assert refusal(Layer("Mine", "x", (), ())) is None
