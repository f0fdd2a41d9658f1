"""From measurements to a verdict: status and label of every layer, the culprits, the outputs.

A layer is judged alone: it fails when its isolated error is above the floor of
`numerics.floors`, on the sample or, for a layer with a bound, on its input scaled up, or when what it gives
is no usable tensor. Labels describe the whole run: an error is
one that exceeds the propagated floor, which is the same rule applied to the run from the inputs.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from edgekit.alignment.model import Alignment, LayerAlignment
from edgekit.alignment.sample import Sample
from edgekit.devices import DeviceInfo
from edgekit.numerics.floors import SUMS_IN_FP16, floor
from edgekit.numerics.metrics import Comparison, Finding
from edgekit.verifier.limits import is_above, is_worthless, limits_of
from edgekit.verifier.model import (
    Label,
    LayerResult,
    OutputResult,
    ScaledResult,
    Status,
    Unmatched,
    VerifyReport,
)
from edgekit.verifier.run import Artefact, BlobMeasurement, Measurements

_AMPLIFIED = 2.0


class Judge:
    """Judges one set of measurements; made for one report."""

    def __init__(
        self,
        artefact: Artefact,
        alignment: Alignment,
        samples: Sequence[Sample],
        measurements: Measurements,
    ) -> None:
        self.artefact = artefact
        self.graph = artefact.graph
        self.alignment = alignment
        self.samples = samples
        self.measurements = measurements
        self.precision = artefact.precision
        self._dirty: dict[str, bool] = {}
        self._limits = limits_of(artefact, alignment, samples)

    def layers(self) -> tuple[LayerResult, ...]:
        """Judge every layer in file order."""
        return tuple(self._layer(entry) for entry in self.alignment.layers)

    def outputs(self, names: Mapping[str, str]) -> tuple[OutputResult, ...]:
        """Judge the model's outputs; `names` maps their blobs to their names."""
        return tuple(self._output(blob, name) for blob, name in names.items())

    def _layer(self, entry: LayerAlignment) -> LayerResult:
        layer = self.graph.layers[entry.index]
        if not entry.outputs:
            return LayerResult(
                entry.index,
                entry.name,
                layer.type,
                layer.outputs[0] if layer.outputs else "",
                (),
                None,
                Status.UNMATCHED,
                Label.CLEAN,
                reason=entry.reason,
                inputs=layer.inputs,
                outputs=layer.outputs,
            )
        worst_blob, worst = self._worst(entry)
        measured = self.measurements.samples[worst][worst_blob]
        scaled = self._scaled(entry)
        failed = (scaled is not None and scaled.status is Status.FAIL) or any(
            self._isolated_fails(blob, number)
            for blob in entry.outputs
            for number in range(len(self.samples))
        )
        aligned = self.alignment.blobs[worst_blob]
        gain = self._gain(entry, worst, measured)
        return LayerResult(
            index=entry.index,
            name=entry.name,
            type=layer.type,
            blob=worst_blob,
            shape=self.samples[worst].blobs[worst_blob].shape,
            source=entry.source,
            status=Status.FAIL if failed else Status.PASS,
            label=self._label(entry, failed, gain),
            propagated=measured.propagated.metrics,
            isolated=measured.isolated.metrics,
            floor=self._floor(worst_blob, worst),
            gain=gain,
            finding=measured.isolated.finding if failed else None,
            method=aligned.method.value,
            confidence=aligned.confidence,
            typical=self._typical(worst_blob),
            scaled=scaled,
            sample=worst,
            ncnn_shape=measured.shape,
            histogram=measured.histogram,
            propagated_finding=measured.propagated.finding,
            inputs=layer.inputs,
            outputs=layer.outputs,
        )

    def _worst(self, entry: LayerAlignment) -> tuple[str, int]:
        """The blob and the sample whose isolated error is largest against its floor."""
        return max(
            ((blob, number) for blob in entry.outputs for number in range(len(self.samples))),
            key=lambda pair: self._excess(*pair),
        )

    def _excess(self, blob: str, number: int) -> float:
        comparison = self.measurements.samples[number][blob].isolated
        limit = self._floor(blob, number)
        if comparison.metrics is None or is_worthless(comparison, self.precision):
            return math.inf
        error = comparison.metrics.max_abs
        return error / limit if limit > 0 else (0.0 if error == 0 else math.inf)

    def _floor(self, blob: str, number: int) -> float:
        return self._limits.isolated(blob, number)

    def _isolated_fails(self, blob: str, number: int) -> bool:
        comparison = self.measurements.samples[number][blob].isolated
        return is_above(comparison, self._floor(blob, number), self.precision)

    def _scaled(self, entry: LayerAlignment) -> ScaledResult | None:
        """The layer on its scaled input: the worst of the samples."""
        found = [
            (case.factor, floor(case.noise[blob], self.precision, self._limits.sums(blob)), comparison)
            for number, sample in enumerate(self.samples)
            for case in sample.scaled
            if case.layer == entry.index
            for blob in case.outputs
            for comparison in [self.measurements.samples[number][blob].scaled]
            if comparison is not None
        ]
        results = [
            ScaledResult(
                factor,
                Status.FAIL if self._misses(comparison, limit) else Status.PASS,
                comparison.metrics,
                limit,
                comparison.finding,
            )
            for factor, limit, comparison in found
        ]
        return max(results, key=lambda result: result.status is Status.FAIL, default=None)

    def _misses(self, comparison: Comparison, limit: float) -> bool:
        """Whether a scaled result is wrong; zeros are not where large terms cancel, as rounding explains."""
        if comparison.finding is Finding.ALL_ZERO and comparison.metrics is not None:
            return comparison.metrics.max_abs > limit
        return is_above(comparison, limit, self.precision)

    def _is_dirty(self, blob: str) -> bool:
        """Whether a blob carries an error in the whole run, on any sample."""
        if blob not in self._dirty:
            self._dirty[blob] = any(
                is_above(
                    self.measurements.samples[number][blob].propagated,
                    self._limits.propagated(blob, number),
                    self.precision,
                )
                for number in range(len(self.samples))
            )
        return self._dirty[blob]

    def _label(self, entry: LayerAlignment, failed: bool, gain: float | None) -> Label:
        if failed:
            return Label.CREATED
        dirty_in = any(self._is_dirty(blob) for blob in entry.anchors)
        dirty_out = any(self._is_dirty(blob) for blob in entry.outputs)
        if not dirty_out:
            return Label.ABSORBED if dirty_in else Label.CLEAN
        amplified = not dirty_in or (gain is not None and gain >= _AMPLIFIED)
        return Label.AMPLIFIED if amplified else Label.INHERITED

    def _gain(self, entry: LayerAlignment, number: int, measured: BlobMeasurement) -> float | None:
        """Relative RMSE out over the largest relative RMSE in; None where no number exists."""
        incoming = [
            _relative(self.measurements.samples[number][blob])
            for blob in entry.anchors
            if blob in self.measurements.samples[number]
        ]
        out = _relative(measured)
        if not incoming or out is None or any(value is None for value in incoming):
            return None
        largest = max(value for value in incoming if value is not None)
        return out / largest if largest > 0 else None

    def _typical(self, blob: str) -> float | None:
        found = (sample[blob].isolated.metrics for sample in self.measurements.samples)
        errors = [metrics.max_abs for metrics in found if metrics is not None]
        return float(np.median(errors)) if errors else None

    def _output(self, blob: str, name: str) -> OutputResult:
        number = max(range(len(self.samples)), key=lambda index: self._output_excess(blob, index))
        comparison = self.measurements.samples[number][blob].propagated
        limit = self._limits.propagated(blob, number)
        status = Status.FAIL if self._is_dirty(blob) else Status.PASS
        return OutputResult(name, blob, status, comparison.metrics, limit, comparison.finding)

    def _output_excess(self, blob: str, number: int) -> float:
        metrics = self.measurements.samples[number][blob].propagated.metrics
        return math.inf if metrics is None else metrics.max_abs


def _relative(measured: BlobMeasurement) -> float | None:
    metrics = measured.propagated.metrics
    return None if metrics is None else metrics.rmse / measured.scale


def report(
    target: str, judge: Judge, outputs: Mapping[str, str], warnings: Sequence[str] = ()
) -> VerifyReport:
    """Put the report together. Zero compared layers can never pass."""
    layers = judge.layers()
    judged = judge.outputs(outputs)
    culprits = tuple(layer.name for layer in layers if layer.status is Status.FAIL)
    compared = any(layer.status is Status.PASS and layer.type != "Input" for layer in layers)
    differing = judge.measurements.light_mode_differs
    repeated = judge.measurements.second_run_differs
    passed = (
        compared
        and not culprits
        and not differing
        and not repeated
        and all(out.status is Status.PASS for out in judged)
    )
    notes = [*warnings, *_wider(judge.precision, judge.measurements.device)]
    misshapen = any(layer.finding is Finding.SHAPE for layer in layers)
    notes += [
        f"output blob '{blob}' changes when light mode is on: what was observed is not what runs"
        for blob in ([] if misshapen else differing)  # what reads a blob of another shape may read anything
    ]
    notes += [f"output blob '{blob}' differs between two runs of the same input" for blob in repeated]
    notes += [f"{crash}; what depends on it was left out" for crash in judge.measurements.crashes]
    if not compared:
        notes.append("no layer could be compared: this is no pass")
    return VerifyReport(
        target=target,
        verdict=Status.PASS if passed else Status.FAIL,
        precision=judge.precision,
        device=judge.measurements.device,
        layers=layers,
        outputs=judged,
        culprits=culprits,
        unmatched=tuple(
            Unmatched(layer.name, layer.reason or "") for layer in layers if layer.status is Status.UNMATCHED
        ),
        samples=tuple(sample.name for sample in judge.samples),
        warnings=tuple(notes),
        weights=Counter(judge.artefact.stored.values()),
    )


def _wider(precision: str, device: DeviceInfo) -> list[str]:
    """Warn where ncnn adds up in float32 although fp16 was asked for: what passes may fail on a phone."""
    if precision != SUMS_IN_FP16 or device.features.get("arm_asimdhp", False):
        return []
    seen = f"{device.cpu} has no fp16 arithmetic: ncnn computes in float32 there"
    return [f"{seen}, and what passes may overflow on a phone; prove it with: --device qemu:cortex-a76"]
