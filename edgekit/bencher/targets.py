"""What can be measured: a bundle, or a bare `.param` with or without its `.bin`."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from edgekit import bundle as bundles
from edgekit.bencher.runtimes import NCNN, write_model
from edgekit.bencher.shapes import check_memory, check_shapes
from edgekit.bundle import Bundle, ModelSource, TensorSpec, open_bundle, read_graph
from edgekit.devices import Tensor
from edgekit.errors import UserError, did_you_mean
from edgekit.formats import ncnn as ncnn_files
from edgekit.graph import Graph, Layer
from edgekit.models import registry

Shapes = Mapping[str, tuple[int, ...]]

_FORMS = "name a bundle, a .param, a suite.toml or a model"


@dataclass(frozen=True, slots=True)
class Input:
    """One input blob: shape as ncnn's array has it (outermost axis first), and how to fill it."""

    blob: str
    shape: tuple[int, ...]
    batch_axis: int | None = None
    dtype: str = "float32"
    value_range: tuple[float, float] = (0.0, 1.0)

    @property
    def item_shape(self) -> tuple[int, ...]:
        """The shape without the batch."""
        return tuple(size for axis, size in enumerate(self.shape) if axis != self.batch_axis)


@dataclass(frozen=True, slots=True)
class Target:
    """One net that is ready to be sent to a worker. Without `bin` its weights are random.

    `model` is the file of another runtime than ncnn, `source` what the bundle says of the PyTorch model.
    """

    name: str
    param: Path
    bin: Path | None
    inputs: tuple[Input, ...]
    outputs: tuple[str, ...]
    graph: Graph
    precision: str = "fp32"
    modules: Mapping[int, str] = field(default_factory=dict)
    reference: Mapping[str, Tensor] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    runtime: str = NCNN
    model: Path | None = None
    source: ModelSource | None = None

    def weights(self, seed: int) -> str:
        """Say where the weights come from."""
        return f"random, seed {seed}" if self.bin is None else "file"

    def files(self) -> dict[str, str]:
        """The worker's `files`."""
        if self.model is not None:
            return {"model": str(self.model)}
        files = {"param": str(self.param)}
        if self.bin is not None:
            files["bin"] = str(self.bin)
        return files

    def tensors(self, seed: int) -> list[Tensor]:
        """Return the bundle's reference inputs, else seeded ones in their range (zeros change times)."""
        return [
            self.reference.get(each.blob)
            or (each.blob, _random_array(each, np.random.default_rng([seed, index])), each.batch_axis)
            for index, each in enumerate(self.inputs)
        ]

    def sha256(self) -> str:
        """Digest of structure and weights."""
        digest = hashlib.sha256(self.param.read_bytes())
        digest.update(self.runtime.encode())
        if self.bin is not None:
            digest.update(bytes.fromhex(bundles.file_sha256(self.bin)))
        return digest.hexdigest()


def is_path(spec: str) -> bool:
    """Whether a target is meant as a folder or file of ncnn's; all else names a model."""
    if registry.is_zoo_name(spec) or re.search(r"\.(py:\w|onnx$|pth?$|ts$)", spec):
        return False
    return Path(spec).exists() or "/" in spec or Path(spec).suffix in (".param", ".bin") or ":" not in spec


def resolve(spec: str, shapes: Shapes) -> Target:
    """Return the target that a path names; `shapes` overrides or supplies the shapes of its inputs.

    Raises:
        UserError: no such file, an input without a shape, a shape for an input that is not there.
        FormatError: a damaged bundle or `.param`.
    """
    path = Path(spec)
    if path.is_dir():
        return _from_bundle(spec, path, shapes)
    if path.suffix == ".param":
        if (
            path.is_file()
            and path.name == bundles.PARAM_FILE
            and (path.parent / bundles.MANIFEST_FILE).is_file()
        ):
            return _from_bundle(spec, path.parent, shapes)
        return _from_param(spec, path, shapes)
    if not path.exists():
        raise UserError(f"no such target: '{spec}'", _near(path) or _FORMS)
    raise UserError(f"'{spec}' is nothing that can be timed", _FORMS)


def _near(path: Path) -> str | None:
    """Suggest what lies there under a similar name, or a network of the zoo."""
    siblings = (
        [str(path.parent / each.name) for each in path.parent.iterdir()] if path.parent.is_dir() else []
    )
    return did_you_mean(str(path), [*siblings, *registry.names()])


def _from_bundle(name: str, path: Path, shapes: Shapes) -> Target:
    bundle = open_bundle(path)
    graph = read_graph(bundle)  # refuses what would crash the worker
    inputs = []
    for spec in bundle.manifest.inputs:
        given = shapes.get(spec.name, shapes.get(spec.blob))
        inputs.append(_input_of(spec, given))
    _check_names(shapes, {spec.name for spec in bundle.manifest.inputs} | {each.blob for each in inputs})
    check_shapes(graph, {each.blob: each.item_shape for each in inputs})
    modules, reference = _story(bundle)
    return Target(
        name=name,
        param=bundle.param,
        bin=bundle.bin,
        inputs=tuple(inputs),
        outputs=tuple(spec.blob for spec in bundle.manifest.outputs),
        graph=graph,
        precision=bundle.manifest.precision,
        modules=modules,
        reference={} if shapes else reference,
        source=bundle.manifest.model,
    )


def in_runtime(target: Target, runtime: str, folder: Path) -> Target:
    """Return the same model for another runtime, its file written into `folder`.

    Raises:
        UserError: the target is no bundle, or its model cannot be built again.
    """
    if target.source is None:
        raise UserError(f"'{target.name}' is no bundle", f"export the model, then compare it with {runtime}")
    return replace(
        target,
        name=f"{target.name} ({runtime})",
        precision="fp32",
        reference={},
        runtime=runtime,
        model=write_model(target.source, runtime, folder),
    )


def _story(bundle: Bundle) -> tuple[dict[int, str], dict[str, Tensor]]:
    """Return the module path of each layer and the reference inputs, as far as the bundle has them."""
    if not (bundle.path / bundles.ALIGNMENT_FILE).is_file():
        return {}, {}
    from edgekit.alignment import store  # most targets have none, and it takes long to import

    alignment, samples, _ = store.read(bundle.path)
    modules = {layer.index: layer.source.module for layer in alignment.layers if layer.source is not None}
    inputs = {spec.blob for spec in bundle.manifest.inputs} & alignment.blobs.keys()
    if not samples or len(inputs) < len(bundle.manifest.inputs):
        return modules, {}
    return modules, {
        blob: (blob, samples[0].blobs[blob], alignment.blobs[blob].layout.batch_axis) for blob in inputs
    }


def _input_of(spec: TensorSpec, shape: tuple[int, ...] | None) -> Input:
    if shape is not None and len(shape) != len(spec.shape):
        raise UserError(
            f"input '{spec.name}' has {len(spec.shape)} dimensions, not {len(shape)}",
            "give a shape like " + "x".join(str(size) for size in spec.shape),
        )
    return Input(spec.blob, shape or spec.shape, spec.batch_axis, spec.dtype, spec.value_range or (0.0, 1.0))


def _from_param(name: str, path: Path, shapes: Shapes) -> Target:
    if not path.is_file():
        raise UserError(f"no such file: '{path}'", "check the path")
    weights: Path | None = path.with_suffix(".bin")
    if weights is not None and not weights.is_file():
        weights = None
    graph = ncnn_files.read(path, weights)
    inputs = tuple(
        Input(blob, _shape_of(layer, shapes.get(blob)))
        for layer in graph
        if layer.type == "Input"
        for blob in layer.outputs
    )
    _check_names(shapes, {each.blob for each in inputs})
    check_shapes(graph, {each.blob: each.item_shape for each in inputs})
    return Target(name, path, weights, inputs, graph.output_blobs, graph)


def _shape_of(layer: Layer, given: tuple[int, ...] | None) -> tuple[int, ...]:
    """Take the shape that was given (a leading batch of 1 before c, h, w is dropped) or the file's own."""
    if given is not None:
        return given[1:] if len(given) == 4 and given[0] == 1 else given
    # ncnn's ids: 0=w, 1=h, 11=d, 2=c; an axis that is missing is not there
    sizes = [layer.params.get(key) for key in ("2", "11", "1", "0")]
    shape = tuple(size for size in sizes if isinstance(size, int) and size > 0)
    if not shape:
        raise UserError(
            f"the .param does not say the shape of input '{layer.outputs[0]}'",
            f"give it with --input {layer.outputs[0]}=3x224x224",
        )
    return shape


def _check_names(shapes: Shapes, known: set[str]) -> None:
    for name in shapes:
        if name not in known:
            raise UserError(
                f"there is no input '{name}'",
                did_you_mean(name, known) or "inputs: " + ", ".join(sorted(known)),
            )


def _random_array(spec: Input, random: np.random.Generator) -> np.ndarray[Any, Any]:
    check_memory(spec.blob, spec.shape)
    low, high = spec.value_range
    if spec.dtype.startswith("int"):
        return random.integers(int(low), max(int(high), int(low) + 1), spec.shape, dtype=np.int32)
    return random.uniform(low, high, spec.shape).astype(np.float32)
