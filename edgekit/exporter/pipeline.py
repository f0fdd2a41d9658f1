"""`export`: settle what is asked, run it into a staging folder, put that in place."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from edgekit.bundle import MANIFEST_FILE
from edgekit.devices import open_device
from edgekit.errors import require
from edgekit.exporter.ledger import Progress
from edgekit.exporter.result import ExportError, ExportResult
from edgekit.sources.inputs import InputSpec, ShapeLike, input_specs
from edgekit.sources.recipe import settled
from edgekit.sources.request import WeightOptions, weights_path
from edgekit.sources.spec import parse_spec
from edgekit.staging import check_replaceable, staged_folder

if TYPE_CHECKING:
    import torch


def export(
    model: str | torch.nn.Module,
    out: str | os.PathLike[str],
    *,
    inputs: Mapping[str, ShapeLike] | Sequence[InputSpec] | None = None,
    outputs: Sequence[str] | None = None,
    route: str | None = None,
    precision: str | None = None,
    weights: str | os.PathLike[str] | None = None,
    allow_missing: bool = False,
    allow_unexpected: bool = False,
    seed: int | None = None,
    device: str = "local",
    progress: Progress | None = None,
) -> ExportResult:
    """Convert a model to an ncnn bundle at `out`; nothing is put there unless every check holds.

    `model` is a model spec (see `edgekit.sources.spec`) or a module. `inputs` maps names to shapes or
    to `InputSpec`s and may be left out where the spec knows them (zoo, recipe, ONNX). Arguments that are
    None are the recipe's, else the defaults: route pnnx, precision fp32, seed 0.

    Raises:
        UserError: the model or its weights cannot be loaded, or torch is not installed (exit code 2).
        ExportError: the model cannot be converted as it is; every finding has a remedy (exit code 2).
        ExportMismatch: it converts, but the result computes something else (exit code 1).
    """
    request = settled(
        parse_spec(model) if isinstance(model, str) else model,
        inputs=input_specs(inputs or {}),
        outputs=None if outputs is None else tuple(outputs),
        route=route,
        precision=precision,
        weights=WeightOptions(weights_path(weights), allow_missing, allow_unexpected),
        seed=seed,
    )
    where = open_device(device)
    check_replaceable(out, MANIFEST_FILE)
    require("torch", "torch")  # takes seconds to import: a mistyped name is answered before
    from edgekit.exporter.advice import tried
    from edgekit.exporter.run import Run

    progress = progress or (lambda _: None)
    try:
        with staged_folder(out, MANIFEST_FILE) as staging:
            result = Run(request, staging, where, progress).execute()
    except ExportError as error:
        raise tried(error, request, where, progress) from error.__cause__
    return replace(result, path=Path(out))
