"""A `.param/.bin` that edgekit did not make, against a PyTorch model: aligned here and now.

Which blob is which input or output is told in `pairing`, by trying in `order` where nothing else tells it;
which of its axes is the batch in `batch`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from edgekit.alignment import Ahead, Alignment, Port, Sample, Seen, align, sample
from edgekit.alignment import Artefact as AlignedArtefact
from edgekit.bundle import MANIFEST_FILE
from edgekit.devices import Device
from edgekit.errors import UserError, require
from edgekit.formats import ncnn as ncnn_format
from edgekit.graph import Graph
from edgekit.runtimes.trace import Trace
from edgekit.verifier.batch import output_axis, settled_axes, usual_axis
from edgekit.verifier.order import settled_order
from edgekit.verifier.pairing import (
    Means,
    Pair,
    pair_inputs,
    pair_outputs,
    pairing_warnings,
    settled_pairs,
    told_outputs,
)
from edgekit.verifier.trial import Trial, Trials

if TYPE_CHECKING:
    import torch

    from edgekit.sources.inputs import InputSpec

_PROBES = 2


@dataclass(frozen=True, slots=True, eq=False)
class Foreign:
    """Files of other make, aligned with a model: all that a verdict needs."""

    graph: Graph
    param: Path
    weights: Path
    alignment: Alignment
    samples: tuple[Sample, ...]
    outputs: dict[str, str]
    warnings: tuple[str, ...]


def is_foreign(target: str | Path) -> bool:
    """Whether a target names a `.param` file, or the `.bin` beside it, and not a bundle."""
    return Path(target).suffix in (".param", ".bin") and not Path(target).is_dir()


def align_foreign(
    param: Path,
    device: Device,
    model: str | torch.nn.Module | None,
    weights: Path | None = None,
    inputs: Sequence[InputSpec] = (),
    seed: int = 0,
) -> Foreign:
    """Align `NAME.param` and `NAME.bin` with a model on seeded inputs.

    Raises:
        UserError: no model is named, a file is missing, or inputs or outputs differ in number.
        FormatError: a file is damaged.
    """
    param, binary = param.with_suffix(".param"), param.with_suffix(".bin")
    for path in (param, binary):
        if not path.is_file():
            raise UserError(f"no file '{path}'", "the .param and the .bin lie beside each other")
    if model is None:
        bundle = f"verify its bundle: {param.parent}, or " if (param.parent / MANIFEST_FILE).is_file() else ""
        raise UserError(f"'{param}' says nothing of its PyTorch model", f"{bundle}name it with: --model SPEC")
    graph = ncnn_format.read(param, binary)
    require("torch", "torch")
    from edgekit.sources.rebuild import record_probes

    traces = record_probes(model, weights, inputs, seed, _PROBES)
    trace = traces[0]
    ahead = Ahead(traces)
    bare = AlignedArtefact(graph, param, binary, (), (), device)
    trial, pairs = _settled_inputs(Trials(bare, ahead, told_outputs(graph, trace)), pair_inputs(graph, trace))
    warnings = pairing_warnings("input", pairs)
    seen = trial.seen

    def same(blob: str, value: int) -> bool:
        return blob in seen and bool(ahead.index.matches(seen[blob], [value]))

    pairs = pair_outputs(graph, trace, same)
    warnings += pairing_warnings("output", pairs)
    artefact = replace(trial.artefact, outputs=tuple(_output(pair, trace, seen) for pair in pairs))
    alignment = align(artefact, traces, ahead, seen)
    samples = (sample(graph, alignment, trace, "seeded input 0"),)
    outputs = {pair.blob: pair.name for pair in pairs}
    return Foreign(graph, param, binary, alignment, samples, outputs, warnings)


def _settled_inputs(trials: Trials, pairs: Sequence[Pair]) -> tuple[Trial, tuple[Pair, ...]]:
    """Run the net to find out what its pairs leave open: the order of some inputs, the batch axis of all."""
    trace = trials.trace
    shapes = {name: trace.values[value].shape for name, value in trace.inputs.items()}
    trial = trials.run(tuple(Port(pair.blob, pair.name, usual_axis(shapes[pair.name])) for pair in pairs))
    unsure = [pair.blob for pair in pairs if pair.means is Means.ORDER]
    trial, decided = settled_order(trial, unsure, trials)
    settled = settled_axes(trial, trials)
    if settled is not trial:  # with the batch elsewhere, more of the order may be told
        settled, decided = settled_order(settled, unsure, trials)
    return settled, settled_pairs(pairs, {port.blob: port.name for port in settled.inputs}, decided)


def _output(pair: Pair, trace: Trace, seen: Seen) -> Port:
    found = seen[pair.blob].arrays[0].shape if pair.blob in seen else None
    return Port(pair.blob, pair.name, output_axis(trace.values[trace.outputs[pair.name]].shape, found))
