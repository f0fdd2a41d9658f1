"""Why is a culprit wrong: how its result differs, and which kernel path of ncnn is to blame.

The culprits run alone again: once as they did, to compare what they give with the reference, then
with one switch of ncnn turned off at a time.

A layer that is wrong because of its weights or parameters stays wrong whatever path computes it. One that
is right with winograd off, or with packing off, is wrong in that path. In half precision there is a third
way: what it reads was rounded, and float32 gives the same on numbers rounded like that (the softmax of large
logits). No kernel is at fault then.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from edgekit.alignment.model import Alignment, LayerAlignment
from edgekit.alignment.sample import Sample
from edgekit.numerics.floors import UNITS, largest
from edgekit.numerics.halves import LARGEST, SMALLEST, faded, overflows, rounded
from edgekit.numerics.metrics import compare
from edgekit.ops.half import BREAK_AT_ZERO
from edgekit.runtimes.ncnn import PRECISIONS
from edgekit.verifier.alone import Answer, run_alone
from edgekit.verifier.diagnosis import diagnose
from edgekit.verifier.limits import limits_of
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


_LEFT = {"fp16-arithmetic": "fp16-storage", "fp16": "fp32", "bf16": "fp32"}
"""What a precision becomes without a path: its floor is the one to stay below."""

_STORED = ("fp16", "bf16")
"""The paths without which nothing is rounded to half precision."""

_ACCOUNTED = 0.5
"""Share of an error that a cause makes by itself to be named for it."""


@dataclass(frozen=True, slots=True)
class _Trial:
    """One way to run the culprits: what is switched off, and the precision that is left."""

    name: str
    words: str
    options: Mapping[str, Any]
    threads: int
    precision: str


@dataclass(frozen=True, slots=True)
class Attribution:
    """What switching a path off does to one culprit.

    `blamed` names the paths without which the layer is right; empty when no path makes a difference,
    which means that the layer itself (its weights or parameters) is wrong, or wrong on other inputs than the
    sample's (`sentence` is empty then). `errors` holds the isolated
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
    trials = [_Trial("as it runs", "", base, artefact.threads, artefact.precision)]
    trials += [
        _Trial(name, words, {**base, **off}, artefact.threads, _LEFT.get(name, artefact.precision))
        for name, words, off in _SWITCHES
        if any(base.get(option, True) for option in off)
    ]
    if artefact.threads > 1:
        trials.append(_Trial("threads", "running on several threads", base, 1, artefact.precision))
    answers = [
        run_alone(artefact, alignment, sample, layers, trial.options, trial.threads) for trial in trials
    ]
    limits = [limits_of(artefact, alignment, [sample], trial.precision) for trial in trials]
    coarse = _coarse(artefact, alignment, sample, layers)
    return tuple(
        _conclude(
            layer,
            [
                (trial, _error(layer, found[number], sample))
                for trial, found in zip(trials, answers, strict=True)
            ],
            [max(limit.isolated(blob, 0) for blob in layer.outputs) for limit in limits],
            _diagnosis(layer, answers[0][number], sample),
            _beyond(artefact, layer, answers[0][number], sample),
            coarse[number],
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


def _coarse(
    artefact: Artefact, alignment: Alignment, sample: Sample, layers: Sequence[LayerAlignment]
) -> list[tuple[float, str] | None]:
    """Return how far each layer is off in float32 when only what it reads is rounded, and the words."""
    precision = artefact.precision
    if precision == "fp32":
        return [None] * len(layers)
    read = {blob for layer in layers for blob in layer.anchors}
    narrow = {
        blob: rounded(sample.blobs[blob], precision)
        for blob in read
        if np.issubdtype(sample.blobs[blob].dtype, np.floating)
    }
    given = replace(sample, blobs={**sample.blobs, **narrow})
    answers = run_alone(artefact, alignment, given, layers, PRECISIONS["fp32"], artefact.threads)
    found: list[tuple[float, str] | None] = []
    for layer, answer in zip(layers, answers, strict=True):
        error = _error(layer, answer, sample)
        peak = max((largest(sample.blobs[blob]) for blob in layer.anchors), default=0.0)
        found.append(None if error is None else (error, _spacing(peak, precision)))
    return found


def _spacing(peak: float, precision: str) -> str:
    step = 2 * UNITS[precision] * 2.0 ** math.floor(math.log2(max(peak, SMALLEST[precision])))
    name = precision.partition("-")[0]
    return (
        f"rounding what it reads makes that error in float32, too: numbers of {name} near {peak:.3g} are "
        f"{step:.4g} apart"
    )


def _beyond(artefact: Artefact, layer: LayerAlignment, answer: Answer, sample: Sample) -> str | None:
    """Say that the layer's numbers do not fit into the precision, where that is so: no kernel's fault."""
    precision = artefact.precision
    peak = max(largest(sample.blobs[blob]) for blob in (*layer.anchors, *layer.outputs))
    if precision == "fp32":
        return None
    if overflows(peak, precision):
        return f"it handles {peak:.3g}, and the largest number of {precision} is {LARGEST[precision]:.0f}"
    if all(array is None or np.isfinite(array).all() for array in answer.values()):
        return None
    gone = max((faded(sample.blobs[blob], precision) for blob in layer.anchors), default=0.0)
    if gone > 0 and layer.type in BREAK_AT_ZERO:
        return f"what it reads ({gone:.3g}) is too small for {precision} and becomes zero"
    limit = f"the largest number of {precision} is {LARGEST[precision]:.0f}"
    weights = artefact.graph.layers[layer.index].weights
    weight = max((largest(np.asarray(each.values())) for each in weights), default=0.0)
    if overflows(weight, precision):
        return f"it has a weight of {weight:.3g}, and {limit}"
    return f"it handles {peak:.3g} at most, but a number inside it grows too large: {limit}"


def _conclude(
    layer: LayerAlignment,
    trials: Sequence[tuple[_Trial, float | None]],
    limits: Sequence[float],
    diagnosis: str | None,
    beyond: str | None,
    coarse: tuple[float, str] | None,
) -> Attribution:
    """Blame the paths without which the layer is right; the first trial is the layer as it runs."""
    errors = {trial.name: error for trial, error in trials[1:]}
    right = [error is not None and error <= limit for (_, error), limit in zip(trials, limits, strict=True)]
    if right[0]:  # wrong on other inputs only: these say nothing of why
        return Attribution(layer.name, layer.index, None, (), "", errors)
    cleared = [trial for (trial, _), holds in zip(trials, right, strict=True) if holds]
    if cleared:
        numbers = beyond or _rounding(cleared, trials[0][1], coarse)
        sentence = _cleared([trial.words for trial in cleared], numbers)
    else:
        sentence = "it is wrong whichever kernel of ncnn computes it"
    blamed = tuple(trial.name for trial in cleared)
    return Attribution(layer.name, layer.index, diagnosis, blamed, sentence, errors)


def _rounding(cleared: Sequence[_Trial], seen: float | None, coarse: tuple[float, str] | None) -> str | None:
    """Say that rounding its inputs explains a layer that is right as soon as nothing is rounded."""
    if seen is None or coarse is None or not any(trial.name in _STORED for trial in cleared):
        return None
    error, words = coarse
    return words if error >= _ACCOUNTED * seen else None


def _cleared(paths: Sequence[str], numbers: str | None) -> str:
    """Say without which paths a layer is right, and what that means: its `numbers`, or a fault of ncnn."""
    if len(paths) == 1:
        return f"it is right without {paths[0]}: {numbers or 'the fault is in that path of ncnn'}"
    each = f"each of these, switched off alone, makes it right: {', '.join(paths)}"
    return f"{each}; {numbers or 'the fault is where they meet in ncnn'}"
