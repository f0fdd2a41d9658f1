"""The first step of a repair: exact changes of scale, tried on the device."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from edgekit.alignment.model import Alignment
from edgekit.alignment.sample import Sample
from edgekit.formats import ncnn
from edgekit.repairer.model import Trial
from edgekit.repairer.probe import Prober
from edgekit.repairer.rescaling import Rescaling, rescaled, rescalings, touched
from edgekit.repairer.subject import Subject, told_by
from edgekit.verifier import Artefact, Status, VerifyReport

Progress = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class Changed:
    """The subject with its changes of scale, and the culprits that are left (layer indices)."""

    subject: Subject
    artefact: Artefact
    changes: tuple[Rescaling, ...]
    left: frozenset[int]
    trials: tuple[Trial, ...] = ()


def change_scales(
    subject: Subject, artefact: Artefact, before: VerifyReport, folder: Path, progress: Progress
) -> Changed:
    """Change the scale of culprits that leave the range, and keep the changes that the device agrees with.

    `folder` is where the changed files are written; they are needed until the repair ends.
    """
    culprits = frozenset(layer.index for layer in before.layers if layer.status is Status.FAIL)
    beyond = [
        index
        for index, layer in told_by(subject, artefact.precision).items()
        if index in culprits and not layer.inside
    ]
    changes = rescalings(subject.graph, subject.samples, subject.outputs, beyond)
    if not changes:
        return Changed(subject, artefact, (), culprits)
    tried = _changed(subject, artefact, changes, folder, "tried")
    prober = Prober(*tried, subject.outputs, progress)
    layers = sorted({index for change in changes for index in touched(subject.graph, change)})
    failing = prober.alone("an exact change of scale", {}, layers)
    held = tuple(change for change in changes if not failing & set(touched(subject.graph, change)))
    cured = {index for change in held for index in touched(subject.graph, change)}
    now, alignment, samples = _changed(subject, artefact, held, folder, "kept")
    moved = replace(subject, graph=now.graph, alignment=alignment, samples=samples)
    return Changed(moved, now, held, culprits - cured, tuple(prober.trials))


def _changed(
    subject: Subject, artefact: Artefact, changes: tuple[Rescaling, ...], folder: Path, name: str
) -> tuple[Artefact, Alignment, tuple[Sample, ...]]:
    graph, alignment, samples = rescaled(subject.graph, subject.alignment, subject.samples, changes)
    param, weights = folder / f"{name}.param", folder / f"{name}.bin"
    ncnn.write(graph, param, weights)
    return replace(artefact, graph=graph, param=param, weights=weights), alignment, samples
