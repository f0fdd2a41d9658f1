"""What computes one ONNX node, in float32 as it was recorded or in float64.

onnxruntime has float64 kernels for most operators, PyTorch those of convolutions, and onnx's own reference
implementation some others. What none of them has (recurrent layers) is computed in float32 even then: what
rounding does to it is measured by what moving its inputs and weights does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from edgekit.errors import require
from edgekit.runtimes.trace import Array

_BY_REFERENCE = frozenset(
    "HardSigmoid HardSwish InstanceNormalization GroupNormalization GlobalAveragePool Erf Elu Selu Celu "
    "Softplus Softsign Mean Gelu Mish ThresholdedRelu".split()
)
"""Operators without a float64 kernel whose reference implementation is a few numpy calls on whole arrays."""

_CONVOLUTIONS = frozenset({"Conv", "ConvTranspose"})

Run = Callable[[Sequence[Array | None]], Sequence[Array]]
"""The inputs of a node, None for one that is left out, to its outputs."""


def kernel(model: Any, proto: Any, *, wide: bool) -> Run | None:
    """Return what runs the one node of a model, in float64 with `wide`; None when nothing does."""
    if wide and proto.op_type in _CONVOLUTIONS:
        return _by_torch(proto)
    if wide and proto.op_type in _BY_REFERENCE:
        return _by_reference(model, proto)
    return _by_runtime(model, proto)


def _by_runtime(model: Any, proto: Any) -> Run | None:
    runtime = require("onnxruntime", "onnx")
    options = runtime.SessionOptions()
    options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    try:
        session = runtime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
    except Exception:
        return None  # it has no kernel for these types

    def run(inputs: Sequence[Array | None]) -> Sequence[Array]:
        return _aligned(proto, session.run(None, _feeds(proto, inputs)))

    return run


def _by_torch(proto: Any) -> Run | None:
    """A convolution in float64; None where its padding is computed from the sizes."""
    helper = require("onnx.helper", "onnx")
    given = {attribute.name: helper.get_attribute_value(attribute) for attribute in proto.attribute}
    if given.get("auto_pad", b"NOTSET") != b"NOTSET" or "output_shape" in given:
        return None

    def run(inputs: Sequence[Array | None]) -> Sequence[Array]:
        import torch

        from edgekit.runtimes.torch_replay import convolution

        x, weight, bias = (
            None if array is None else torch.from_numpy(np.ascontiguousarray(array))
            for array in (*inputs, None)[:3]
        )
        assert x is not None
        assert weight is not None
        axes = x.dim() - 2
        pads = given.get("pads", [0] * (2 * axes))
        before, after = pads[:axes], pads[axes:]
        ones = [1] * axes
        strides, dilations = given.get("strides", ones), given.get("dilations", ones)
        transposed, group = proto.op_type == "ConvTranspose", given.get("group", 1)
        more = given.get("output_padding", [0] * axes)
        if not transposed:
            around = [pad for axis in reversed(range(axes)) for pad in (before[axis], after[axis])]
            x = torch.nn.functional.pad(x, around)
        with torch.no_grad():
            made = convolution(x, weight, bias, strides, [0] * axes, dilations, transposed, more, group)
        if transposed:
            for axis, (first, last) in enumerate(zip(before, after, strict=True), start=2):
                made = made.narrow(axis, first, made.shape[axis] - first - last)
        return [np.asarray(made.numpy())]

    return run


def _by_reference(model: Any, proto: Any) -> Run | None:
    evaluator = require("onnx.reference", "onnx").ReferenceEvaluator(model)

    def run(inputs: Sequence[Array | None]) -> Sequence[Array]:
        return _aligned(proto, evaluator.run(None, _feeds(proto, inputs)))

    return run


def _feeds(proto: Any, inputs: Sequence[Array | None]) -> dict[str, Array]:
    return {name: array for name, array in zip(proto.input, inputs, strict=True) if array is not None}


def _aligned(proto: Any, made: Sequence[Any]) -> list[Array]:
    """The results in the places of a node's outputs, some of which it may leave out."""
    results = iter(made)
    return [np.asarray(next(results)) if name else np.zeros(0) for name in proto.output]
