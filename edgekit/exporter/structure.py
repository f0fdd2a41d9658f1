"""Check a converted `.param` before anything loads it, and what the converter said of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from edgekit.exporter import remedies
from edgekit.exporter.result import Finding, FindingKind
from edgekit.graph import Graph, Layer
from edgekit.ops import REGISTERED
from edgekit.runtimes.trace import Source
from edgekit.toolchain.pnnx import PnnxRun

SourceFinder = Callable[[str], tuple[Source, ...]]
"""From an operator type of pnnx (`torch.fft_rfft`) to where it stands in the user's code."""


def converter_findings(run: PnnxRun, sources: SourceFinder, route: str) -> list[Finding]:
    """Return what the converter's own exit and log say against it."""
    found = [
        Finding(
            FindingKind.CONVERTER,
            f"the converter left '{line.op}' unconverted" if line.op else f"the converter says: {line.text}",
            remedies.for_op(line.op, line.detail, route) if line.op else None,
            sources(line.op) if line.op else (),
        )
        for line in run.failures
    ]
    if not found and (run.status != 0 or not run.produced):
        last = [line.text for line in run.lines][-1:] or ["nothing"]
        found.append(
            Finding(
                FindingKind.CONVERTER,
                f"the converter failed with {run.status_text} after {run.attempts} attempts"
                if run.status < 0
                else f"the converter failed ({run.status_text}); its last words: {last[0]}",
                remedies.other_route(route),
            )
        )
    return list({(each.message, each.sources): each for each in found}.values())


def graph_findings(
    graph: Graph, inputs: int, outputs: int, sources: SourceFinder, route: str
) -> list[Finding]:
    """Return what is wrong with a converted graph that should have so many inputs and outputs."""
    return [
        *_unknown_layers(graph, sources, route),
        *_inputs(graph, inputs),
        *_outputs(graph, outputs),
    ]


def _unknown_layers(graph: Graph, sources: SourceFinder, route: str) -> Iterator[Finding]:
    unknown: dict[str, Layer] = {}
    for layer in graph:
        if layer.type not in REGISTERED:
            unknown.setdefault(layer.type, layer)
    for kind, layer in unknown.items():
        expression = layer.params.get("expr")
        detail = expression if isinstance(expression, str) else None
        yield Finding(
            FindingKind.UNKNOWN_LAYER,
            f"ncnn has no layer for '{kind}'",
            remedies.for_op(kind, detail, route),
            sources(kind),
        )


def _inputs(graph: Graph, expected: int) -> Iterator[Finding]:
    wanted = {f"in{index}" for index in range(expected)}
    found = set(graph.input_blobs)
    if found != wanted:
        yield Finding(
            FindingKind.INPUTS,
            f"the model has {expected} inputs, the converted one has {len(found)} "
            f"({', '.join(sorted(found)) or 'none'})",
            "make sure that every input reaches an output",
        )
    for blob in sorted(found & wanted):
        if not graph.blobs[blob].consumers and blob not in wanted_outputs(graph):
            yield Finding(
                FindingKind.INPUTS,
                f"nothing reads input {blob} of the converted model",
                "make sure that every input reaches an output",
            )


def wanted_outputs(graph: Graph) -> tuple[str, ...]:
    """The blobs that pnnx names as outputs of the model: out0, out1, ..."""
    return tuple(name for name in graph.blobs if name.startswith("out") and name[3:].isdigit())


def _outputs(graph: Graph, expected: int) -> Iterator[Finding]:
    wanted = {f"out{index}" for index in range(expected)}
    found = set(wanted_outputs(graph))
    if not wanted <= found:
        missing = ", ".join(sorted(wanted - found))
        yield Finding(
            FindingKind.OUTPUTS,
            f"the converted model lacks {len(wanted - found)} of {expected} outputs ({missing})",
            "an output that is an input or a constant is lost: return computed tensors only",
        )


def kinds_of(op: str, expression: Sequence[str] = ()) -> tuple[str, ...]:
    """TorchScript node kinds that an operator type of pnnx was made from."""
    if op.startswith(("aten::", "prim::")):
        return (op,)
    name = remedies.short(op)
    return tuple(f"aten::{each}" for each in (name, f"{name}_", *remedies.RELATED.get(name, ()), *expression))
