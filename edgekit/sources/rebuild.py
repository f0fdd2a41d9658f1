"""The model behind a bundle, built again to run on new inputs: PyTorch's, or that of an ONNX file."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from edgekit.bundle import Manifest, ModelSource, TensorSpec, file_sha256
from edgekit.errors import UserError
from edgekit.runtimes.onnx_trace import OnnxRuntime
from edgekit.runtimes.trace import Array, Trace
from edgekit.sources.code import CHECK_INPUTS, user_code_error
from edgekit.sources.inputs import InputSpec, probe
from edgekit.sources.load import TorchModel, load_torch
from edgekit.sources.onnx_file import OnnxSource, load_onnx
from edgekit.sources.request import Request, WeightOptions
from edgekit.sources.spec import ModelSpec, SpecKind, parse_spec
from edgekit.sources.variant import Variant

_SAFE = frozenset({SpecKind.ZOO, SpecKind.TORCHSCRIPT, SpecKind.ONNX})
"""Kinds of spec that run no code of the user's."""


def rebuild(
    manifest: Manifest, model: str | torch.nn.Module | None, weights: Path | None = None
) -> RebuiltModel | RebuiltOnnx:
    """Build the model that a bundle was exported from.

    `model` (a spec or a module) stands in for the bundle's own spec, and has to be given where that one
    names code: a bundle never makes edgekit execute anything.

    Raises:
        UserError: code or weights have to be named again, or what is named does not fit the bundle.
    """
    source = manifest.model
    spec: ModelSpec | torch.nn.Module
    if model is None:
        spec = _stored_spec(source.kind, source.spec)
    else:
        spec = parse_spec(model) if isinstance(model, str) else model
    if source.weights is not None:
        _check_weights(weights, source.weights, source.weights_sha256)
    request = Request(
        model=spec,
        inputs=tuple(_input_spec(each) for each in manifest.inputs),
        outputs=tuple(each.name for each in manifest.outputs),
        weights=WeightOptions(weights, allow_missing=True, allow_unexpected=True),
        seed=source.seed,
    )
    if _is_onnx(spec):
        loaded = load_onnx(request)
        _check_state(loaded.source, source)
        return RebuiltOnnx(loaded)
    built = load_torch(request)
    _check_state(built.source, source)
    variant = Variant(built.adapter, dynamic="second_shapes" in manifest.extra, onnx=manifest.route == "onnx")
    return RebuiltModel(built, tuple(manifest.outputs), variant)


def record_probes(
    model: str | torch.nn.Module,
    weights: Path | None,
    inputs: Sequence[InputSpec],
    seed: int,
    count: int,
) -> list[Trace]:
    """Build a model that belongs to no bundle and record it on `count` seeded inputs.

    Raises:
        UserError: the model cannot be built, or an input is not described.
    """
    spec = parse_spec(model) if isinstance(model, str) else model
    request = Request(model=spec, inputs=tuple(inputs), weights=WeightOptions(weights), seed=seed)
    if _is_onnx(spec):
        loaded = RebuiltOnnx(load_onnx(request))
        return [loaded.record(probe(loaded.source.inputs, seed, number)) for number in range(count)]
    built = load_torch(request)
    variant = Variant(built.adapter)
    traces = []
    for number in range(count):
        arrays = probe(built.inputs, seed, number)
        tensors = {each.name: torch.from_numpy(np.array(arrays[each.name])) for each in built.inputs}
        try:
            with torch.no_grad():
                built.module(*tensors.values())  # tells the names of the outputs
            assert built.adapter.tree is not None
            traces.append(variant.record(tensors, built.adapter.tree.names))
        except Exception as error:
            shapes = " ".join(f"{name}={'x'.join(map(str, array.shape))}" for name, array in arrays.items())
            remedy = "give shapes with --input that the model takes"
            raise user_code_error(error, f"the model, run on seeded inputs {shapes},", remedy) from error
    return traces


def _is_onnx(spec: ModelSpec | torch.nn.Module) -> bool:
    return isinstance(spec, ModelSpec) and spec.kind is SpecKind.ONNX


def _check_state(now: ModelSource, then: ModelSource) -> None:
    if then.state_sha256 is not None and now.state_sha256 != then.state_sha256:
        raise UserError(
            f"the model '{now.spec}' has other weights now than when the bundle was exported",
            "export it again, or name the very model and weights that it was exported from",
        )


def _stored_spec(kind: str, text: str) -> ModelSpec:
    if kind == SpecKind.OBJECT:
        raise UserError("the bundle was exported from a module in memory", "pass that module as model=")
    if kind not in _SAFE:
        raise UserError(
            f"the bundle's model '{text}' is code that would be run",
            f"say so yourself with: --model {text}",
        )
    return parse_spec(text)


def _check_weights(path: Path | None, name: str, digest: str | None) -> None:
    if path is None:
        raise UserError(f"the bundle was exported with the weights '{name}'", f"add --weights {name}")
    if not path.is_file():
        raise UserError(f"no weights at '{path}'", "check the path")
    if digest is not None and file_sha256(path) != digest:
        raise UserError(
            f"'{path}' does not hold the weights that the bundle was exported with",
            f"give the file '{name}' with sha256 {digest[:12]}...",
        )


def _input_spec(spec: TensorSpec) -> InputSpec:
    return InputSpec(spec.name, spec.shape, spec.dtype, spec.value_range, spec.kind)


class RebuiltModel:
    """A PyTorch model with the bundle's names for its inputs and outputs."""

    def __init__(self, model: TorchModel, outputs: Sequence[TensorSpec], variant: Variant) -> None:
        self.model = model
        first = {spec.blob: spec.name for spec in reversed(outputs)}  # a blob may have a second name
        self._outputs = tuple(first[blob] for blob in dict.fromkeys(spec.blob for spec in outputs))
        self._variant = variant
        self._exact: torch.nn.Module | None = None

    def record(self, arrays: Mapping[str, Array]) -> Trace:
        """Run once and keep every operation; arrays by input name, in PyTorch's shapes."""
        tensors = {spec.name: torch.from_numpy(np.array(arrays[spec.name])) for spec in self.model.inputs}
        try:
            return self._variant.record(tensors, self._outputs)
        except Exception as error:
            raise user_code_error(error, "the model, run on the given inputs,", CHECK_INPUTS) from error

    def outputs(self, arrays: Mapping[str, Array]) -> dict[str, Array]:
        """Run once; arrays by input name to results by output name, in PyTorch's shapes."""
        return self._run(arrays, double=False)

    def roll(
        self,
        frames: Sequence[Mapping[str, Array]],
        first: Mapping[str, Array],
        carried: Mapping[str, str],
        *,
        double: bool = False,
    ) -> list[dict[str, Array]]:
        """Run frame after frame, each state output fed to its input; return inputs and outputs of each.

        `carried` maps state inputs to the outputs that hold their next values. With `double` weights, inputs
        and states are float64.
        """
        state = dict(first)
        rolled = []
        for frame in frames:
            given = {**frame, **state}
            results = self._run(given, double=double)
            rolled.append({**given, **results})
            state = {name: results[output] for name, output in carried.items()}
        return rolled

    def zeros(self, names: Sequence[str]) -> dict[str, Array]:
        """All-zero inputs of the given names: states before the first frame."""
        return {
            spec.name: np.zeros(spec.shape, spec.dtype) for spec in self.model.inputs if spec.name in names
        }

    def _run(self, arrays: Mapping[str, Array], *, double: bool) -> dict[str, Array]:
        module = self._double() if double else self.model.module
        kind = torch.float64 if double else torch.float32
        tensors = [torch.from_numpy(np.array(arrays[spec.name])) for spec in self.model.inputs]
        tensors = [tensor.to(kind) if tensor.is_floating_point() else tensor for tensor in tensors]
        with torch.no_grad():
            result = module(*tensors)
        flat = [result] if isinstance(result, torch.Tensor) else list(result)
        return {name: np.asarray(tensor.numpy()) for name, tensor in zip(self._outputs, flat, strict=True)}

    def _double(self) -> torch.nn.Module:
        if self._exact is None:
            self._exact = copy.deepcopy(self.model.module).double()
        return self._exact


class RebuiltOnnx:
    """The model of an ONNX file, in onnxruntime."""

    def __init__(self, source: OnnxSource) -> None:
        self.source = source
        self._runtime = OnnxRuntime(source.model)

    def record(self, arrays: Mapping[str, Array]) -> Trace:
        """Run once and keep every tensor; arrays by input name.

        Raises:
            UserError: onnxruntime cannot run the model on these inputs.
        """
        return self._runtime.record(arrays)

    def outputs(self, arrays: Mapping[str, Array]) -> dict[str, Array]:
        """Run once; arrays by input name to results by output name."""
        trace = self.record(arrays)
        return {name: trace.values[value] for name, value in trace.outputs.items()}
