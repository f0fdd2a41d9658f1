"""What is asked of an export, once the recipe, the arguments and the defaults are put together."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from edgekit.errors import UserError, did_you_mean
from edgekit.sources.inputs import InputSpec
from edgekit.sources.spec import ModelSpec

if TYPE_CHECKING:
    import torch

ROUTES = ("pnnx", "onnx")
PRECISIONS = ("fp32", "fp16")


@dataclass(frozen=True, slots=True)
class WeightOptions:
    """Where weights come from, and which of their keys may be missing or unexpected."""

    path: Path | None = None
    allow_missing: bool = False
    allow_unexpected: bool = False


@dataclass(frozen=True, slots=True)
class Request:
    """One export, settled: the model, its described inputs, and how to convert it."""

    model: ModelSpec | torch.nn.Module
    inputs: tuple[InputSpec, ...] = ()
    outputs: tuple[str, ...] | None = None
    route: str = "pnnx"
    precision: str = "fp32"
    weights: WeightOptions = field(default_factory=WeightOptions)
    seed: int = 0

    def __post_init__(self) -> None:
        _check("route", self.route, ROUTES)
        _check("precision", self.precision, PRECISIONS)


def _check(what: str, value: str, allowed: Sequence[str]) -> None:
    if value not in allowed:
        remedy = did_you_mean(value, allowed) or "choose from " + ", ".join(allowed)
        raise UserError(f"unknown {what} '{value}'", remedy)


def check_weights_file(path: Path) -> None:
    """Raise `UserError` when there is no weights file at `path`."""
    if not path.is_file():
        raise UserError(f"no weights file at '{path}'", "check --weights")


def weights_path(weights: str | os.PathLike[str] | None) -> Path | None:
    """Return the path of a weights file, None for none."""
    return None if weights is None else Path(weights)
