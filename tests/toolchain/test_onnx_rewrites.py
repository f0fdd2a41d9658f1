"""ONNX rewrites and lowering keep what the graph computes."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from edgekit.toolchain.onnx_export import OPSET, OnnxExportError, simplify
from edgekit.toolchain.onnx_lowering import lower_opset
from edgekit.toolchain.onnx_rewrites import rewrite

SHAPE = [1, 4, 6, 8]


def model(nodes: list[Any], constants: dict[str, Any] | None = None, opset: int = OPSET) -> onnx.ModelProto:
    given = [
        onnx.numpy_helper.from_array(np.asarray(value), name) for name, value in (constants or {}).items()
    ]
    outputs = [name for name in ("y", "z") if any(name in node.output for node in nodes)]
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, SHAPE)],
        [helper.make_empty_tensor_value_info(name) for name in outputs],
        given,
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)
    return onnx.shape_inference.infer_shapes(made, check_type=True)


def run(made: onnx.ModelProto) -> list[Any]:
    session = onnxruntime.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"])
    x = np.random.default_rng(0).standard_normal(SHAPE).astype(np.float32)
    return session.run(None, {"x": x})


def same(before: list[Any], after: list[Any]) -> None:
    for left, right in zip(before, after, strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-5, atol=1e-6)


REWRITES = {
    "sum": (
        [helper.make_node("ReduceSum", ["x", "axes"], ["y"], keepdims=0)],
        {"axes": np.array([1], np.int64)},
        "wrote a sum over one axis as the mean times the size",
    ),
    "max": (
        [helper.make_node("ReduceMax", ["x"], ["y"], axes=[2, 3], keepdims=0)],
        {},
        "wrote a maximum over several axes as one after the other",
    ),
    "min kept": (
        [helper.make_node("ReduceMin", ["x"], ["y"], axes=[-1, 1], keepdims=1)],
        {},
        "wrote a maximum over several axes as one after the other",
    ),
    "square": (
        [helper.make_node("Mul", ["x", "x"], ["y"])],
        {},
        "wrote x * x as x ** 2, x + x as x * 2",
    ),
    "double": (
        [helper.make_node("Add", ["x", "x"], ["y"])],
        {},
        "wrote x * x as x ** 2, x + x as x * 2",
    ),
    "few embeddings": (
        [
            helper.make_node("Greater", ["x", "zero"], ["above"], name="above"),
            helper.make_node("Cast", ["above"], ["ids"], name="ids", to=TensorProto.INT64),
            helper.make_node("Gather", ["table", "ids"], ["y"]),
        ],
        {"zero": np.array(0, np.float32), "table": np.arange(10, dtype=np.float32).reshape(2, 5)},
        "lengthened a table of fewer than ten embeddings by rows of zeros",
    ),
    "gather one": (
        [helper.make_node("Gather", ["x", "index"], ["y"], axis=1)],
        {"index": np.array(2, np.int64)},
        "wrote indexing at fixed places as slices",
    ),
    "gather several": (
        [helper.make_node("Gather", ["x", "index"], ["y"], axis=-1)],
        {"index": np.array([3, 4, -1, 0], np.int64)},
        "wrote indexing at fixed places as slices",
    ),
}


@pytest.mark.parametrize("name", REWRITES)
def test_a_rewrite_keeps_the_numbers(name: str) -> None:
    nodes, constants, text = REWRITES[name]
    made = model(nodes, constants)
    before = run(made)
    assert rewrite(made) == [text]
    onnx.checker.check_model(made)
    same(before, run(made))
    assert len({node.name for node in made.graph.node}) == len(made.graph.node)


def test_a_sum_over_two_axes_is_left_alone() -> None:
    made = model([helper.make_node("ReduceSum", ["x", "a"], ["y"])], {"a": np.array([2, 3], np.int64)})
    assert rewrite(made) == []


LOWERED = {
    "mean": ([helper.make_node("ReduceMean", ["x", "a"], ["y"], keepdims=0)], {"a": np.array([2, 3])}, 18),
    "mean of all": ([helper.make_node("ReduceMean", ["x"], ["y"])], {}, 18),
    "no mean": ([helper.make_node("ReduceMax", ["x"], ["y"], noop_with_empty_axes=1)], {}, 20),
    "split": ([helper.make_node("Split", ["x"], ["y", "z"], axis=3, num_outputs=2)], {}, 18),
    "pad": (
        [helper.make_node("Pad", ["x", "p", "", "a"], ["y"])],
        {"p": np.array([1, 2, 3, 4]), "a": np.array([2, 3])},
        18,
    ),
    "gelu": ([helper.make_node("Gelu", ["x"], ["y"])], {}, 20),
    "gelu tanh": ([helper.make_node("Gelu", ["x"], ["y"], approximate="tanh")], {}, 20),
    "mish": ([helper.make_node("Mish", ["x"], ["y"])], {}, 18),
    "group norm": (
        [helper.make_node("GroupNormalization", ["x", "s", "b"], ["y"], num_groups=2)],
        {"s": np.arange(1, 5, dtype=np.float32), "b": np.arange(4, dtype=np.float32)},
        21,
    ),
    "group norm of opset 18": (
        [helper.make_node("GroupNormalization", ["x", "s", "b"], ["y"], num_groups=2)],
        {"s": np.array([2.0, 3.0], np.float32), "b": np.array([0.5, -1.0], np.float32)},
        18,
    ),
}


@pytest.mark.parametrize("name", LOWERED)
def test_lowering_keeps_the_numbers(name: str) -> None:
    nodes, constants, opset = LOWERED[name]
    made = model(nodes, constants, opset)
    before = run(made)
    assert lower_opset(made, OPSET) == [f"lowered the ONNX opset from {opset} to {OPSET}"]
    same(before, run(made))


def test_what_has_no_equivalent_is_named(tmp_path: Path) -> None:
    made = model([helper.make_node("CenterCropPad", ["x", "s"], ["y"])], {"s": np.array([1, 4, 4, 4])}, 18)
    with pytest.raises(OnnxExportError, match="CenterCropPad"):
        simplify(made, tmp_path / "model.onnx")


def test_the_half_of_a_gelu_stays_out_of_the_weights_behind_it(tmp_path: Path) -> None:
    """So that pnnx knows the GELU, and every layer has a counterpart in the model."""
    rng = np.random.default_rng(0)
    nodes = [
        helper.make_node("Div", ["x", "root"], ["scaled"]),
        helper.make_node("Erf", ["scaled"], ["bent"]),
        helper.make_node("Add", ["bent", "one"], ["above"]),
        helper.make_node("Mul", ["x", "above"], ["doubled"]),
        helper.make_node("Mul", ["doubled", "half"], ["gelu"]),
        helper.make_node("Conv", ["gelu", "weight", "bias"], ["y"]),
    ]
    constants = {
        "root": np.float32(2**0.5),
        "one": np.float32(1),
        "half": np.float32(0.5),
        "weight": rng.standard_normal((6, 4, 1, 1)).astype(np.float32),
        "bias": rng.standard_normal(6).astype(np.float32),
    }
    path = tmp_path / "gelu.onnx"
    simplify(model(nodes, constants), path)
    assert [node.op_type for node in onnx.load(path).graph.node].count("Mul") == 2
