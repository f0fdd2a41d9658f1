"""What was put into an app's assets."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgekit import schema

INDEX_SCHEMA = "edgekit.android/1"
SELFTEST_SCHEMA = "edgekit.selftest/1"
ROOMY_BYTES = 150 * 2**20
"""Above this an app is a burden to install; Google Play takes no base module of more than 200 MB."""


@dataclass(frozen=True, slots=True)
class PackedFile:
    """One file of a bundle in the assets, by its path below the bundle's folder."""

    path: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Port:
    """An input or output as the app needs it: `shape` in PyTorch, `mat_shape` as ncnn holds it.

    `next` names the output that is this input's value in the next frame, None where it is no state.
    """

    name: str
    blob: str
    shape: tuple[int, ...]
    mat_shape: tuple[int, ...]
    dtype: str
    mat_batch_axis: int | None = None
    value_range: tuple[float, float] | None = None
    next: str | None = None


@dataclass(frozen=True, slots=True)
class PackedBundle:
    """One bundle in the assets. `media` is what a person can give it: "image", "spectrum" or None."""

    name: str
    model: str
    precision: str
    media: str | None
    layers: int
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    files: tuple[PackedFile, ...]
    warnings: tuple[str, ...] = ()

    @property
    def bytes(self) -> int:
        """Size of all its files."""
        return sum(file.bytes for file in self.files)


@dataclass(frozen=True, slots=True)
class Packed:
    """All that lies in an app's assets after a call."""

    folder: Path
    bundles: tuple[PackedBundle, ...]

    @property
    def bytes(self) -> int:
        """Size of all bundles."""
        return sum(bundle.bytes for bundle in self.bundles)

    def to_json(self) -> dict[str, Any]:
        """Return the document of `index.json`, schema edgekit.android/1."""
        return {"schema": INDEX_SCHEMA, "bundles": schema.to_json(self.bundles)}
