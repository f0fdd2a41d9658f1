"""Trials on the device: the model with some masks, its layers alone or its outputs in the whole run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from edgekit import scratch
from edgekit.alignment.model import Alignment
from edgekit.alignment.sample import Sample
from edgekit.bundle import BIN_FILE, PARAM_FILE
from edgekit.formats import ncnn
from edgekit.numerics.metrics import compare
from edgekit.repairer.masking import Masked, carried_alignment, carried_samples, with_masks
from edgekit.repairer.model import Keep, Trial
from edgekit.runtimes.ncnn import PRECISIONS, Case, Feed, run_cases
from edgekit.verifier.alone import failing_alone
from edgekit.verifier.limits import is_above, limits_of
from edgekit.verifier.run import Artefact

Masks = Mapping[int, Keep]
Report = Callable[[str], None]


class Prober:
    """Runs masked variants of one artefact; every run is a `Trial` in `trials`."""

    def __init__(
        self,
        artefact: Artefact,
        alignment: Alignment,
        samples: Sequence[Sample],
        outputs: Mapping[str, str],
        progress: Report,
        first: int = 0,
    ) -> None:
        self.artefact = artefact
        self.alignment = alignment
        self.samples = samples
        self.outputs = outputs
        self.trials: list[Trial] = []
        self._first = first
        self._limits = limits_of(artefact, alignment, samples)
        self._progress = progress

    def alone(self, what: str, masks: Masks, indices: Iterable[int]) -> frozenset[int]:
        """Return which of the layers (old indices) still fail alone with these masks."""
        wanted = sorted(indices)
        self._progress(f"trial {self._number()}: {what}")
        with scratch.folder("edgekit-repair") as folder:
            masked, artefact = self._write(masks, folder)
            alignment, samples = self._carried(masked)
            new = failing_alone(artefact, alignment, samples, [masked.place[index] for index in wanted])
        failing = frozenset(index for index in wanted if masked.place[index] in new)
        self._note(what, masks, [self.alignment.layers[index].name for index in sorted(failing)])
        return failing

    def whole(self, what: str, masks: Masks) -> tuple[str, ...]:
        """Return the outputs that are off in a run of the whole model with these masks."""
        self._progress(f"trial {self._number()}: {what}")
        with scratch.folder("edgekit-repair") as folder:
            _, artefact = self._write(masks, folder)
            failing = self._outputs_failing(artefact)
        self._note(what, masks, [f"output {self.outputs[blob]}" for blob in failing])
        return failing

    def _write(self, masks: Masks, folder: Path) -> tuple[Masked, Artefact]:
        masked = with_masks(self.artefact.graph, masks)
        param, weights = folder / PARAM_FILE, folder / BIN_FILE
        ncnn.write(masked.graph, param)
        weights.symlink_to(self.artefact.weights.absolute())
        return masked, masked_artefact(self.artefact, masked, param, weights)

    def _carried(self, masked: Masked) -> tuple[Alignment, tuple[Sample, ...]]:
        return carried_alignment(masked, self.alignment), carried_samples(masked, self.samples)

    def _outputs_failing(self, artefact: Artefact) -> tuple[str, ...]:
        blobs = tuple(blob for blob in self.outputs if blob in self.alignment.blobs)
        cases = [
            Case(str(number), _feeds(artefact, sample, self.alignment), blobs)
            for number, sample in enumerate(self.samples)
        ]
        reply = run_cases(
            artefact.device,
            artefact.param,
            artefact.weights,
            cases,
            PRECISIONS[artefact.precision],
            threads=artefact.threads,
        )
        reply.close()
        failing = []
        for blob in blobs:
            for number, sample in enumerate(self.samples):
                array = reply.tensors.get(f"{number}:{blob}")
                limit = self._limits.propagated(blob, number)
                if array is None or is_above(compare(array, sample.blobs[blob]), limit, artefact.precision):
                    failing.append(blob)
                    break
        return tuple(failing)

    def _number(self) -> int:
        """Of the next trial; `first` ran before these."""
        return self._first + len(self.trials) + 1

    def _note(self, what: str, masks: Masks, failing: Sequence[str]) -> None:
        names = {self.alignment.layers[index].name: int(keep) for index, keep in masks.items()}
        self.trials.append(Trial(self._number(), what, names, tuple(failing)))


def masked_artefact(artefact: Artefact, masked: Masked, param: Path, weights: Path) -> Artefact:
    """Return the artefact that has the masked graph and its files, on the same device."""
    stored = {masked.place[index]: kind for index, kind in artefact.stored.items()}
    return replace(artefact, graph=masked.graph, param=param, weights=weights, stored=stored)


def _feeds(artefact: Artefact, sample: Sample, alignment: Alignment) -> dict[str, Feed]:
    return {
        blob: Feed(sample.blobs[blob], alignment.blobs[blob].layout.batch_axis)
        for blob in sorted(artefact.graph.input_blobs)
        if blob in sample.blobs
    }
