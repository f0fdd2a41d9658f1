"""A verification in sentences: the verdict, what is wrong with a layer, what became of it."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path

from edgekit.numerics.metrics import Finding
from edgekit.runtimes.trace import Source
from edgekit.units import format_error, format_shape
from edgekit.verifier import LayerResult, OutputResult, Status, VerifyReport
from edgekit.verifier.model import ScaledResult
from edgekit.verifier.stream import StreamResult

_FINDINGS = {
    Finding.EMPTY: "gives an empty tensor",
    Finding.NAN: "gives NaN",
    Finding.INF: "gives infinity",
    Finding.ALL_ZERO: "gives nothing but zeros",
    Finding.MISSING: "gives no tensor at all",
}
_NUMBER = re.compile(r"-?\d[\d,.]*(e[+-]?\d+)?%?")
_MOST_PLACES = 12
_METHODS = {
    "input": "given: it is an input of the model",
    "values": "its numbers are those of this PyTorch tensor and of no other",
    "topology": "several PyTorch tensors have its numbers; its place in the graph decided",
    "lookahead": "its numbers match nothing, but the layers after it need this PyTorch tensor",
    "structure": "its place in the graph, its type and its shape",
    "weights": "its weights are those of this PyTorch module",
}


def verdict(report: VerifyReport) -> str:
    """Return the finding in one sentence, without the word pass or fail."""
    total = len(report.layers)
    culprits = culprits_of(report)
    if not report.passed and 2 * report.compared < total:
        return f"{report.compared} of {total} layers have a counterpart: this may be another model"
    if culprits:
        return f"{_count(len(culprits), total)} wrong: {_names(culprits)}"
    wrong = [output for output in report.outputs if output.status is not Status.PASS]
    if wrong:
        names = ", ".join(f"'{output.name}'" for output in wrong)
        are = "is" if len(wrong) == 1 else "are"
        return f"every compared layer is right alone, yet {names} {are} off by more than rounding explains"
    drifting = [each for each in streams(report) if not each.passed]
    if drifting:
        return f"frame by frame it is right, but states drift away: {'; '.join(map(stream, drifting))}"
    if not report.passed:
        return report.warnings[-1] if report.warnings else "the run gave no result to judge"
    if report.compared == total:
        return f"all {total} layers compute what PyTorch computes, to within rounding"
    compared = f"{report.compared} of {total} layers compared, all right to within rounding"
    return f"{compared}; {total - report.compared} without a counterpart"


def _count(number: int, total: int) -> str:
    return f"{number} of {total} layers {'is' if number == 1 else 'are'}"


def _names(layers: Sequence[LayerResult], most: int = 4) -> str:
    shown = ", ".join(layer.name for layer in layers[:most])
    return shown + (f" and {len(layers) - most} more" if len(layers) > most else "")


def culprits_of(report: VerifyReport) -> tuple[LayerResult, ...]:
    """The layers that are wrong themselves, in file order."""
    return tuple(layer for layer in report.layers if layer.status is Status.FAIL)


def conclusion(report: VerifyReport) -> str | None:
    """Return what explains all culprits together, as a sentence."""
    return None if report.conclusion is None else _sentence(report.conclusion)


def causes(report: VerifyReport) -> list[tuple[LayerResult, ...]]:
    """The culprits, those together that the same cause makes wrong.

    Causes are the same when the sentences on them are, but for measured numbers; a remedy has to be the same
    to the letter. Where one conclusion explains all culprits, it is the cause.
    """
    groups: dict[str, list[LayerResult]] = {}
    for layer in culprits_of(report):
        groups.setdefault(_cause(report, layer), []).append(layer)
    return [tuple(group) for group in groups.values()]


def _cause(report: VerifyReport, layer: LayerResult) -> str:
    if report.conclusion is not None:
        return report.conclusion
    if layer.why is None and layer.finding is None:
        return layer.name
    why = layer.why or ""
    return f"{layer.finding} {layer.remedy or _NUMBER.sub('#', why)}"


def places(layers: Sequence[LayerResult], folder: Path | None = None) -> str:
    """Return `so in 3 places: conv_0 (net.py:7), conv_1 (net.py:7), ...`."""
    named = []
    for layer in layers[:_MOST_PLACES]:
        where = place(layer.source, folder)
        named.append(f"{layer.name} ({where})" if where else layer.name)
    more = f" and {len(layers) - _MOST_PLACES} more" if len(layers) > _MOST_PLACES else ""
    return f"so in {len(layers)} places: {', '.join(named)}{more}"


def origin(source: Source | None, folder: Path | None = None) -> str:
    """Return where a layer comes from: `blocks.0.expand, aten.relu6, net.py:12`."""
    if source is None:
        return "origin unknown"
    parts = [module(source) or "the model itself", source.op, place(source, folder)]
    return ", ".join(part for part in parts if part)


def module(source: Source | None) -> str:
    """Return the module of a layer, with the others that compute the same; empty for the model itself."""
    if source is None or not source.also:
        return "" if source is None else source.module
    computes = "computes" if len(source.also) == 1 else "compute"
    return f"{source.module} (and {', '.join(source.also)}, which {computes} the same)"


def place(source: Source | None, folder: Path | None = None) -> str:
    """Return `file:line`, the file relative to `folder` where it lies in it; empty when unknown."""
    name = file_name(source, folder)
    return f"{name}:{source.line}" if name and source is not None and source.line is not None else name


def file_name(source: Source | None, folder: Path | None = None) -> str:
    """Return the source file, relative to `folder` where it lies in it; empty when unknown."""
    if source is None or source.file is None:
        return ""
    path = Path(source.file)
    if folder is not None and path.is_relative_to(folder):
        path = path.relative_to(folder)
    return str(path)


def excess(layer: LayerResult) -> float | None:
    """Isolated error in units of its floor; infinite where the layer must be exact and is not."""
    if layer.isolated is None or layer.floor is None:
        return None
    if layer.floor == 0:
        return 0.0 if layer.isolated.max_abs == 0 else math.inf
    return layer.isolated.max_abs / layer.floor


def wrong(layer: LayerResult) -> str:
    """Return what a failing layer does alone, on PyTorch's own inputs, and why where that is known."""
    if layer.why is None:
        return _alone(layer)
    if layer.isolated is None:  # there is no number to tell, and what came instead is told by the reason
        return f"Alone, on the inputs that PyTorch has: {layer.why.rstrip('.')}."
    return f"{_alone(layer)} {_sentence(layer.why)}"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:].rstrip(".") + "."


def _alone(layer: LayerResult) -> str:
    alone = "Alone, on the inputs that PyTorch has, it"
    if layer.finding is Finding.SHAPE:
        given = format_shape(layer.ncnn_shape) if layer.ncnn_shape else "another shape"
        return f"{alone} gives {given} where PyTorch has {format_shape(layer.shape)}."
    if layer.finding in _FINDINGS:
        return f"{alone} {_FINDINGS[layer.finding]}."
    times = excess(layer)
    if layer.isolated is None or times is None:
        return f"{alone} gives nothing that can be compared."
    if times <= 1 and layer.scaled is not None and layer.scaled.status is Status.FAIL:
        return _beyond(layer.scaled)
    error = f"{alone} is off by {format_error(layer.isolated.max_abs)}"
    if math.isinf(times):
        return f"{error}, where it has nothing to round and must be exact."
    return f"{error}, {multiple(times)} times what rounding explains ({format_error(layer.floor)})."


def _beyond(scaled: ScaledResult) -> str:
    """Return what is wrong with a layer that only inputs beyond the sample's show."""
    times = f"{scaled.factor:g} times as large"
    if scaled.metrics is None:
        return f"It agrees on these inputs, but gives nothing usable on inputs {times}."
    return (
        f"It agrees on these inputs, which stay below its bounds; on inputs {times} it is off by "
        f"{format_error(scaled.metrics.max_abs)}: a bound or a slope is another."
    )


def multiple(times: float) -> str:
    """Return a factor with two significant digits: `3.4`, `120`, `310,000`, `1.5e+09`."""
    rounded = float(f"{times:.1e}")
    if rounded < 10:
        return f"{rounded:.1f}"
    return f"{rounded:,.0f}" if rounded < 1e7 else f"{rounded:.1e}"


def reached(report: VerifyReport, layer: LayerResult) -> tuple[OutputResult, ...]:
    """The outputs that depend on a layer."""
    tainted = set(layer.outputs)
    for later in report.layers[layer.index + 1 :]:
        if tainted.intersection(later.inputs):
            tainted.update(later.outputs)
    return tuple(output for output in report.outputs if output.blob in tainted)


def effect(report: VerifyReport, layer: LayerResult) -> str:
    """Return one sentence on what of a layer's error arrives at the outputs in the whole run."""
    outputs = reached(report, layer)
    if not outputs:
        return "No output of the model depends on it."
    failing = [output for output in outputs if output.status is not Status.PASS]
    if failing and len(report.culprits) > 1:
        return f"It reaches {', '.join(output.name for output in failing)}."
    if not failing:
        names = ", ".join(output.name for output in outputs)
        return f"On these inputs {names} shows nothing of it: a check of the outputs alone would pass."
    return f"In the whole run {' and '.join(_arrival(output) for output in failing)}."


def _arrival(output: OutputResult) -> str:
    if output.metrics is None:
        what = _FINDINGS.get(output.finding, "has another shape") if output.finding else "is not comparable"
        return f"{output.name} {what}"
    ratio = format_error(output.metrics.max_rel)
    return f"{output.name} is off by {format_error(output.metrics.max_abs)} ({ratio} of its largest value)"


def streams(report: VerifyReport) -> tuple[StreamResult, ...]:
    """What the outputs of a model with states did over many frames; empty for other models."""
    return tuple(report.extra.get("stream") or ())


def stream(result: StreamResult) -> str:
    """Return one clause on an output over many frames."""
    if result.metrics is None:
        return (
            f"{result.name} over {result.frames} frames: gives no usable tensor at frame {result.worst_frame}"
        )
    error, limit = format_error(result.metrics.max_abs), format_error(result.floor)
    return (
        f"{result.name} over {result.frames} frames: off by {error} where rounding explains {limit}, "
        f"worst at frame {result.worst_frame}"
    )


def weights(report: VerifyReport) -> str:
    """Return in what the file stores weights, where that is less than float32."""
    kinds = " and ".join(f"{kind} in {count} layers" for kind, count in sorted(report.weights.items()))
    return f"stored as {kinds}: the floors allow for that rounding" if kinds else "stored as float32"


def matched(layer: LayerResult) -> str:
    """Return how the layer's PyTorch tensor was found and how sure that is."""
    if layer.method is None:
        return layer.reason or "not matched"
    sure = "" if layer.confidence is None else f" ({layer.confidence:.0%} sure)"
    return _METHODS.get(layer.method, layer.method) + sure
