"""Open an ncnn model by its path, whoever made it: a bundle, or a `.param` with or without its `.bin`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from edgekit import bundle as bundles
from edgekit.bundle import Bundle, TensorSpec, open_bundle
from edgekit.errors import UserError, did_you_mean
from edgekit.formats import ncnn
from edgekit.graph import Graph
from edgekit.ops import SPECS, Inferred, infer_graph

Shape = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Opened:
    """A model that was read: its files, its graph, and what is known around them.

    `given` are shapes of inputs by name or blob, as the user gave them; `items` are those of one item, as
    ncnn has them, by blob. `ends` are the outputs where something else tells them than the file. `notes` say
    what could not be read, in plain words.
    """

    name: str
    param: Path
    bin: Path | None
    graph: Graph
    bundle: Bundle | None = None
    given: Mapping[str, Shape] = field(default_factory=dict)
    items: Mapping[str, Shape] = field(default_factory=dict)
    ends: tuple[str, ...] | None = None
    notes: tuple[str, ...] = ()

    @property
    def inputs(self) -> tuple[str, ...]:
        """The input blobs, those of a bundle in the order of the model's inputs."""
        if self.bundle is not None:
            return tuple(spec.blob for spec in self.bundle.manifest.inputs)
        return self.graph.input_blobs

    @property
    def outputs(self) -> tuple[str, ...]:
        """The output blobs: the manifest's; else pnnx's out0, out1, ..., with all of a name like it that
        somebody gave an output (`out_cache_k0`); else what nothing reads.

        Where a layer has several outputs and some are read, the others are no outputs of the model.
        """
        if self.bundle is not None:
            return tuple(dict.fromkeys(spec.blob for spec in self.bundle.manifest.outputs))
        if self.ends is not None:
            return self.ends
        unread = self.graph.output_blobs
        named = tuple(blob for blob in unread if blob.startswith("out"))
        if any(blob[3:].isdigit() for blob in named):
            return named
        return tuple(blob for blob in unread if not self._is_leftover(blob))

    @property
    def unread(self) -> tuple[str, ...]:
        """Blobs that nothing reads, outputs or not, but for inputs."""
        graph = self.graph
        return tuple(
            blob for blob in graph.output_blobs if graph.layers[graph.blobs[blob].producer].type != "Input"
        )

    def _is_leftover(self, blob: str) -> bool:
        layer = self.graph.layers[self.graph.blobs[blob].producer]
        return layer.type == "Input" or any(self.graph.blobs[name].consumers for name in layer.outputs)

    @cached_property
    def inferred(self) -> Inferred:
        """Shapes of all blobs, from those of the inputs and from the hints of the file."""
        shapes, batches = self.input_shapes
        return infer_graph(self.graph, shapes, batches)

    @cached_property
    def input_shapes(self) -> tuple[dict[str, Shape], dict[str, int]]:
        """Shapes of the inputs that are known besides the file's, without batch; and their batches."""
        shapes: dict[str, Shape] = {}
        batches: dict[str, int] = {}
        specs = {} if self.bundle is None else {spec.blob: spec for spec in self.bundle.manifest.inputs}
        for blob in self.inputs:
            spec = specs.get(blob)
            shape = self.given.get(blob if spec is None or blob in self.given else spec.name)
            if shape is None and spec is not None:
                shape = spec.shape
            if blob in self.items:
                shapes[blob] = self.items[blob]
            elif shape is not None:
                shapes[blob], batches[blob] = _without_batch(shape, spec)
            elif blob in self.graph.shapes and min(self.graph.shapes[blob]) > 0:
                shapes[blob] = self.graph.shapes[blob]
        return shapes, batches

    def shape(self, blob: str) -> Shape | None:
        """Return a blob's shape (outermost axis first): inferred, else what the file says of it."""
        found = self.inferred.shapes.get(blob) or self.graph.shapes.get(blob)
        return found if found and min(found) > 0 else None


def open_model(path: str | Path, shapes: Mapping[str, Shape] | None = None) -> Opened:
    """Open a bundle or a `.param`; `shapes` gives inputs by name or blob, with or without batch.

    Raises:
        UserError: there is no such file, or a shape is given for an input that is not there.
        FormatError: a file is damaged.
    """
    place = Path(path)
    bundle = _bundle_at(place)
    if bundle is not None:
        opened = _read(str(path), bundle.param, bundle.bin, bundle, shapes)
    else:
        _check_file(place)
        weights = place.with_suffix(".bin")
        opened = _read(str(path), place, weights if weights.is_file() else None, None, shapes)
    _check_names(opened)
    return opened


def _bundle_at(place: Path) -> Bundle | None:
    if place.is_dir():
        return open_bundle(place)
    if place.name == bundles.PARAM_FILE and (place.parent / bundles.MANIFEST_FILE).is_file():
        return open_bundle(place.parent)
    return None


def _check_file(place: Path) -> None:
    if place.is_file() and place.suffix == ".param":
        return
    if place.is_file() and place.suffix == ".bin":
        raise UserError(f"'{place}' holds weights alone", f"give {place.with_suffix('.param')}")
    if place.is_file():
        raise UserError(f"'{place}' is no ncnn model", "give a bundle or a .param")
    siblings = [each.name for each in place.parent.iterdir()] if place.parent.is_dir() else []
    raise UserError(f"no ncnn model at '{place}'", did_you_mean(place.name, siblings) or "check the path")


def _read(
    name: str, param: Path, weights: Path | None, bundle: Bundle | None, shapes: Mapping[str, Shape] | None
) -> Opened:
    graph = ncnn.read(param, unknown="keep", surplus=True)
    notes = []
    if graph.frame is not None and graph.frame[1].strip():
        count = len(graph.frame[1].strip().splitlines())
        notes.append(
            f"{count} layer line{'s' if count > 1 else ''} beyond the announced count "
            f"{'are' if count > 1 else 'is'} not read by ncnn"
        )
    custom = sorted({layer.type for layer in graph if layer.type not in SPECS})
    if weights is not None and custom:
        notes.append(f"the .bin was not read: only the program that registers {custom[0]} knows its weights")
    elif weights is not None:
        graph = ncnn.read(param, weights, surplus=True)
    if bundle is not None:
        bundles.check_ports(bundle, graph)
    return Opened(name, param, weights, graph, bundle, shapes or {}, notes=tuple(notes))


def _check_names(opened: Opened) -> None:
    specs = () if opened.bundle is None else opened.bundle.manifest.inputs
    known = {*opened.inputs, *(spec.name for spec in specs)}
    for name in opened.given:
        if name not in known:
            remedy = did_you_mean(name, known) or f"its inputs are {', '.join(sorted(known)) or 'none'}"
            raise UserError(f"'{opened.name}' has no input '{name}'", remedy)


def _without_batch(shape: Shape, spec: TensorSpec | None) -> tuple[Shape, int]:
    """Return the shape of one item and the batch; of a bare file, a leading 1 of four axes is a batch."""
    if spec is not None and len(shape) == len(spec.shape):
        axis = spec.batch_axis
    else:
        axis = 0 if len(shape) >= 4 and shape[0] == 1 else None
    if axis is None:
        return shape, 1
    return (*shape[:axis], *shape[axis + 1 :]), shape[axis]
