"""Why is a culprit wrong: how its result differs, and which kernel path of ncnn is to blame.

The culprits run alone again: once as they did, to compare what they give with the reference, then
with one switch of ncnn turned off at a time.

A layer that is wrong because of its weights or parameters stays wrong whatever path computes it. One that
is right with winograd off, or with packing off, is wrong in that path.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edgekit.alignment.model import Alignment, LayerAlignment
from edgekit.alignment.sample import Sample
from edgekit.numerics.floors import floor, largest
from edgekit.numerics.halves import LARGEST, overflows
from edgekit.numerics.metrics import compare
from edgekit.runtimes.ncnn import PRECISIONS
from edgekit.verifier.alone import Answer, run_alone
from edgekit.verifier.diagnosis import diagnose
from edgekit.verifier.run import Artefact

_HALF: Mapping[str, bool] = {
    "use_fp16_packed": False,
    "use_fp16_storage": False,
    "use_fp16_arithmetic": False,
}

_SWITCHES: tuple[tuple[str, str, Mapping[str, Any]], ...] = (
    ("winograd", "the winograd convolution", {"use_winograd_convolution": False}),
    ("sgemm", "the matrix-product convolution (sgemm)", {"use_sgemm_convolution": False}),
    ("packing", "the packed channel layout", {"use_packing_layout": False}),
    ("fp16-arithmetic", "half-precision arithmetic", {"use_fp16_arithmetic": False}),
    ("fp16", "half-precision storage", _HALF),
    ("bf16", "bfloat16 storage", {"use_bf16_storage": False, "use_bf16_packed": False}),
)


@dataclass(frozen=True, slots=True)
class Attribution:
    """What switching a path off does to one culprit.

    `blamed` names the paths without which the layer is right; empty when no path makes a difference,
    which means that the layer itself (its weights or parameters) is wrong. `errors` holds the isolated
    max_abs for every path that was switched off, None where ncnn gave nothing.
    """

    layer: str
    index: int
    diagnosis: str | None
    blamed: tuple[str, ...]
    sentence: str
    errors: Mapping[str, float | None]


def attribute(
    artefact: Artefact, alignment: Alignment, sample: Sample, culprits: Sequence[int]
) -> tuple[Attribution, ...]:
    """Run every culprit (layer indices) alone, with each path switched off that the precision has on."""
    layers = [alignment.layers[index] for index in culprits if alignment.layers[index].outputs]
    if not layers:
        return ()
    base = PRECISIONS[artefact.precision]
    trials = [
        (name, words, {**base, **off}, artefact.threads)
        for name, words, off in _SWITCHES
        if any(base.get(option, True) for option in off)
    ]
    if artefact.threads > 1:
        trials.append(("threads", "running on several threads", dict(base), 1))
    plain = run_alone(artefact, alignment, sample, layers, base, artefact.threads)
    switched = {
        name: run_alone(artefact, alignment, sample, layers, options, threads)
        for name, _, options, threads in trials
    }
    words = {name: text for name, text, _, _ in trials}
    return tuple(
        _conclude(
            layer,
            _diagnosis(layer, plain[number], sample),
            {name: _error(layer, answers[number], sample) for name, answers in switched.items()},
            _limit(layer, sample),
            words,
            _beyond(layer, sample, artefact.precision),
        )
        for number, layer in enumerate(layers)
    )


def _diagnosis(layer: LayerAlignment, answer: Answer, sample: Sample) -> str | None:
    found = (diagnose(answer[blob], sample.blobs[blob]) for blob in layer.outputs)
    return next((sentence for sentence in found if sentence is not None), None)


def _error(layer: LayerAlignment, answer: Answer, sample: Sample) -> float | None:
    """The largest max_abs of the layer's outputs, None where one is no number."""
    worst = 0.0
    for blob in layer.outputs:
        actual = answer[blob]
        metrics = None if actual is None else compare(actual, sample.blobs[blob]).metrics
        if metrics is None:
            return None
        worst = max(worst, metrics.max_abs)
    return worst


def _limit(layer: LayerAlignment, sample: Sample) -> float:
    """The float32 floor: a path is cleared when the layer is right in full precision without it."""
    return max(floor(sample.noise[blob].isolated) for blob in layer.outputs)


def _beyond(layer: LayerAlignment, sample: Sample, precision: str) -> str | None:
    """Say that the layer's numbers do not fit into the precision, where that is so: no kernel's fault."""
    peak = max(largest(sample.blobs[blob]) for blob in (*layer.anchors, *layer.outputs))
    if precision == "fp32" or not overflows(peak, precision):
        return None
    return f"it handles {peak:.3g}, and the largest number of {precision} is {LARGEST[precision]:.0f}"


def _conclude(
    layer: LayerAlignment,
    diagnosis: str | None,
    errors: Mapping[str, float | None],
    limit: float,
    words: Mapping[str, str],
    beyond: str | None,
) -> Attribution:
    blamed = tuple(name for name, error in errors.items() if error is not None and error <= limit)
    if blamed:
        paths = " or ".join(words[name] for name in blamed)
        fault = "the fault is in that path of ncnn" if beyond is None else beyond
        sentence = f"it is right without {paths}: {fault}"
    else:
        sentence = "it is wrong whichever kernel of ncnn computes it"
    return Attribution(layer.name, layer.index, diagnosis, blamed, sentence, dict(errors))
