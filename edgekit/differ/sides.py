"""The two sides of a comparison: an ncnn model as it is, a PyTorch model by way of its export."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from edgekit import bundle as bundles
from edgekit import scratch
from edgekit.alignment import store
from edgekit.differ.canonical import canonicalise
from edgekit.differ.draft import Draft
from edgekit.differ.inputs import InputPort
from edgekit.differ.lower import lower
from edgekit.differ.structure import Names, Structure, Walk, Written, freeze
from edgekit.errors import UserError, did_you_mean, require
from edgekit.graph import Layer
from edgekit.inspector import Opened, open_model
from edgekit.ops import SPECS, decode
from edgekit.runtimes.trace import Source
from edgekit.sources.inputs import InputSpec
from edgekit.sources.spec import parse_spec

if TYPE_CHECKING:
    import torch

    from edgekit.sources.sites import Site

Shape = tuple[int, ...]
Progress = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class Side:
    """One side, read: `sites` are the lines that make the modules of a PyTorch model that was built here.

    `is_model` tells a PyTorch model, which can be changed, from a file. `input_names` are names of input
    blobs where a bundle does not tell them.
    """

    name: str
    opened: Opened
    names: Names
    is_model: bool = False
    sites: Mapping[str, Site] = field(default_factory=dict)
    input_names: Mapping[str, str] = field(default_factory=dict)

    def borrowing(self, shapes: Mapping[str, Shape]) -> Side:
        """Return the side with shapes of inputs (of one item) that its files do not tell."""
        if not shapes:
            return self
        return replace(self, opened=replace(self.opened, items={**self.opened.items, **shapes}))

    def ending_like(self, other: Side) -> Side:
        """Return the side with all that nothing reads as its outputs, where the other side has as many.

        A file that does not name its outputs leaves open whether a cache that an attention hands out is one.
        """
        opened, wanted = self.opened, len(other.opened.outputs)
        if opened.bundle is not None or not len(opened.outputs) < wanted == len(opened.unread):
            return self
        return replace(self, opened=replace(opened, ends=opened.unread))

    def draft(self) -> Draft:
        """Return the side in canonical form."""
        opened = self.opened
        shapes = {blob: shape for blob in opened.graph.blobs if (shape := opened.shape(blob)) is not None}
        draft = lower(opened.graph, shapes, opened.outputs)
        canonicalise(draft)
        return draft

    def structure(self, draft: Draft, input_order: Mapping[str, int], walk: Walk) -> Structure:
        """Return the comparable form of a draft of this side; see `freeze`."""
        return freeze(draft, self.names, input_order, walk)

    @property
    def names_of_inputs(self) -> dict[str, str]:
        """What the model calls the inputs, by blob, as far as that is known."""
        bundle = self.opened.bundle
        named = {} if bundle is None else {spec.blob: spec.name for spec in bundle.manifest.inputs}
        return {**self.input_names, **named}

    def ports(self, draft: Draft) -> tuple[InputPort, ...]:
        """Describe the inputs by name, shape, and what reads them."""
        names = self.names_of_inputs
        return tuple(
            InputPort(
                node.facts["name"],
                names.get(node.facts["name"], node.facts["name"]),
                node.shapes[0],
                tuple(f"{reader.kind} {reader.facts.get('in')}" for reader in draft.readers((node.id, 0))),
            )
            for node in draft.nodes.values()
            if node.kind == "input"
        )


@contextmanager
def opened_sides(
    a: str | Path | torch.nn.Module,
    b: str | Path | torch.nn.Module,
    inputs: Sequence[InputSpec],
    *,
    route: str | None,
    progress: Progress,
) -> Iterator[tuple[Side, Side]]:
    """Open both sides; a model is exported into a folder that lives as long as the block.

    Raises:
        UserError: a side names nothing, cannot be exported, or takes none of the given inputs.
        FormatError: a file is damaged.
    """
    for each in (a, b):
        if isinstance(each, (str, Path)) and not is_ncnn(each):
            parse_spec(str(each))  # a mistyped name is answered before the other side is exported
    with ExitStack() as stack:
        folder = stack.enter_context(scratch.folder())
        sides = [_open(each, folder / name, inputs, route, progress) for name, each in (("a", a), ("b", b))]
        known = {name for side in sides for name in _input_names(side.opened)}
        for spec in inputs:
            if spec.name not in known:
                remedy = did_you_mean(spec.name, known) or f"inputs: {', '.join(sorted(known))}"
                raise UserError(f"neither side has an input '{spec.name}'", remedy)
        yield sides[0], sides[1]


def is_ncnn(text: str | Path) -> bool:
    """Whether a path names an ncnn model: a folder, or something that ends as ncnn's files do."""
    path = Path(text)
    return path.is_dir() or path.suffix in (".param", ".bin")


def _open(
    what: str | Path | torch.nn.Module,
    folder: Path,
    inputs: Sequence[InputSpec],
    route: str | None,
    progress: Progress,
) -> Side:
    if isinstance(what, (str, Path)) and is_ncnn(what):
        opened = open_model(what)
        taken = {spec.name: spec.shape for spec in inputs if spec.name in _input_names(opened)}
        return side_of(str(what), replace(opened, given=taken))
    name = str(what) if isinstance(what, (str, Path)) else type(what).__qualname__
    progress(f"exporting {name}")
    sites = _export(what, folder, inputs, route)
    return replace(side_of(name, open_model(folder)), is_model=True, sites=sites)


def _export(
    what: str | Path | torch.nn.Module, folder: Path, inputs: Sequence[InputSpec], route: str | None
) -> Mapping[str, Site]:
    """Export a model and return the lines that make its modules."""
    require("torch", "torch")
    from edgekit.exporter import export
    from edgekit.sources.sites import recorded_sites

    with recorded_sites() as recorder:
        export(str(what) if isinstance(what, Path) else what, folder, inputs=inputs, route=route)
    return recorder.sites()


def _input_names(opened: Opened) -> set[str]:
    specs = () if opened.bundle is None else opened.bundle.manifest.inputs
    return {*opened.inputs, *(spec.name for spec in specs)}


def side_of(name: str, opened: Opened) -> Side:
    """Return a side for an ncnn model that is open, with what a bundle knows of its origins."""
    graph = opened.graph
    sources: dict[int, Source] = {}
    operations: dict[int, tuple[Source, ...]] = {}
    if opened.bundle is not None and (opened.bundle.path / bundles.ALIGNMENT_FILE).is_file():
        for layer in store.read_alignment(opened.bundle.path).layers:
            operations[layer.index] = layer.operations
            if layer.source is not None:
                sources[layer.index] = layer.source
    names = Names(
        {index: layer.name for index, layer in enumerate(graph)},
        {index: layer.type for index, layer in enumerate(graph)},
        sources,
        operations,
        {index: _written(layer) for index, layer in enumerate(graph)},
    )
    return Side(name, opened, names)


_FED = frozenset(
    {
        "weight_data_size",
        "scale_data_size",
        "bias_data_size",
        "affine_size",
        "channels",
        "top_shapes",
    }
)


def _written(layer: Layer) -> Written:
    """Return a layer's parameters as the file has them, without those that follow from what it is fed.

    How many slopes a PReLU has follows from that too, but not whether it has one for all channels.
    """
    spec = SPECS.get(layer.type)
    values = dict(layer.params if spec is None else decode(spec, layer).values)
    if "num_slope" in values:
        values["num_slope"] = int(values["num_slope"] == 1)
    return layer.type, tuple(sorted((name, value) for name, value in values.items() if name not in _FED))
