"""`repair`: from a bundle that fails in half precision on a device to one that passes there."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from edgekit import scratch
from edgekit.alignment import store
from edgekit.alignment.model import Alignment
from edgekit.alignment.sample import Sample
from edgekit.bundle import MANIFEST_FILE, Bundle, open_bundle
from edgekit.devices import Device, open_device
from edgekit.errors import UserError, did_you_mean
from edgekit.forecaster import LayerForecast
from edgekit.formats import ncnn as ncnn_format
from edgekit.numerics.halves import overflows
from edgekit.repairer.masking import Masked, carried_alignment, carried_samples, with_masks
from edgekit.repairer.model import Keep, Kept, Repair, kept, rescaled_layer
from edgekit.repairer.price import price
from edgekit.repairer.probe import Prober, masked_artefact
from edgekit.repairer.rescaling import told_of
from edgekit.repairer.scales import Changed, Progress, change_scales
from edgekit.repairer.search import Hopeless, search
from edgekit.repairer.subject import Subject, told_by
from edgekit.repairer.why import why
from edgekit.repairer.write import param_diff, write_bundle
from edgekit.staging import check_replaceable
from edgekit.verifier import Artefact, LayerResult, Status, VerifyReport
from edgekit.verifier.storage import narrow_weights
from edgekit.verifier.verify import check_matches, judge_artefact

DEFAULT_DEVICE = "qemu:cortex-a76"
"""An emulated phone core with fp16 arithmetic: nobody needs a phone in hand."""

PRECISIONS = ("fp16",)


class NotRepairable(UserError):
    """No feature mask makes this bundle right on the device."""


def repair(
    bundle: str | os.PathLike[str] | Bundle,
    output: str | os.PathLike[str],
    *,
    precision: str = "fp16",
    device: str | Device = DEFAULT_DEVICE,
    timed_on: str | Device | None = None,
    threads: int = 1,
    progress: Progress = lambda step: None,
) -> Repair:
    """Find the smallest set of layers to keep out of half precision and write the bundle that has them so.

    The device judges: the bundle is verified there as it is, every trial runs there, and what is written
    was verified there as it is written. A bundle that passes already is left alone and nothing is written.

    Raises:
        UserError: a damaged bundle, a device without half precision, or one that is not set up.
        NotRepairable: a layer is wrong in float32 too, or the outputs are.
    """
    if precision not in PRECISIONS:
        raise UserError(
            f"'{precision}' cannot be repaired for",
            did_you_mean(precision, PRECISIONS) or "choose from " + ", ".join(PRECISIONS),
        )
    check_replaceable(output, MANIFEST_FILE)
    subject = _open(bundle)
    where = open_device(device) if isinstance(device, str) else device
    real = open_device(timed_on) if isinstance(timed_on, str) else timed_on
    progress(f"verifying in {precision} on {where.spec}")
    stored = narrow_weights(subject.graph, subject.bundle.manifest.precision)
    files = subject.bundle.param, subject.bundle.bin
    artefact = Artefact(subject.graph, *files, where, precision, threads, stored)
    before = judge_artefact(
        str(subject.bundle.path), artefact, subject.alignment, subject.samples, subject.outputs
    )
    _check_half(before)
    if before.passed:
        return Repair(str(subject.bundle.path), precision, before, before, (), ())
    with scratch.folder("edgekit-repair") as folder:
        changed = change_scales(subject, artefact, before, folder, progress)
        found, masks = _with_masks(subject, changed, before, progress)
        return _finish(subject, changed, masks, found, Path(output), real, progress)


def _with_masks(
    subject: Subject, changed: Changed, before: VerifyReport, progress: Progress
) -> tuple[Repair, Mapping[int, Keep]]:
    """Search the masks for what an exact change of scale does not cure."""
    now = changed.subject
    told = told_by(now, changed.artefact.precision)
    failing = [layer for layer in before.layers if layer.index in changed.left]
    prober = Prober(
        changed.artefact, now.alignment, now.samples, now.outputs, progress, first=len(changed.trials)
    )
    try:
        masks = search(prober, [layer.index for layer in failing], _beyond(told, failing))
    except Hopeless as error:
        raise NotRepairable(str(error), f"see: edgekit verify {subject.bundle.path}") from None
    found = Repair(
        source=str(subject.bundle.path),
        precision=changed.artefact.precision,
        before=before,
        after=before,
        kept=_kept(now, told, failing, masks),
        trials=(*changed.trials, *prober.trials),
        rescaled=tuple(rescaled_layer(subject.alignment, subject.graph, each) for each in changed.changes),
    )
    return found, masks


def _finish(
    subject: Subject,
    changed: Changed,
    masks: Mapping[int, Keep],
    found: Repair,
    output: Path,
    real: Device | None,
    progress: Progress,
) -> Repair:
    """Verify the repaired files whole and layer by layer; write and price them only when they pass."""
    now, artefact = changed.subject, changed.artefact
    masked = with_masks(now.graph, masks)
    alignment = carried_alignment(masked, now.alignment)
    samples = carried_samples(masked, now.samples)
    progress("verifying the repaired bundle")
    after = _verified(now, artefact, masked, alignment, samples, str(output))
    lines = [line for change in changed.changes for line in told_of(subject.graph, change)]
    diff = (*lines, *param_diff(subject.graph, masked.graph))
    result = replace(found, after=after, diff=diff, widened=len(masked.widened))
    if not after.passed:
        wrong = ", ".join(
            (*after.culprits, *(out.name for out in after.outputs if out.status is Status.FAIL))
        )
        raise NotRepairable(
            f"the repaired model still fails ({wrong or '; '.join(after.warnings)})",
            f"see: edgekit verify {subject.bundle.path}",
        )
    known = (alignment, samples, subject.fingerprint)
    written = write_bundle(output, subject.bundle, masked.graph, known, result)
    progress("counting what it costs")
    cost = price((subject.graph, subject.bundle.path), (masked, written), samples[0], artefact.device, real)
    return replace(result, bundle=str(written), price=cost)


def _open(bundle: str | os.PathLike[str] | Bundle) -> Subject:
    opened = bundle if isinstance(bundle, Bundle) else open_bundle(bundle)
    graph = ncnn_format.read(opened.param, opened.bin)
    alignment, samples, fingerprint = store.read(opened.path)
    check_matches(graph, alignment, opened)
    return Subject(opened, graph, alignment, samples, fingerprint)


def _check_half(report: VerifyReport) -> None:
    """Raise unless the device computes in half precision: elsewhere ncnn falls back to float32."""
    if not report.device.features.get("arm_asimdhp", False):
        raise UserError(
            f"{report.device.cpu} has no fp16 arithmetic: there is nothing to repair on it",
            f"repair on another device, as --device {DEFAULT_DEVICE}",
        )


def _beyond(told: Mapping[int, LayerForecast], failing: Sequence[LayerResult]) -> list[int]:
    """Those of the layers that read, write or multiply by a number that fp16 cannot hold."""
    known = [told[layer.index] for layer in failing if layer.index in told]
    return [each.index for each in known if not each.inside or overflows(each.peak, "fp16")]


def _kept(
    subject: Subject,
    told: Mapping[int, LayerForecast],
    failing: Sequence[LayerResult],
    masks: Mapping[int, Keep],
) -> tuple[Kept, ...]:
    wrong = {layer.index: layer for layer in failing}
    return tuple(
        kept(
            subject.alignment.layers[index],
            masks[index],
            why(wrong.get(index), told.get(index), masks[index]),
        )
        for index in sorted(masks)
    )


def _verified(
    subject: Subject,
    artefact: Artefact,
    masked: Masked,
    alignment: Alignment,
    samples: Sequence[Sample],
    target: str,
) -> VerifyReport:
    with scratch.folder("edgekit-repair") as folder:
        param, weights = folder / "a.param", folder / "a.bin"
        ncnn_format.write(masked.graph, param, weights)
        trial = masked_artefact(artefact, masked, param, weights)
        return judge_artefact(target, trial, alignment, samples, subject.outputs)
