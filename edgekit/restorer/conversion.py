"""Convert a module once for each set of values, as an export would, without its checks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from torch import nn

from edgekit.exporter.result import ExportError, Finding, FindingKind
from edgekit.exporter.structure import converter_findings
from edgekit.exporter.subject import TorchSubject
from edgekit.formats import ncnn
from edgekit.graph import Graph
from edgekit.restorer.tags import with_values
from edgekit.runtimes.trace import Array
from edgekit.sources.load import TorchModel
from edgekit.toolchain.pnnx import PnnxRun


@dataclass(frozen=True, slots=True, eq=False)
class Converted:
    """One conversion: the files in their folder, and the graph with its weights."""

    run: PnnxRun
    graph: Graph


def conversions(
    model: TorchModel,
    sets: Sequence[Mapping[str, Array]],
    route: str,
    probe: Mapping[str, Array],
    folder: Path,
) -> list[Converted]:
    """Convert the model with each set of values; the conversions run side by side.

    Raises:
        ExportError: the model cannot be converted, or its structure depends on its values.
    """
    with ExitStack() as stack:
        pending = []
        for number, values in enumerate(sets):
            place = folder / str(number)
            place.mkdir()
            subject = TorchSubject(_with_module(model, with_values(model.adapter.original, values)))
            started = subject.start(route, probe, place)
            stack.enter_context(started.process)
            pending.append(started)
        found = []
        for each in pending:
            run = each.process.result()
            graph = ncnn.read(run.param, unknown="keep") if run.produced else None
            findings = converter_findings(run, graph, each.sources, route)
            if findings:
                raise ExportError(tuple(findings), log=run.log)
            found.append(Converted(run, ncnn.read(run.param, run.bin)))
    _check_alike([each.graph for each in found])
    return found


def _with_module(model: TorchModel, module: nn.Module) -> TorchModel:
    return replace(model, adapter=model.adapter.derived(module, lambda _: None))


def _check_alike(graphs: Sequence[Graph]) -> None:
    first = graphs[0]
    for graph in graphs[1:]:
        alike = len(graph) == len(first) and all(
            (one.type, one.inputs, one.outputs, len(one.weights))
            == (two.type, two.inputs, two.outputs, len(two.weights))
            for one, two in zip(first, graph, strict=True)
        )
        if not alike:
            message = "the converter makes another network of the model when its weights have other values"
            remedy = "keep Python conditions on weights out of forward, or choose another --route"
            raise ExportError((Finding(FindingKind.CONVERTER, message, remedy),))
