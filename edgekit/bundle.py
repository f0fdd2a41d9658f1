"""The bundle: the folder that `export` writes and every other command reads.

model.ncnn.param  model.ncnn.bin   the model
manifest.json                      inputs, outputs, route, precision, tools, sha256 of each file
alignment.json                     which PyTorch tensor each ncnn blob stands for
reference.npz                      seeded inputs and reference captures
converter.log                      what the converter said
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edgekit import schema
from edgekit.errors import FormatError, UserError, did_you_mean
from edgekit.formats import ncnn
from edgekit.graph import Graph
from edgekit.models.catalog import ENTRIES

PARAM_FILE = "model.ncnn.param"
BIN_FILE = "model.ncnn.bin"
MANIFEST_FILE = "manifest.json"
ALIGNMENT_FILE = "alignment.json"
REFERENCE_FILE = "reference.npz"
LOG_FILE = "converter.log"
MANIFEST_SCHEMA = "edgekit.manifest/1"

_LONGEST_AXIS = 1 << 31
_DTYPES = (
    *(f"float{bits}" for bits in (16, 32, 64)),
    *(f"int{bits}" for bits in (8, 16, 32, 64)),
    "uint8",
    "bool",
)


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """One input or output: its name in PyTorch, its blob in the .param, PyTorch shape and dtype.

    `batch_axis` is the axis of `shape` that ncnn holds as its batch (`Mat.n`), None where it has none.
    `value_range` (lowest, highest) bounds seeded inputs; `kind` says what the numbers are
    ("image", "audio", "features", ...), so that a photograph can be turned into this input.
    """

    name: str
    blob: str
    shape: tuple[int, ...]
    dtype: str = "float32"
    batch_axis: int | None = None
    value_range: tuple[float, float] | None = None
    kind: str | None = None


@dataclass(frozen=True, slots=True)
class ConverterWarning:
    """A line of a converter that is neither boilerplate nor a known failure."""

    tool: str
    text: str


@dataclass(frozen=True, slots=True)
class ModelSource:
    """Where the PyTorch model came from: enough to build it again.

    `kind` is zoo, recipe, file, module, torchscript or onnx; only `zoo` (and `recipe` over it) can be
    built again without running code that the user did not name on the command line.
    `state_sha256` is a digest of all parameters and buffers: a model that is
    built again must have the same.
    """

    spec: str
    kind: str
    seed: int
    weights: str | None = None
    weights_sha256: str | None = None
    state_sha256: str | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Manifest:
    """The typed content of `manifest.json`."""

    model: ModelSource
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    route: str
    precision: str
    tools: Mapping[str, str]
    files: Mapping[str, str]
    warnings: tuple[ConverterWarning, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object of `manifest.json`."""
        return {"schema": MANIFEST_SCHEMA, **schema.to_json(self)}


@dataclass(frozen=True, slots=True)
class Bundle:
    """An existing bundle on disk."""

    path: Path
    manifest: Manifest

    @property
    def param(self) -> Path:
        """The model's structure."""
        return self.path / PARAM_FILE

    @property
    def bin(self) -> Path:
        """The model's weights."""
        return self.path / BIN_FILE

    def changed_files(self) -> tuple[str, ...]:
        """Return the names of files whose sha256 is no longer the manifest's."""
        return tuple(
            name
            for name, digest in self.manifest.files.items()
            if not (self.path / name).is_file() or file_sha256(self.path / name) != digest
        )


def open_bundle(path: str | os.PathLike[str]) -> Bundle:
    """Open a bundle folder.

    Raises:
        UserError: the folder is missing or is not a bundle.
        FormatError: the manifest is damaged.
    """
    folder = Path(path)
    if folder.exists() and not folder.is_dir():
        raise UserError(f"'{folder}' is a file and no bundle", _remedy_for_file(folder))
    if not folder.is_dir():
        near = did_you_mean(folder.name, _bundles_beside(folder))
        raise UserError(f"no bundle at '{folder}'", near or _remedy_for_nothing(str(path)))
    if not (folder / MANIFEST_FILE).is_file():
        found = sorted(folder.glob("*.ncnn.param")) or sorted(folder.glob("*.param"))
        remedy = f"name the .param itself: {found[0]}" if found else None
        raise UserError(
            f"'{folder}' is not a bundle: it has no {MANIFEST_FILE}",
            remedy or f"make one with: edgekit export MODEL -o {folder}",
        )
    for name in (PARAM_FILE, BIN_FILE):
        if not (folder / name).is_file():
            raise FormatError(f"bundle '{folder}' has no {name}", "export it again")
    data = schema.load_json(folder / MANIFEST_FILE, MANIFEST_SCHEMA)
    return Bundle(folder, _manifest(data, folder / MANIFEST_FILE))


def _remedy_for_file(path: Path) -> str:
    """Say what a file that stands in the place of a bundle was probably meant for."""
    if path.name in (MANIFEST_FILE, ALIGNMENT_FILE, REFERENCE_FILE, LOG_FILE):
        return f"name the folder that holds it: {path.parent}"
    if path.suffix in (".py", ".pt", ".pth", ".onnx"):
        spec = f"{path}:CLASS" if path.suffix == ".py" else path
        return f"make a bundle of the model: edgekit export {spec} -o {path.with_suffix('')}"
    return "name the folder that edgekit export wrote"


def _remedy_for_nothing(text: str) -> str:
    """Say how a bundle is made, of the model where one was named in its place."""
    name = text.partition(":")[0]
    if any(name == entry.name for entry in ENTRIES):
        return f"that is a model: edgekit export {text} -o build/{name}"
    file, colon, _ = text.rpartition(":")
    if colon and file.endswith(".py"):
        return f"that is a model: edgekit export {text} -o build/{Path(file).stem}"
    return f"make one with: edgekit export MODEL -o {text}"


def _bundles_beside(folder: Path) -> list[str]:
    """The names of the bundles in the folder where one was looked for."""
    try:
        beside = sorted(folder.absolute().parent.iterdir())
    except OSError:
        return []
    return [each.name for each in beside if (each / MANIFEST_FILE).is_file()]


def read_graph(bundle: Bundle) -> Graph:
    """Read the model of a bundle, and see that the manifest's inputs and outputs are in it.

    Raises:
        FormatError: the .param or the .bin is damaged, or lacks a blob that the manifest names.
    """
    graph = ncnn.read(bundle.param, bundle.bin)
    check_ports(bundle, graph)
    return graph


def check_ports(bundle: Bundle, graph: Graph) -> None:
    """Raise `FormatError` unless the manifest's inputs and outputs are blobs of the graph."""
    manifest = bundle.manifest
    named = (("input", manifest.inputs, graph.input_blobs), ("output", manifest.outputs, graph.blobs))
    for what, specs, known in named:
        for spec in specs:
            if spec.blob not in known:
                raise FormatError(
                    f"'{bundle.param}' has no {what} '{spec.blob}', which {MANIFEST_FILE} names",
                    "export the bundle again",
                )
    if not manifest.outputs:
        raise FormatError(f"'{bundle.path / MANIFEST_FILE}' names no output", "export the bundle again")


def _manifest(data: Mapping[str, Any], path: Path) -> Manifest:
    with schema.reading(path, "export the bundle again"):
        return Manifest(
            model=_source(data["model"]),
            inputs=tuple(_tensor_spec(entry) for entry in data["inputs"]),
            outputs=tuple(_tensor_spec(entry) for entry in data["outputs"]),
            route=str(data["route"]),
            precision=str(data["precision"]),
            tools=dict(data["tools"]),
            files={_plain_name(name): str(digest) for name, digest in data["files"].items()},
            warnings=tuple(
                ConverterWarning(str(entry["tool"]), str(entry["text"])) for entry in data.get("warnings", ())
            ),
            extra=dict(data.get("extra", {})),
        )


def _source(entry: Mapping[str, Any]) -> ModelSource:
    return ModelSource(
        spec=schema.typed(entry["spec"], str, "model.spec"),
        kind=schema.typed(entry["kind"], str, "model.kind"),
        seed=schema.typed(entry["seed"], int, "model.seed"),
        weights=schema.optional(entry.get("weights"), str, "model.weights"),
        weights_sha256=schema.optional(entry.get("weights_sha256"), str, "model.weights_sha256"),
        state_sha256=schema.optional(entry.get("state_sha256"), str, "model.state_sha256"),
        arguments=dict(entry.get("arguments", {})),
    )


def _tensor_spec(entry: Mapping[str, Any]) -> TensorSpec:
    shape = tuple(entry["shape"])
    if not all(type(size) is int and 0 < size < _LONGEST_AXIS for size in shape):
        raise ValueError(f"shape {list(shape)} of '{entry['name']}' has a size that none can be")
    bounds = entry.get("value_range")
    axis = entry.get("batch_axis")
    if not (axis is None or (type(axis) is int and 0 <= axis < len(shape))):
        raise ValueError(f"batch_axis {axis} of '{entry['name']}' is no axis")
    if entry["dtype"] not in _DTYPES:
        raise ValueError(f"dtype '{entry['dtype']}' of '{entry['name']}' is none")
    return TensorSpec(
        name=schema.typed(entry["name"], str, "the name of a tensor"),
        blob=schema.typed(entry["blob"], str, "the blob of a tensor"),
        shape=shape,
        dtype=entry["dtype"],
        batch_axis=axis,
        value_range=None if bounds is None else _range(*bounds),
        kind=schema.optional(entry.get("kind"), str, "the kind of a tensor"),
    )


def _range(low: float, high: float) -> tuple[float, float]:
    if not (math.isfinite(low) and math.isfinite(high) and low <= high):
        raise ValueError(f"{low} to {high} is no range")
    return float(low), float(high)


def _plain_name(name: str) -> str:
    """A file of a bundle lies in the bundle: no folder, no way out of it."""
    if not name or Path(name).name != name or name == ".." or "\\" in name:
        raise ValueError(f"'{name}' is not a plain file name")
    return name


def file_sha256(path: Path) -> str:
    """Return the sha256 of a file as lower-case hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
