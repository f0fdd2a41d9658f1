"""Run the PyTorch model behind a bundle on new inputs, and take what a verdict needs."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgekit.alignment import Alignment, Port, Sample, align, sample, store
from edgekit.alignment import Artefact as AlignedArtefact
from edgekit.bundle import Bundle, Manifest
from edgekit.errors import UserError, require
from edgekit.runtimes.trace import Trace
from edgekit.threads import one_thread
from edgekit.verifier.inputs import NamedInputs, spread_out
from edgekit.verifier.portions import on_disk
from edgekit.verifier.run import Artefact
from edgekit.verifier.stream import StreamResult, judge_stream, run_stream, states

if TYPE_CHECKING:
    import torch

    from edgekit.sources.rebuild import RebuiltModel, RebuiltOnnx

_MOST_FRAMES = 6


@dataclass(frozen=True, slots=True)
class NewReference:
    """What the PyTorch model gave on the user's inputs.

    `alignment` is the bundle's own unless the model ran other operations than at export.
    """

    alignment: Alignment
    samples: tuple[Sample, ...]
    stream: tuple[StreamResult, ...] = ()
    warnings: tuple[str, ...] = ()


def make_reference(
    bundle: Bundle,
    artefact: Artefact,
    alignment: Alignment,
    fingerprint: str,
    inputs: Sequence[NamedInputs],
    model: str | torch.nn.Module | None,
    weights: Path | None,
) -> NewReference:
    """Record the PyTorch model on every set of inputs.

    A model with states runs frame by frame, its states carried along; of many frames a few, spread evenly,
    are judged layer by layer and all of them as a stream.

    Raises:
        UserError: the model would execute code that the user has not named, or the inputs do not fit.
    """
    require("torch", "torch")
    from edgekit.sources.rebuild import rebuild

    with one_thread():
        rebuilt = rebuild(bundle.manifest, model, weights)
        chosen, stream = list(inputs), tuple[StreamResult, ...]()
        if states(bundle.manifest):
            chosen, stream = _stream(rebuilt, artefact, bundle.manifest, inputs)
        warnings: tuple[str, ...] = ()
        first = rebuilt.record(chosen[0].arrays)
        if store.fingerprint(first) != fingerprint:
            probes = [first, *(rebuilt.record(each.arrays) for each in chosen[1:2])]
            alignment = _align_again(bundle.manifest, artefact, probes)
            warnings = ("the model runs other operations than at export: its layers were matched again",)
        samples = [sample(artefact.graph, alignment, first, chosen[0].name)]
        del first  # one trace at a time: each holds every tensor of the model
        for each in chosen[1:]:
            samples[-1] = on_disk(samples[-1])
            gc.collect()  # a run of the model leaves cycles behind, with its tensors in them
            samples.append(sample(artefact.graph, alignment, rebuilt.record(each.arrays), each.name))
        return NewReference(alignment, tuple(samples), stream, warnings)


def _stream(
    rebuilt: RebuiltModel | RebuiltOnnx, artefact: Artefact, manifest: Manifest, inputs: Sequence[NamedInputs]
) -> tuple[list[NamedInputs], tuple[StreamResult, ...]]:
    """Run all frames in PyTorch and in ncnn; return the frames to judge by layer, and the verdicts."""
    from edgekit.sources.rebuild import RebuiltModel

    if not isinstance(rebuilt, RebuiltModel):
        raise UserError(
            "an .onnx file with states cannot be run frame after frame",
            "export the PyTorch model, or leave --inputs out",
        )
    carried = states(manifest)
    frames = [each.arrays for each in inputs]
    first = rebuilt.zeros(list(carried))
    reference = rebuilt.roll(frames, first, carried)
    exact = rebuilt.roll(frames, first, carried, double=True)
    actual = run_stream(artefact, manifest, frames, first)
    verdicts = tuple(
        judge_stream(
            name,
            actual[name],
            [frame[name] for frame in reference],
            [frame[name] for frame in exact],
            artefact.precision,
        )
        for name in actual
    )
    names = [spec.name for spec in manifest.inputs]
    chosen = [
        NamedInputs(inputs[index].name, {name: reference[index][name] for name in names})
        for index in spread_out(len(inputs), _MOST_FRAMES)
    ]
    return chosen, verdicts


def _align_again(manifest: Manifest, artefact: Artefact, traces: Sequence[Trace]) -> Alignment:
    return align(
        AlignedArtefact(
            artefact.graph,
            artefact.param,
            artefact.weights,
            tuple(Port(spec.blob, spec.name, spec.batch_axis) for spec in manifest.inputs),
            tuple(Port(spec.blob, spec.name, spec.batch_axis) for spec in manifest.outputs),
            artefact.device,
        ),
        traces,
    )
