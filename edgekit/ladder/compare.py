"""Compare every stage with the one before it, and name the first that breaks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from edgekit.bundle import TensorSpec
from edgekit.devices import Device, WorkerCrashed, WorkerError
from edgekit.ladder.model import Rung, RungStatus
from edgekit.runtimes.trace import finite_scale
from edgekit.units import format_error
from edgekit.verifier.limits import Limits

if TYPE_CHECKING:
    from edgekit.ladder.stages import Outputs, Stage

_OFF_THE_BUNDLE = ("fp16-weights", "bf16", "fp16-storage", "fp16")
"""Stages that are compared with the bundle in float32, not with one another."""

_NEED_HALF = {
    "fp16-storage": "ncnn stores fp16 on ARM only: here it would store float32",
    "fp16": "this CPU has no half-precision arithmetic: ncnn would compute in float32",
}


def compare(
    stages: Sequence[Stage], outputs: Sequence[TensorSpec], limits: Mapping[str, Limits], device: Device
) -> list[Rung]:
    """Run every stage and compare it with the nearest one below that ran.

    The half precisions are compared with the bundle in float32, not with one another.
    """
    from edgekit.ladder.stages import CannotRun

    half = device.info().features.get("arm_asimdhp", False)
    results: dict[str, Outputs] = {}
    rungs: list[Rung] = []
    for stage in stages:
        if stage.name in _NEED_HALF and not half:
            rungs.append(Rung(stage.name, stage.title, RungStatus.SKIPPED, note=_NEED_HALF[stage.name]))
            continue
        try:
            results[stage.name] = stage.run()
        except (CannotRun, WorkerError, WorkerCrashed) as error:
            broken = isinstance(error, WorkerError | WorkerCrashed)
            status = RungStatus.FAIL if broken else RungStatus.SKIPPED
            rungs.append(Rung(stage.name, stage.title, status, note=str(error)))
            continue
        below = "bundle" if stage.name in _OFF_THE_BUNDLE else _below(results, stage.name)
        if below is None or below not in results:
            rungs.append(Rung(stage.name, stage.title, RungStatus.PASS, note="the reference"))
        else:
            rungs.append(_rung(stage, results[below], results[stage.name], outputs, limits[stage.precision]))
    return rungs


def _below(results: dict[str, Outputs], name: str) -> str | None:
    return next((other for other in reversed(results) if other != name), None)


def _rung(
    stage: Stage, before: Outputs, after: Outputs, outputs: Sequence[TensorSpec], limits: Limits
) -> Rung:
    """Compare two stages on every output; the rung shows the output that is furthest above its floor."""
    worst: tuple[float, Rung] | None = None
    for spec in outputs:
        limit = limits.propagated(spec.blob, 0)
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


def sentence(rungs: Sequence[Rung]) -> str:
    """Return which stage breaks first and by how much, or that none does."""
    broken = next((rung for rung in rungs if rung.status is RungStatus.FAIL), None)
    if broken is None:
        skipped = [rung.name for rung in rungs if rung.status is RungStatus.SKIPPED]
        more = f" ({', '.join(skipped)} could not be tried here)" if skipped else ""
        return f"every stage computes what the stage before it computes{more}"
    if broken.max_abs is None:
        return f"the first stage that breaks is {broken.rung}: {broken.note}"
    return (
        f"the first stage that breaks is {broken.rung}: '{broken.output}' moves by "
        f"{format_error(broken.max_abs)}, where rounding explains {format_error(broken.floor or 0.0)}"
    )
