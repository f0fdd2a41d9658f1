"""Check a converted `.param` before anything loads it, and what the converter said of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from edgekit.exporter import remedies
from edgekit.exporter.result import Finding, FindingKind
from edgekit.graph import Graph
from edgekit.ops import REGISTERED
from edgekit.runtimes.trace import Source, Trace
from edgekit.toolchain.pnnx import PnnxRun

_EXPRESSION = "pnnx.Expression"
SourceFinder = Callable[[str], tuple[Source, ...]]
"""From an operator type of pnnx (`torch.fft_rfft`) to where it stands in the user's code."""


def converter_findings(
    run: PnnxRun, graph: Graph | None, sources: SourceFinder, route: str, trace: Trace | None = None
) -> list[Finding]:
    """Return what the converter's exit, its log and the layer types of its result say against it.

    `graph` is the structure that it wrote, None where that cannot be read; `trace` a run of the model,
    in which the shapes of its views are looked up.
    """
    found = [*_unconverted(run, graph, sources, route, trace), *_other_failures(run, sources, route)]
    if not found and (run.status != 0 or not run.produced):
        found.append(_failed(run, route))
    return found


def _unconverted(
    run: PnnxRun, graph: Graph | None, sources: SourceFinder, route: str, trace: Trace | None
) -> Iterator[Finding]:
    """Operators without a counterpart in ncnn, named by the log, by the written layers, or by both."""
    operators = {line.op: line.detail for line in run.failures if line.op is not None}
    for layer in graph or ():
        if layer.type not in REGISTERED:
            expression = layer.params.get("expr")
            operators.setdefault(layer.type, expression if isinstance(expression, str) else None)
    # What only hands numbers to an unconverted operator, or reads its result, is no reason of its own.
    for secondary in ((_EXPRESSION, "prim::"), ("Tensor.to",)):
        operators = {op: each for op, each in operators.items() if not op.startswith(secondary)} or operators
    for op, detail in operators.items():
        if op in REGISTERED:
            message = f"the converter dropped a setting of '{op}': {detail}"
            yield Finding(FindingKind.CONVERTER, message, remedies.for_op(op, None, route), sources(op))
        elif op == _EXPRESSION:
            formula = (detail or "").removeprefix("expr=")
            ops = remedies.expression_ops(formula)
            places = tuple(place for each in ops for place in sources(f"aten::{each}"))
            message = f"the expression '{formula}' has no counterpart in ncnn"
            yield Finding(FindingKind.UNKNOWN_LAYER, message, remedies.for_op(op, formula, route), places)
        elif remedies.short(op).lower() in _VIEWS and any(map(_TOO_MANY_AXES.search, run.warnings)):
            # pnnx leaves a view of too many axes as it was
            message = (
                f"a '{op}' makes or reads a tensor of more axes than ncnn has, which is four and a batch"
            )
            places = (trace and _wide_views(run, op, trace)) or sources(op)
            yield Finding(FindingKind.UNKNOWN_LAYER, message, remedies.FEWER_AXES, places)
        else:
            yield _unknown(op, detail, sources(op), route)


def _wide_views(run: PnnxRun, op: str, trace: Trace) -> tuple[Source, ...]:
    """Where a tensor is made that has a shape which the converter refused, or failing that too many axes."""
    details = (line.detail or "" for line in run.failures if line.op == op)
    refused = {tuple(map(int, match[1].split(","))) for match in map(_SHAPE.search, details) if match}
    wide = [
        (trace.values[value].shape, node.source)
        for node in trace.nodes
        if remedies.short(node.op.replace(".", "::", 1)).strip("_").lower() in _VIEWS
        for value in node.outputs
        if trace.values[value].ndim > _HIGHEST_RANK
    ]
    exact = [source for shape, source in wide if any(_is_shape(shape, each) for each in refused)]
    return tuple(dict.fromkeys(exact or [source for _, source in wide]))


def _is_shape(shape: tuple[int, ...], given: tuple[int, ...]) -> bool:
    """Whether a shape is the given one, in which -1 is any size."""
    return len(shape) == len(given) and all(b in (a, -1) for a, b in zip(shape, given, strict=True))


_TOO_MANY = "more axes than ncnn has, which is four and a batch"
_SHAPE = re.compile(r"shape=\((-?\d+(?:,-?\d+)*)\)")
_HIGHEST_RANK = 4


def _unknown(op: str, detail: str | None, places: tuple[Source, ...], route: str) -> Finding:
    """An operator without a counterpart."""
    message = f"'{op}' has no counterpart in ncnn"
    if route == "onnx" and not places:
        message = f"ONNX spells an operation of the model with '{op}', which has no counterpart in ncnn"
        return Finding(FindingKind.UNKNOWN_LAYER, message, remedies.other_route(route))
    return Finding(FindingKind.UNKNOWN_LAYER, message, remedies.for_op(op, detail, route), places)


_TOO_MANY_AXES = re.compile(r"exceeds ncnn physical rank|\b[5-9]-rank tensor")
_VIEWS = frozenset(
    "reshape view permute transpose flatten unflatten expand select slice unbind unsqueeze".split()
)


def _other_failures(run: PnnxRun, sources: SourceFinder, route: str) -> Iterator[Finding]:
    for line in run.failures:
        refused = _REFUSED_NODE.search(line.text)
        if refused:
            op = f"onnx.{refused[1]}"
            message = f"the converter cannot read ONNX's '{refused[1]}'"
            yield Finding(FindingKind.CONVERTER, message, remedies.for_op(op, None, "onnx"), sources(op))
        elif line.op is None:
            message = f"the converter says: {line.text}"
            yield Finding(FindingKind.CONVERTER, message, remedies.other_route(route))


_REFUSED_NODE = re.compile(r'^ort \w+ failed.*In Node, \("[^"]*", (\w+),')


def _failed(run: PnnxRun, route: str) -> Finding:
    if run.status < 0:
        message = f"the converter died with {run.status_text}, {run.attempts} times over"
    else:
        last = [line.text for line in run.lines][-1:] or ["nothing"]
        message = f"the converter failed ({run.status_text}); its last words: {last[0]}"
    return Finding(FindingKind.CONVERTER, message, remedies.other_route(route))


def unreadable(refusal: str, sources: SourceFinder, route: str) -> Finding:
    """Return the finding of a structure that ncnn has no place for, and the operation that it comes from.

    So it is with a maximum whose positions are asked for too: pnnx gives a layer two outputs that has one.
    """
    what = _AFTER_FILE.split(refusal, maxsplit=1)[-1]
    layer = _LAYER_NAME.search(refusal)
    op = "" if layer is None else f"aten::{layer['op']}"
    message = f"the converter wrote what ncnn cannot read: {what}"
    return Finding(
        FindingKind.CONVERTER, message, remedies.for_op(op, None, route), sources(op) if op else ()
    )


_AFTER_FILE = re.compile(r"^.*?\.param line \d+: ")
_LAYER_NAME = re.compile(r"layer '(?P<op>[a-z]\w*?)_\d+'")


def graph_findings(graph: Graph, inputs: int, outputs: int) -> list[Finding]:
    """Return what is wrong with a converted graph that should have so many inputs and outputs."""
    return [*_inputs(graph, inputs), *_outputs(graph, outputs)]


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


def tape_sources(trace: Trace, op: str) -> tuple[Source, ...]:
    """Where operations of the same name stand, by the reference run: for routes that keep no lines."""
    name = remedies.short(op).lower().strip("_")
    names = {name, *remedies.RELATED.get(name, ())}
    nodes = (node for node in trace.nodes if node.op.rpartition(".")[2].strip("_").lower() in names)
    return tuple(dict.fromkeys(node.source for node in nodes))


def kinds_of(op: str) -> tuple[str, ...]:
    """TorchScript node kinds that an operator type of pnnx was made from."""
    if op.startswith(("aten::", "prim::")):
        return (op,)
    name = remedies.short(op)
    return tuple(f"aten::{each}" for each in (name, f"{name}_", *remedies.RELATED.get(name, ())))
