"""A `.param/.bin` that edgekit did not make, against a PyTorch model: aligned here and now.

Input and output blobs are taken in the order of their numbers (`in0`, `in1`, ...) where they have pnnx's
names, else in file order; a leading axis of size 1 is the batch.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgekit.alignment import Alignment, Port, Sample, align, sample
from edgekit.alignment import Artefact as AlignedArtefact
from edgekit.bundle import MANIFEST_FILE
from edgekit.devices import Device
from edgekit.errors import UserError, require
from edgekit.formats import ncnn as ncnn_format
from edgekit.graph import Graph
from edgekit.runtimes.trace import Trace

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
    ins = _ports("input", _numbered(graph.input_blobs, "in"), traces[0], traces[0].inputs)
    outs = _ports("output", _numbered(graph.output_blobs, "out"), traces[0], traces[0].outputs)
    alignment = align(AlignedArtefact(graph, param, binary, ins, outs, device), traces)
    samples = (sample(graph, alignment, traces[0], "seeded input 0"),)
    return Foreign(graph, param, binary, alignment, samples, {port.blob: port.name for port in outs})


def _numbered(blobs: Sequence[str], stem: str) -> list[str]:
    """Return pnnx's names in the order of their numbers, any others as they are."""
    numbers = [re.fullmatch(rf"{stem}(\d+)", blob) for blob in blobs]
    if not all(numbers):
        return list(blobs)
    return sorted(blobs, key=lambda blob: int(blob.removeprefix(stem)))


def _ports(what: str, blobs: Sequence[str], trace: Trace, values: Mapping[str, int]) -> tuple[Port, ...]:
    if len(blobs) != len(values):
        raise UserError(
            f"the .param has {len(blobs)} {what}s ({', '.join(blobs)}), the model {len(values)} "
            f"({', '.join(values)})",
            "name the model that the file was made from",
        )
    return tuple(
        Port(blob, name, _batch_axis(trace.values[value].shape))
        for blob, (name, value) in zip(blobs, values.items(), strict=True)
    )


def _batch_axis(shape: tuple[int, ...]) -> int | None:
    return 0 if len(shape) > 1 and shape[0] == 1 else None
