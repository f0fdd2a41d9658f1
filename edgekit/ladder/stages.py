"""Run each stage of a conversion on one input: trace or ONNX graph, pnnx graph, ncnn in its precisions.

A stage is a function from nothing to outputs by name, in PyTorch's shapes; one that cannot run says why.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from edgekit.alignment.layout import contiguous, mat_layout
from edgekit.bundle import Bundle, Manifest, TensorSpec
from edgekit.devices import Device
from edgekit.exporter.fp16 import with_fp16_weights
from edgekit.formats import ncnn as ncnn_format
from edgekit.formats import pnnx
from edgekit.runtimes import pnnx_graph
from edgekit.runtimes.ncnn import PRECISIONS, Case, Feed, run_cases
from edgekit.runtimes.trace import Array
from edgekit.toolchain.pnnx import PnnxRun

Outputs = dict[str, Array]


class CannotRun(Exception):
    """A stage cannot be run here; the message says why."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A rung in the making: its name, a sentence about it, the precision of its arithmetic, how to run it."""

    name: str
    title: str
    precision: str
    run: Callable[[], Outputs]


def traced(path: Path, arrays: Sequence[Array], names: Sequence[str]) -> Outputs:
    """Run the TorchScript file that pnnx was given."""
    with warnings.catch_warnings():  # pnnx reads TorchScript, deprecated or not
        warnings.simplefilter("ignore", DeprecationWarning)
        module = torch.jit.load(str(path), map_location="cpu")
    with torch.no_grad():
        result = module(*(torch.from_numpy(np.array(array)) for array in arrays))
    flat = [result] if isinstance(result, torch.Tensor) else list(result)
    return {name: np.asarray(tensor.numpy()) for name, tensor in zip(names, flat, strict=True)}


def onnx_graph(path: Path, arrays: Sequence[Array], names: Sequence[str]) -> Outputs:
    """Run the ONNX file that pnnx was given in onnxruntime."""
    from edgekit.errors import require

    runtime = require("onnxruntime", "onnx")
    options = runtime.SessionOptions()
    options.log_severity_level = 3
    session = runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    feeds = dict(zip((each.name for each in session.get_inputs()), arrays, strict=True))
    return dict(zip(names, session.run(None, feeds), strict=True))


def pnnx_stage(run: PnnxRun, arrays: Sequence[Array], names: Sequence[str]) -> Outputs:
    """Run pnnx's own graph by our reader."""
    weights = run.folder / f"{run.stem}.pnnx.bin"
    try:
        results = pnnx_graph.run(pnnx.read(run.pnnx_param, weights), arrays)
    except pnnx_graph.CannotRun as error:
        raise CannotRun(str(error)) from None
    if len(results) != len(names):
        raise CannotRun(f"the pnnx graph has {len(results)} outputs, the model {len(names)}")
    return dict(zip(names, results, strict=True))


def rounded_weights(bundle: Bundle, path: Path) -> Path:
    """Write the bundle's weights rounded to fp16, as a half-precision export or plain pnnx stores them."""
    half = with_fp16_weights(ncnn_format.read(bundle.param, bundle.bin))
    ncnn_format.write(half, path.with_suffix(".param"), path)
    return path


def ncnn_stage(
    device: Device,
    param: Path,
    weights: Path,
    manifest: Manifest,
    arrays: Mapping[str, Array],
    precision: str,
) -> Outputs:
    """Run ncnn files whole, with the options of a precision."""
    outputs = {spec.blob: spec for spec in manifest.outputs}
    inputs = {spec.blob: _feed(spec, arrays[spec.name]) for spec in manifest.inputs}
    reply = run_cases(device, param, weights, [Case("ladder", inputs, tuple(outputs))], PRECISIONS[precision])
    reply.close()
    found: Outputs = {}
    for blob, spec in outputs.items():
        array = reply.tensors.get(f"ladder:{blob}")
        if array is None:
            raise CannotRun(f"ncnn gives no '{spec.name}'")
        found[spec.name] = _in_torch_order(array, spec)
    return found


def _feed(spec: TensorSpec, array: Array) -> Feed:
    layout = mat_layout(array.shape, spec.batch_axis)
    return Feed(contiguous(layout.apply(array)), layout.batch_axis)


def _in_torch_order(array: Array, spec: TensorSpec) -> Array:
    """Undo `mat_layout`: the blob's numbers in the output's PyTorch shape (as it is where sizes differ)."""
    layout = mat_layout(spec.shape, spec.batch_axis)
    if array.shape != layout.shape:
        return array
    if layout.permute is None:
        return array.reshape(spec.shape)
    return array.transpose(np.argsort(layout.permute))
