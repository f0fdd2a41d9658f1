"""`inspect`: what an ncnn model is made of and what it costs, from its files alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

from edgekit import bundle as bundles
from edgekit.alignment import store
from edgekit.devices import open_device
from edgekit.errors import EdgekitError
from edgekit.graph import Graph
from edgekit.inspector.liveness import blob_peak
from edgekit.inspector.model import BlobPeak, InspectReport, Port, Shape
from edgekit.inspector.opened import Opened, open_model
from edgekit.inspector.remarks import remarks
from edgekit.inspector.rows import precision_mix, summary, totals

Progress = Callable[[str], None]


def inspect(
    path: str | Path,
    *,
    inputs: Mapping[str, Shape] | None = None,
    ask_ncnn: bool = True,
    progress: Progress | None = None,
) -> InspectReport:
    """Return a summary of the model at `path`, a bundle or a `.param` with or without its `.bin`.

    `inputs` maps input names or blobs to shapes, where the files leave them open or another size is of
    interest. `ask_ncnn` starts the installed ncnn, if there is one, to learn which layers it has. Layer
    types that ncnn does not register are reported, not refused.

    Raises:
        UserError: no such file, or no such input.
        FormatError: a file is damaged.
    """
    step = progress or (lambda _: None)
    step("reading the files")
    opened = open_model(path, inputs)
    version: str | None = None
    registered: dict[str, bool] = {}
    if ask_ncnn:
        step("asking ncnn for its layers")
        version, registered = ask_for_types(opened.graph)
    step("looking at the layers")
    modules = _modules(opened)
    rows = tuple(
        summary(opened, index, layer, registered, modules.get(index))
        for index, layer in enumerate(opened.graph)
    )
    return InspectReport(
        name=opened.name,
        kind="param" if opened.bundle is None else "bundle",
        inputs=tuple(_port(opened, blob, "inputs") for blob in opened.inputs),
        outputs=tuple(_port(opened, blob, "outputs") for blob in opened.outputs),
        layers=rows,
        totals=totals(opened, rows),
        memory=_memory(opened),
        precision=precision_mix(opened.graph),
        types=dict(Counter(layer.type for layer in opened.graph).most_common()),
        remarks=remarks(opened, registered),
        ncnn=version,
    )


def ask_for_types(graph: Graph) -> tuple[str | None, dict[str, bool]]:
    """Return which version of ncnn is installed and which of the graph's layer types it has."""
    types = sorted({layer.type for layer in graph})
    try:
        reply = open_device("local").call({"command": "info", "layer_types": types})
    except EdgekitError:
        return None, {}  # no ncnn here: the table of its layers has to do
    reply.close()
    return str(reply.message["environment"]["ncnn"]), dict(reply.message["layer_types"])


def _modules(opened: Opened) -> dict[int, str]:
    """Return the PyTorch module of each layer, as far as the bundle knows them."""
    if opened.bundle is None or not (opened.bundle.path / bundles.ALIGNMENT_FILE).is_file():
        return {}
    alignment = store.read_alignment(opened.bundle.path)
    return {layer.index: layer.source.module for layer in alignment.layers if layer.source is not None}


def _port(opened: Opened, blob: str, which: str) -> Port:
    specs = () if opened.bundle is None else getattr(opened.bundle.manifest, which)
    name = next((spec.name for spec in specs if spec.blob == blob), None)
    return Port(blob, name, opened.shape(blob))


def _memory(opened: Opened) -> BlobPeak | None:
    shapes = {}
    for blob in opened.graph.blobs:
        shape = opened.shape(blob)
        if shape is not None:
            batch = opened.inferred.batches.get(blob, 1)
            shapes[blob] = (
                (shape[0] * batch, *shape[1:]) if len(shape) > 2 else (*shape[:-1], shape[-1] * batch)
            )
    return blob_peak(opened.graph, opened.outputs, shapes)
