"""Climb from the PyTorch model to the bundle, converting once more on the way to see every stage."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edgekit import scratch
from edgekit.alignment import Alignment, Sample, store
from edgekit.bundle import Bundle, open_bundle
from edgekit.devices import Device, open_device
from edgekit.errors import UserError, require
from edgekit.formats import ncnn as ncnn_format
from edgekit.ladder.compare import compare, sentence
from edgekit.ladder.model import Ladder
from edgekit.runtimes.ncnn import PRECISIONS
from edgekit.runtimes.trace import Array
from edgekit.threads import one_thread
from edgekit.verifier.limits import Limits
from edgekit.verifier.storage import narrow_weights

if TYPE_CHECKING:
    import torch

    from edgekit.ladder.stages import Outputs, Stage
    from edgekit.sources.rebuild import RebuiltModel, RebuiltOnnx
    from edgekit.toolchain.pnnx import PnnxRun

_TITLES = {
    "torch": "the PyTorch model",
    "onnx-file": "the .onnx file",
    "traced": "the TorchScript trace",
    "onnx": "the ONNX graph",
    "pnnx": "the graph that pnnx made of it",
    "ncnn": "a fresh ncnn conversion in float32",
    "bundle": "the bundle's own files in float32",
    "fp16-weights": "the bundle, its weights rounded to fp16",
    "bf16": "the bundle, stored as bf16",
    "fp16-storage": "the bundle, stored as fp16",
    "fp16": "the bundle, stored and computed as fp16",
}


def climb(
    bundle: str | os.PathLike[str] | Bundle,
    *,
    device: str | Device = "local",
    model: str | torch.nn.Module | None = None,
    weights: str | os.PathLike[str] | None = None,
) -> Ladder:
    """Compare every stage of a bundle's conversion with the stage before it, on its first seeded input.

    Raises:
        UserError: the model has to be named again, or cannot be built (see `sources.rebuild`).
    """
    require("torch", "torch")
    from edgekit.ladder.stages import Stage
    from edgekit.sources.rebuild import RebuiltOnnx, rebuild

    opened = bundle if isinstance(bundle, Bundle) else open_bundle(bundle)
    where = open_device(device) if isinstance(device, str) else device
    rebuilt = rebuild(opened.manifest, model, None if weights is None else Path(weights))
    alignment, samples, _ = store.read(opened.path)
    arrays = {
        spec.name: _undo(samples[0].blobs[spec.blob], spec.shape, alignment.blobs[spec.blob].layout.permute)
        for spec in opened.manifest.inputs
    }
    with scratch.folder() as folder, one_thread():
        reference = rebuilt.outputs(arrays)
        kind = "onnx-file" if isinstance(rebuilt, RebuiltOnnx) else "torch"
        first = Stage(kind, _TITLES[kind], "fp32", lambda: reference)
        try:
            run = _convert(rebuilt, opened.manifest.route, arrays, folder)
            fresh = _fresh_stages(opened, where, run, arrays)
        except UserError as error:
            fresh = [Stage("ncnn", _TITLES["ncnn"], "fp32", _fails(error.message))]
        limits = _limits(opened, alignment, samples)
        stages = [first, *fresh, *_bundle_stages(opened, where, arrays, Path(folder))]
        rungs = compare(stages, opened.manifest.outputs, limits, where)
    return Ladder(tuple(rungs), sentence(rungs))


def _limits(bundle: Bundle, alignment: Alignment, samples: Sequence[Sample]) -> dict[str, Limits]:
    """What rounding explains of each output, by the precision of a stage."""
    graph = ncnn_format.read(bundle.param, bundle.bin)
    stored = narrow_weights(graph, bundle.manifest.precision)
    every = dict.fromkeys(range(len(graph)), "fp16")
    limits = {precision: Limits(graph, alignment, samples, precision, stored) for precision in PRECISIONS}
    return {**limits, "fp16-weights": Limits(graph, alignment, samples, "fp32", every)}


def _convert(
    model: RebuiltModel | RebuiltOnnx, route: str, arrays: dict[str, Array], folder: Path
) -> PnnxRun:
    """Convert the model again, to have the files of every stage."""
    from edgekit.exporter.onnx_subject import OnnxSubject
    from edgekit.exporter.subject import TorchSubject
    from edgekit.sources.rebuild import RebuiltModel

    subject = TorchSubject(model.model) if isinstance(model, RebuiltModel) else OnnxSubject(model.source)
    with subject.start(route, arrays, folder).process as process:
        return process.result()


def _undo(array: Array, shape: Sequence[int], permute: Sequence[int] | None) -> Array:
    """Return a blob's numbers in PyTorch's order and shape."""
    if permute is None:
        return np.array(array.reshape(shape))
    moved = [shape[axis] for axis in permute]
    return np.array(array.reshape(moved).transpose(np.argsort(permute)))


def _fails(reason: str) -> Callable[[], Outputs]:
    from edgekit.ladder.stages import CannotRun

    def run() -> Outputs:
        raise CannotRun(reason)

    return run


def _fresh_stages(bundle: Bundle, device: Device, run: PnnxRun, arrays: dict[str, Array]) -> list[Stage]:
    from edgekit.ladder import stages

    names = [spec.name for spec in bundle.manifest.outputs]
    ordered = [arrays[spec.name] for spec in bundle.manifest.inputs]
    if bundle.manifest.route == "onnx":
        source, kind, runner = run.folder / f"{run.stem}.onnx", "onnx", stages.onnx_graph
    else:
        source, kind, runner = run.folder / f"{run.stem}.pt", "traced", stages.traced
    return [
        stages.Stage(kind, _TITLES[kind], "fp32", lambda: runner(source, ordered, names)),
        stages.Stage("pnnx", _TITLES["pnnx"], "fp32", lambda: stages.pnnx_stage(run, ordered, names)),
        stages.Stage(
            "ncnn",
            _TITLES["ncnn"],
            "fp32",
            lambda: stages.ncnn_stage(device, run.param, run.bin, bundle.manifest, arrays, "fp32"),
        ),
    ]


def _bundle_stages(bundle: Bundle, device: Device, arrays: dict[str, Array], folder: Path) -> list[Stage]:
    from edgekit.ladder import stages

    def rung(name: str, runs: str, noise: str, weights: Callable[[], Path] = lambda: bundle.bin) -> Stage:
        return stages.Stage(
            name,
            _TITLES[name],
            noise,
            lambda: stages.ncnn_stage(device, bundle.param, weights(), bundle.manifest, arrays, runs),
        )

    rounded = rung(
        "fp16-weights", "fp32", "fp16-weights", lambda: stages.rounded_weights(bundle, folder / "half.bin")
    )
    return [
        rung("bundle", "fp32", "fp32"),
        *([rounded] if bundle.manifest.precision == "fp32" else []),
        *(rung(precision, precision, precision) for precision in ("bf16", "fp16-storage", "fp16")),
    ]
