"""Put bundles into an app's assets, whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from edgekit import schema
from edgekit.alignment import store
from edgekit.alignment.layout import mat_layout
from edgekit.bundle import (
    BIN_FILE,
    MANIFEST_FILE,
    PARAM_FILE,
    Bundle,
    Manifest,
    TensorSpec,
    file_sha256,
    open_bundle,
)
from edgekit.errors import UserError, did_you_mean
from edgekit.formats import ncnn as ncnn_format
from edgekit.packager.model import Packed, PackedBundle, PackedFile, Port
from edgekit.packager.selftest import write_selftest
from edgekit.staging import staged_folder
from edgekit.verifier.stream import states
from edgekit.verifier.verify import changes, check_matches

ASSETS = Path("app", "src", "main", "assets", "edgekit")
"""Where the app of `android_demo` looks for bundles, below the project's folder."""

INDEX_FILE = "index.json"
_PROJECT_FILES = ("settings.gradle.kts", "settings.gradle")

Progress = Callable[[str], None]


def _silent(step: str) -> None:
    """Show nothing."""


def pack(
    bundles: Sequence[str | os.PathLike[str]],
    app: str | os.PathLike[str] = "android_demo",
    progress: Progress = _silent,
) -> Packed:
    """Make the given bundles the content of an app's assets; what was there before is replaced in one step.

    Raises:
        UserError: no Android project at `app`, no bundle at a path, or two bundles of one name.
        FormatError: a bundle is damaged.
    """
    project = _project(Path(app))
    opened = {_name(Path(path)): open_bundle(path) for path in bundles}
    if len(opened) < len(bundles):
        names = [_name(Path(path)) for path in bundles]
        twice = next(name for name in names if names.count(name) > 1)
        raise UserError(f"two bundles are called '{twice}'", "rename the folder of one of them")
    target = project / ASSETS
    with staged_folder(target, marker=INDEX_FILE) as staging:
        packed = Packed(
            target, tuple(_pack(name, bundle, staging, progress) for name, bundle in opened.items())
        )
        schema.write_json(packed.to_json(), staging / INDEX_FILE)
    return packed


def _project(folder: Path) -> Path:
    if any((folder / name).is_file() for name in _PROJECT_FILES):
        if (folder / ASSETS.parts[0]).is_dir():
            return folder
        raise UserError(f"'{folder}' has no module '{ASSETS.parts[0]}'", "name the folder of android_demo")
    parent = folder.absolute().parent
    projects = [
        entry.name
        for entry in (parent.iterdir() if parent.is_dir() else ())
        if any((entry / name).is_file() for name in _PROJECT_FILES)
    ]
    remedy = did_you_mean(folder.name, projects) or "name the folder of android_demo with --app"
    raise UserError(f"no Android project at '{folder}'", remedy)


def _name(path: Path) -> str:
    return Path(os.path.realpath(path)).name  # `resolve` gives up at links in a circle


def _pack(name: str, bundle: Bundle, staging: Path, progress: Progress) -> PackedBundle:
    progress(f"packing {name}")
    graph = ncnn_format.read(bundle.param, bundle.bin)
    alignment, samples, _ = store.read(bundle.path)
    check_matches(graph, alignment, bundle)
    warnings = tuple(changes(bundle))
    folder = staging / name
    folder.mkdir()
    for file in (PARAM_FILE, BIN_FILE, MANIFEST_FILE):
        shutil.copyfile(bundle.path / file, folder / file)
    manifest = bundle.manifest
    write_selftest(folder, graph, alignment, samples, manifest.outputs, manifest.precision, warnings)
    carried = states(manifest)
    return PackedBundle(
        name=name,
        model=manifest.model.spec,
        precision=manifest.precision,
        media=_media(manifest),
        layers=len(graph.layers),
        inputs=tuple(_port(spec, carried.get(spec.name)) for spec in manifest.inputs),
        outputs=tuple(_port(spec) for spec in manifest.outputs),
        files=tuple(_files(folder)),
        warnings=warnings,
    )


def _media(manifest: Manifest) -> str | None:
    """What the app can ask a person for; the rules are those of `edgekit verify --inputs`."""
    given = [spec for spec in manifest.inputs if spec.name not in states(manifest)]
    if len(given) != 1 or len(given[0].shape) != 4 or given[0].shape[0] != 1:
        return None
    (spec,) = given
    if spec.kind == "spectrum":
        return "spectrum"
    pictured = spec.kind == "image" or (spec.kind is None and len(manifest.inputs) == 1)
    return "image" if pictured and (spec.shape[1] == 1 or spec.shape[1] % 3 == 0) else None


def _port(spec: TensorSpec, following: str | None = None) -> Port:
    layout = mat_layout(spec.shape, spec.batch_axis)
    return Port(
        name=spec.name,
        blob=spec.blob,
        shape=spec.shape,
        mat_shape=layout.shape,
        dtype=spec.dtype,
        mat_batch_axis=layout.batch_axis,
        value_range=spec.value_range,
        next=following,
    )


def _files(folder: Path) -> list[PackedFile]:
    return [
        PackedFile(path.relative_to(folder).as_posix(), path.stat().st_size, file_sha256(path))
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    ]
