"""Run an ONNX model once in onnxruntime and keep every tensor that it computes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edgekit.errors import FormatError, UserError, require
from edgekit.runtimes.onnx_replay import OnnxReplay
from edgekit.runtimes.trace import Array, Node, Source, Trace

Model = Any
"""An `onnx.ModelProto`."""

RANDOM = frozenset(
    "RandomNormal RandomNormalLike RandomUniform RandomUniformLike Bernoulli Multinomial".split()
)
"""Operators that draw numbers."""

_SIZES = frozenset({"Shape", "Size"})


def load_model(path: Path) -> Model:
    """Read and check an ONNX file.

    Raises:
        FormatError: it is damaged, or no ONNX file.
        MissingPackage: onnx is not installed.
    """
    onnx = require("onnx", "onnx")
    try:
        model = onnx.load(path)
        onnx.checker.check_model(model)
    except Exception as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise FormatError(f"'{path}' is not a valid ONNX model: {reason}", "export it again") from None
    return model


class OnnxRuntime:
    """One ONNX model in onnxruntime, unoptimised and on one thread, with every tensor handed out."""

    def __init__(self, model: Model) -> None:
        onnx, runtime = require("onnx", "onnx"), require("onnxruntime", "onnx")
        self.model = model
        self._constants = {each.name: onnx.numpy_helper.to_array(each) for each in model.graph.initializer}
        self.inputs = tuple(each.name for each in model.graph.input if each.name not in self._constants)
        self.outputs = tuple(each.name for each in model.graph.output)
        exposed = onnx.ModelProto()
        exposed.CopyFrom(model)
        taken = set(self.outputs)
        for node in exposed.graph.node:
            for name in node.output:
                if name and name not in taken:
                    taken.add(name)
                    exposed.graph.output.append(onnx.ValueInfoProto(name=name))
        options = runtime.SessionOptions()
        options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self._session = runtime.InferenceSession(
                exposed.SerializeToString(), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:
            raise UserError(
                f"onnxruntime cannot load the model: {_first_line(error)}", "export the .onnx file again"
            ) from None

    def record(self, inputs: Mapping[str, Array]) -> Trace:
        """Run once; the trace's operations are named `onnx.Conv` and so on.

        Raises:
            UserError: onnxruntime cannot run the model on these inputs.
        """
        names = [each.name for each in self._session.get_outputs()]
        try:
            results = self._session.run(names, {name: inputs[name] for name in self.inputs})
        except Exception as error:
            raise UserError(
                f"onnxruntime cannot run the model: {_first_line(error)}",
                "give the shapes that the model was made for",
            ) from None
        tensors = {
            name: each for name, each in zip(names, results, strict=True) if isinstance(each, np.ndarray)
        }
        return _trace(self, {**self._constants, **inputs, **tensors})

    @property
    def constants(self) -> frozenset[str]:
        """Names of the initialisers."""
        return frozenset(self._constants)


def _trace(runtime: OnnxRuntime, tensors: Mapping[str, Array]) -> Trace:
    ids = {name: number for number, name in enumerate(tensors)}
    nodes: list[Node] = []
    protos = []
    constants = {ids[name]: name for name in runtime.constants}
    for node in runtime.model.graph.node:
        made = tuple(ids[name] for name in node.output if name in ids)
        read = tuple(ids[name] for name in node.input if name in ids)
        if _is_fixed(node, read, constants):
            constants.update((value, "") for value in made)
            continue
        source = Source(_module(node.name), f"onnx.{node.op_type}")
        nodes.append(Node(len(nodes), f"onnx.{node.op_type}", read, made, source))
        protos.append(node)
    values = {ids[name]: np.asarray(array) for name, array in tensors.items()}
    return Trace(
        nodes=tuple(nodes),
        inputs={name: ids[name] for name in runtime.inputs},
        outputs={name: ids[name] for name in runtime.outputs},
        constants=constants,
        values=values,
        replay=OnnxReplay(runtime.model, protos, ids, values),
    )


def _is_fixed(node: Any, read: Sequence[int], constants: Mapping[int, str]) -> bool:
    """Whether a node gives what no number of the inputs changes: sizes, and what is computed of constants."""
    if node.op_type in RANDOM or any(attribute.HasField("g") for attribute in node.attribute):
        return False
    if node.op_type == "Constant" or node.op_type in _SIZES:
        return True
    return bool(read) and all(value in constants for value in read)


def _module(name: str) -> str:
    """The module path that PyTorch's exporter leaves in a node name: `/enc/enc.0/conv/Conv` is of enc.0.conv.

    The place in a container is told together with the container's own name.
    """
    path: list[str] = []
    for scope in name.split("/")[1:-1]:
        if path and scope.startswith(f"{path[-1]}."):
            path.pop()
        path.append(scope)
    return ".".join(path)


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
