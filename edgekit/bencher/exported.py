"""A model spec as a target: exported first, into a folder that goes with the bench."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from edgekit.bencher.targets import Shapes, Target, resolve
from edgekit.errors import require
from edgekit.sources.inputs import input_specs


def export_target(spec: str, shapes: Shapes, folder: Path) -> Target:
    """Export a model into `folder` and return it as a target under the name of its spec.

    Raises:
        UserError: the spec names no model, torch is missing, or the model cannot be exported.
    """
    require("torch", "torch")
    from edgekit.exporter import export

    export(spec, folder, inputs=input_specs(shapes) if shapes else ())
    return replace(resolve(str(folder), {}), name=spec)
