"""An ONNX model's nodes run again, as exactly as the floors ask."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgekit.runtimes.onnx_trace import OnnxRuntime
from edgekit.runtimes.trace import JITTER, Trace

SHAPE = (1, 4, 8, 8)


def trace_of(nodes: list[onnx.NodeProto], output: str, **constants: np.ndarray) -> Trace:
    """Record a model of these nodes, which reads `x`, on a seeded input."""
    kept = [numpy_helper.from_array(array, name) for name, array in constants.items()]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, SHAPE)
    y = helper.make_tensor_value_info(output, TensorProto.FLOAT, None)
    graph = helper.make_graph(nodes, "net", [x], [y], kept)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    numbers = np.random.default_rng(0).standard_normal(SHAPE).astype(np.float32) + 100
    return OnnxRuntime(model).record({"x": numbers})


def replayed(trace: Trace, jitter: int | None = None, *, wide: bool = True) -> np.ndarray:
    """The output of all nodes run again from the recorded input."""
    assert trace.replay is not None
    (target,) = trace.outputs.values()
    given = {value: trace.values[value] for value in trace.inputs.values()}
    return trace.replay.run(range(len(trace.nodes)), given, [target], jitter, wide=wide)[target]


def normalised(name: str = "n") -> onnx.NodeProto:
    return helper.make_node("InstanceNormalization", ["x", "scale", "bias"], [name], epsilon=1e-5)


ONES, ZEROS = np.ones(4, np.float32), np.zeros(4, np.float32)


def test_float64_shows_the_rounding_of_numbers_that_cancel() -> None:
    pooled = helper.make_node("GlobalAveragePool", ["n"], ["y"])
    trace = trace_of([normalised(), pooled], "y", scale=ONES, bias=ZEROS)
    exact = replayed(trace)
    (target,) = trace.outputs.values()
    assert exact.dtype == np.float64
    assert np.abs(exact).max() < 1e-12, "a normalised tensor has no mean"
    assert np.abs(trace.values[target]).max() > 1e-9, "but that of float32"


def test_narrow_it_gives_the_recorded_numbers_again() -> None:
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"]),
        helper.make_node("Clip", ["c", "", "most"], ["k"]),
        helper.make_node("Resize", ["k", "", "scales"], ["y"], mode="linear"),
    ]
    weight = np.random.default_rng(1).standard_normal((4, 4, 3, 3)).astype(np.float32)
    scales = np.array([1, 1, 2, 2], np.float32)
    trace = trace_of(nodes, "y", w=weight, most=np.float32(50), scales=scales)
    (target,) = trace.outputs.values()
    assert np.array_equal(replayed(trace, wide=False), trace.values[target])
    wide = replayed(trace)
    assert wide.dtype == np.float64
    assert wide == pytest.approx(trace.values[target], abs=1e-3)


def test_jitter_moves_every_input_by_one_unit_of_rounding() -> None:
    trace = trace_of([helper.make_node("Mul", ["x", "two"], ["y"])], "y", two=np.full(SHAPE, 2, np.float32))
    moved = replayed(trace, jitter=3) / replayed(trace) - 1
    assert np.abs(moved).max() == pytest.approx(2 * JITTER, rel=1e-3)
    assert len(np.unique(np.sign(np.round(moved / JITTER)))) == 3, "up, down, and where both cancel"


def test_what_the_sizes_alone_decide_is_a_constant() -> None:
    nodes = [
        helper.make_node("Shape", ["x"], ["shape"]),
        helper.make_node("Gather", ["shape", "first"], ["batch"]),
        helper.make_node("Concat", ["batch", "rest"], ["wanted"], axis=0),
        helper.make_node("Reshape", ["x", "wanted"], ["y"]),
    ]
    trace = trace_of(nodes, "y", first=np.array([0]), rest=np.array([-1]))
    assert [node.op for node in trace.nodes] == ["onnx.Reshape"]
    assert trace.live == {*trace.inputs.values(), *trace.outputs.values()}


@pytest.mark.parametrize("pads", [[1, 1, 1, 1], [0, 2, 1, 0]])
@pytest.mark.parametrize("op", ["Conv", "ConvTranspose"])
def test_convolutions_are_exact_too(op: str, pads: list[int]) -> None:
    node = helper.make_node(op, ["x", "w", "b"], ["y"], pads=pads, strides=[2, 1], group=2)
    weight = np.random.default_rng(1).standard_normal((4, 2, 3, 3)).astype(np.float32)
    trace = trace_of([node], "y", w=weight, b=np.arange(4, dtype=np.float32))
    (target,) = trace.outputs.values()
    exact, recorded = replayed(trace), trace.values[target]
    assert exact.dtype == np.float64
    assert exact.shape == recorded.shape
    assert 0 < np.abs(exact - recorded).max() < 1e-3


def test_what_a_function_holds_on_the_way_is_rounded_too() -> None:
    """log(1 + exp(x)) of x = -100 is next to nothing, but the 1 in it is not."""
    nodes = [helper.make_node("Neg", ["x"], ["n"]), helper.make_node("Softplus", ["n"], ["y"])]
    trace = trace_of(nodes, "y")
    assert np.abs(replayed(trace)).max() < 1e-30
    assert np.abs(replayed(trace, jitter=3)).max() == pytest.approx(JITTER, rel=1e-3)


def test_a_part_that_a_node_cannot_take_is_refused_and_not_made_up() -> None:
    nodes = [
        helper.make_node("Reshape", ["x", "shape"], ["r"]),
        helper.make_node("Relu", ["r"], ["y"]),
    ]
    trace = trace_of(nodes, "y", shape=np.array([4, 64]))
    assert trace.replay is not None
    (source,), (target,) = trace.inputs.values(), trace.outputs.values()
    with pytest.raises(RuntimeError, match="cannot run Reshape again"):
        trace.replay.run([0, 1], {source: trace.values[source][..., :4]}, [target], None)
    assert replayed(trace).dtype == np.float64, "nor is it any the worse for it"
