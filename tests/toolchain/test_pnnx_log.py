"""Every line that pnnx prints is boilerplate, a warning or a failure."""

import pytest

from edgekit.toolchain.pnnx_log import LineKind, classify, classify_all, normalised

BOILERPLATE = [
    "pnnxparam = model.pnnx.param",
    "inputshape2 = ",
    "inputshape = [1,3,16,16]f32,[1,8,16,16]f32",
    "get inputshape from traced inputs",
    "############# pass_level0",
    "############# pass_level0 onnx ",
    "inline module = torch.nn.modules.linear.Identity",
    "----------------",
    "FLOPS = 614.613M",
    "memory OPS = 29.859M",
    "model inputshape = [1,3,16,16]f32",
    "replace ncnn input torch.long type with torch.int",
    "fold_constants ...",
    "insert_reshape_linear 3",
    "make_index_expression Tensor.index_1",
    "│ Conv              │ 52       │ 52       │",
    "model has dynamic dimension size, but no inputshape2 specified",
]
WARNINGS = [
    "unsupported padding_mode circular",
    "slice along batch axis is not supported",
    "Warning: int64 value 9999999999 exceeds int32 range",
]


@pytest.mark.parametrize("line", BOILERPLATE)
def test_boilerplate_is_dropped(line: str) -> None:
    assert classify(line).kind is LineKind.BOILERPLATE


@pytest.mark.parametrize("line", WARNINGS)
def test_what_is_not_known_is_a_warning(line: str) -> None:
    assert classify(line).kind is LineKind.WARNING


def test_an_ignored_operator_is_a_failure_that_names_it() -> None:
    line = classify("ignore torch.topk topk_0 param k=4")
    assert (line.kind, line.op, line.detail) == (LineKind.FAILURE, "torch.topk", "k=4")


def test_an_expression_keeps_its_text() -> None:
    line = classify("ignore pnnx.Expression pnnx_expr_0 param expr=gt(@0,0)")
    assert (line.op, line.detail) == ("pnnx.Expression", "expr=gt(@0,0)")


@pytest.mark.parametrize(
    "line",
    [
        "todo aten::fft_rfft",
        "fopen /nowhere/model.ncnn.param failed",
        "unrecognized arg fp16",
        "Load torchscript failed: not a file",
        "input_shapes[0] expect [1,3,8,8]f32 but got [1,3,9,9]f32",
        "input_shape expect 2 tensors but got 1",
        "ort CreateSession failed This is an invalid model.",
    ],
)
def test_fatal_lines_are_failures(line: str) -> None:
    assert classify(line).kind is LineKind.FAILURE


def test_normalised_logs_of_two_runs_are_the_same() -> None:
    def log(duration: str, time: str) -> str:
        early = f"\x1b[0;93m{time} [W:onnxruntime:pnnx, cpuid_info.cc:105 LogEarlyWarning] CPU\x1b[m"
        return f"eliminate_noop ...    {duration}ms\n\n{early}\n│ node │ 102 │ \x1b[32m100  \x1b[0m │\n"

    first = log("0.12", "2026-01-02 03:04:05.678901")
    second = log("1234.56", "2027-02-03 13:14:15.098765")
    assert normalised(first) == normalised(second)
    assert {line.kind for line in classify_all(normalised(first))} == {LineKind.BOILERPLATE}
