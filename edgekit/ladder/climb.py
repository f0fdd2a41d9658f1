"""Climb from the PyTorch model to the bundle, converting once more on the way to see every stage."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edgekit import scratch
from edgekit.alignment import Sample, store
from edgekit.bundle import Bundle, open_bundle
from edgekit.devices import Device, WorkerCrashed, WorkerError, open_device
from edgekit.errors import UserError, require
from edgekit.ladder.model import Ladder, Rung, RungStatus
from edgekit.numerics.floors import floor
from edgekit.runtimes.trace import Array, finite_scale

if TYPE_CHECKING:
    import torch

    from edgekit.ladder.stages import Outputs, Stage
    from edgekit.sources.load import TorchModel
    from edgekit.toolchain.pnnx import PnnxRun

_TITLES = {
    "torch": "the PyTorch model",
    "traced": "the TorchScript trace",
    "onnx": "the ONNX graph",
    "pnnx": "the graph that pnnx made of it",
    "ncnn": "a fresh ncnn conversion in float32",
    "bundle": "the bundle's own files in float32",
    "bf16": "the bundle with bfloat16 storage",
    "fp16": "the bundle with half-precision storage and arithmetic",
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
    from edgekit.sources.rebuild import rebuild

    opened = bundle if isinstance(bundle, Bundle) else open_bundle(bundle)
    where = open_device(device) if isinstance(device, str) else device
    rebuilt = rebuild(opened.manifest, model, None if weights is None else Path(weights))
    alignment, samples, _ = store.read(opened.path)
    arrays = {
        spec.name: _undo(samples[0].blobs[spec.blob], spec.shape, alignment.blobs[spec.blob].layout.permute)
        for spec in opened.manifest.inputs
    }
    with scratch.folder() as folder:
        reference = rebuilt.roll([arrays], {}, {})[0]
        first = Stage("torch", _TITLES["torch"], "fp32", lambda: reference)
        try:
            run = _convert(rebuilt.model, opened.manifest.route, arrays, folder)
            fresh = _fresh_stages(opened, where, run, arrays)
        except UserError as error:
            fresh = [Stage("ncnn", _TITLES["ncnn"], "fp32", _fails(error.message))]
        stages = [first, *fresh, *_bundle_stages(opened, where, arrays)]
        rungs = _compare(stages, opened, samples[0], where)
    return Ladder(tuple(rungs), _sentence(rungs))


def _convert(model: TorchModel, route: str, arrays: dict[str, Array], folder: Path) -> PnnxRun:
    """Convert the model again, to have the files of every stage."""
    from edgekit.exporter.subject import TorchSubject

    with TorchSubject(model).start(route, arrays, folder).process as process:
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


def _bundle_stages(bundle: Bundle, device: Device, arrays: dict[str, Array]) -> list[Stage]:
    from edgekit.ladder import stages

    def rung(name: str, runs: str, noise: str) -> Stage:
        return stages.Stage(
            name,
            _TITLES[name],
            noise,
            lambda: stages.ncnn_stage(device, bundle.param, bundle.bin, bundle.manifest, arrays, runs),
        )

    stored = bundle.manifest.precision
    return [rung("bundle", "fp32", stored), rung("bf16", "bf16", "bf16"), rung("fp16", "fp16", "fp16")]


def _compare(stages: Sequence[Stage], bundle: Bundle, sample: Sample, device: Device) -> list[Rung]:
    """Run every stage and compare it with the nearest one below that ran and was right.

    The storage precisions are compared with the bundle in float32, not with one another.
    """
    from edgekit.ladder.stages import CannotRun

    half = device.info().features.get("arm_asimdhp", False)
    results: dict[str, Outputs] = {}
    rungs: list[Rung] = []
    for stage in stages:
        if stage.name == "fp16" and not half:
            note = "this CPU has no half-precision arithmetic: ncnn would compute in float32"
            rungs.append(Rung(stage.name, stage.title, RungStatus.SKIPPED, note=note))
            continue
        try:
            results[stage.name] = stage.run()
        except (CannotRun, WorkerError, WorkerCrashed) as error:
            broken = isinstance(error, WorkerError | WorkerCrashed)
            status = RungStatus.FAIL if broken else RungStatus.SKIPPED
            rungs.append(Rung(stage.name, stage.title, status, note=str(error)))
            continue
        below = "bundle" if stage.name in ("bf16", "fp16") else _below(results, stage.name)
        if below is None or below not in results:
            rungs.append(Rung(stage.name, stage.title, RungStatus.PASS, note="the reference"))
        else:
            rungs.append(_rung(stage, results[below], results[stage.name], bundle, sample))
    return rungs


def _below(results: dict[str, Outputs], name: str) -> str | None:
    return next((other for other in reversed(results) if other != name), None)


def _rung(stage: Stage, before: Outputs, after: Outputs, bundle: Bundle, sample: Sample) -> Rung:
    """Compare two stages on every output; the rung shows the output that is furthest above its floor."""
    worst: tuple[float, Rung] | None = None
    for spec in bundle.manifest.outputs:
        limit = floor(sample.noise[spec.blob].propagated, stage.precision)
        x, y = before[spec.name], after[spec.name]
        if x.size != y.size:
            error = float("inf")
        else:
            error = float(np.max(np.abs(x.reshape(-1).astype(np.float64) - y.reshape(-1)), initial=0.0))
        holds = np.isfinite(error) and error <= limit
        rung = Rung(
            stage.name,
            stage.title,
            RungStatus.PASS if holds else RungStatus.FAIL,
            max_abs=error if np.isfinite(error) else None,
            relative=error / finite_scale(x) if np.isfinite(error) else None,
            floor=limit,
            output=spec.name,
            note=None if np.isfinite(error) else "another shape, NaN or infinity",
        )
        excess = error / limit if limit > 0 else (0.0 if error == 0 else float("inf"))
        if worst is None or not excess <= worst[0]:
            worst = (excess, rung)
    assert worst is not None
    return worst[1]


def _sentence(rungs: Sequence[Rung]) -> str:
    broken = next((rung for rung in rungs if rung.status is RungStatus.FAIL), None)
    if broken is None:
        skipped = [rung.name for rung in rungs if rung.status is RungStatus.SKIPPED]
        more = f" ({', '.join(skipped)} could not be tried here)" if skipped else ""
        return f"every stage computes what the stage before it computes{more}"
    if broken.max_abs is None:
        return f"the first stage that breaks is {broken.rung}: {broken.note}"
    return (
        f"the first stage that breaks is {broken.rung}: '{broken.output}' moves by {broken.max_abs:.2g}, "
        f"where rounding explains {broken.floor or 0.0:.2g}"
    )
