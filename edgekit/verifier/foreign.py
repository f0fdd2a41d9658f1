"""A `.param/.bin` that edgekit did not make, against a PyTorch model: aligned here and now.

Which blob is which input or output is told in `pairing`; a leading axis of size 1 is the batch.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from edgekit.alignment import Ahead, Alignment, Port, Sample, align, capture, sample
from edgekit.alignment import Artefact as AlignedArtefact
from edgekit.bundle import MANIFEST_FILE
from edgekit.devices import Device
from edgekit.errors import UserError, require
from edgekit.formats import ncnn as ncnn_format
from edgekit.graph import Graph
from edgekit.runtimes.trace import Trace
from edgekit.verifier.pairing import Pair, pair_inputs, pair_outputs, pairing_warnings

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
    pairs = pair_inputs(graph, traces[0])
    warnings = pairing_warnings("input", pairs)
    bare = AlignedArtefact(graph, param, binary, _ports(pairs, traces[0], traces[0].inputs), (), device)
    ahead = Ahead(traces)
    seen = capture(bare, ahead)

    def same(blob: str, value: int) -> bool:
        return blob in seen and bool(ahead.index.matches(seen[blob], [value]))

    pairs = pair_outputs(graph, traces[0], same)
    warnings += pairing_warnings("output", pairs)
    artefact = replace(bare, outputs=_ports(pairs, traces[0], traces[0].outputs))
    alignment = align(artefact, traces, ahead, seen)
    samples = (sample(graph, alignment, traces[0], "seeded input 0"),)
    outputs = {pair.blob: pair.name for pair in pairs}
    return Foreign(graph, param, binary, alignment, samples, outputs, warnings)


def _ports(pairs: Iterable[Pair], trace: Trace, values: Mapping[str, int]) -> tuple[Port, ...]:
    return tuple(
        Port(pair.blob, pair.name, _batch_axis(trace.values[values[pair.name]].shape)) for pair in pairs
    )


def _batch_axis(shape: tuple[int, ...]) -> int | None:
    return 0 if len(shape) > 1 and shape[0] == 1 else None
