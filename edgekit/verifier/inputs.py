"""Inputs that the user brings: an .npz by input name, an .npy, a photograph, a folder of them, a .wav.

They become named arrays in PyTorch's shapes. A model with states gets a sequence of frames.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgekit.bundle import Manifest, TensorSpec
from edgekit.errors import UserError, did_you_mean
from edgekit.files import check_regular
from edgekit.formats.npz import open_npz, read_npy
from edgekit.media.audio import read_wav, spectrum
from edgekit.media.images import SUFFIXES, read_image
from edgekit.runtimes.trace import Array
from edgekit.verifier.arrays import sample_count, samples_of
from edgekit.verifier.stream import states

_MOST_SAMPLES = 64
_KINDS = "give an .npz, an .npy, a picture, a folder of pictures or a .wav"


@dataclass(frozen=True, slots=True, eq=False)
class NamedInputs:
    """One set of inputs and what to call it in reports."""

    name: str
    arrays: Mapping[str, Array]


def read_inputs(path: str | os.PathLike[str], manifest: Manifest) -> tuple[NamedInputs, ...]:
    """Read what `path` holds as inputs of the model; states are left out.

    Raises:
        UserError: the file does not exist, or does not fit the model's inputs.
        FormatError: it is damaged.
    """
    place = Path(path)
    if not place.exists():
        raise UserError(f"no inputs at '{place}'", _KINDS)
    found = tuple(_read(place, manifest))
    if not found:
        raise UserError(f"'{place}' holds no pictures", "give a folder of PNG or JPEG files")
    return found


def check_finite(sets: Sequence[NamedInputs]) -> None:
    """Refuse inputs that hold NaN or infinity: what a layer makes of them says nothing about the layer.

    Raises:
        UserError: an array holds one, with the number of them.
    """
    for each in sets:
        for name, array in each.arrays.items():
            odd = int(np.count_nonzero(~np.isfinite(array)))
            if odd:
                found = f"NaN or infinity in {odd} of {array.size} numbers"
                raise UserError(f"the input '{name}' of {each.name} holds {found}", "give finite numbers")


def _read(place: Path, manifest: Manifest) -> Iterator[NamedInputs]:
    if place.is_dir():
        pictures = sorted(entry for entry in place.iterdir() if entry.suffix.lower() in SUFFIXES)
        for picture in pictures[:_MOST_SAMPLES]:
            check_regular(picture)
            yield _picture(picture, manifest)
        return
    check_regular(place)
    if place.suffix.lower() == ".npz":
        yield from _npz(place, manifest)
    elif place.suffix.lower() == ".npy":
        yield from _npy(place, manifest)
    elif place.suffix.lower() == ".wav":
        yield from _sound(place, manifest)
    elif place.suffix.lower() in SUFFIXES:
        yield _picture(place, manifest)
    else:
        raise UserError(f"'{place}' is of no kind that inputs come in", _KINDS)


def _picture(path: Path, manifest: Manifest) -> NamedInputs:
    images = [spec for spec in manifest.inputs if spec.kind == "image" or len(spec.shape) == 4]
    if len(manifest.inputs) != 1 or len(images) != 1:
        names = ", ".join(spec.name for spec in manifest.inputs)
        raise UserError(f"a picture does not make the inputs {names}", "give them by name in an .npz")
    (spec,) = images
    return NamedInputs(path.name, {spec.name: read_image(path, spec.shape, spec.value_range)})


def _sound(path: Path, manifest: Manifest) -> Iterator[NamedInputs]:
    given = [spec for spec in manifest.inputs if spec.name not in states(manifest)]
    if len(given) != 1 or given[0].kind != "spectrum" or len(given[0].shape) != 4:
        raise UserError(
            f"a .wav does not make the input {', '.join(spec.name for spec in given)}",
            "give inputs by name in an .npz",
        )
    (spec,) = given
    frames = spectrum(read_wav(path))  # (time, 2, bins)
    length = spec.shape[2]
    for start in range(0, frames.shape[0] - length + 1, length):
        block = frames[start : start + length].transpose(1, 0, 2)[None]  # (1, 2, frames, bins)
        if block.shape != spec.shape:
            raise UserError(f"the spectrum has {frames.shape[2]} bins", f"the model takes {spec.shape[3]}")
        yield NamedInputs(f"{path.name} frame {start}", {spec.name: np.ascontiguousarray(block)})


def _npz(path: Path, manifest: Manifest) -> Iterator[NamedInputs]:
    wanted = _wanted(manifest)
    with open_npz(path, "write it with numpy.savez") as archive:
        for name in archive.names:
            if name not in wanted:
                remedy = did_you_mean(name, wanted) or f"the model's inputs are {', '.join(wanted)}"
                raise UserError(f"'{path.name}' holds '{name}', which is no input of the model", remedy)
        for name in wanted:
            if name not in archive.names:
                raise UserError(
                    f"'{path.name}' lacks the input '{name}'", f"it must hold {', '.join(wanted)}"
                )
        entries = {name: archive.entry(name) for name in wanted}
        counts = {sample_count(entries[name].shape, entries[name].dtype, wanted[name]) for name in wanted}
        if len(counts) != 1:
            raise UserError(
                f"the inputs in '{path.name}' hold different numbers of samples", "give equally many"
            )
        arrays = {name: samples_of(archive.read(name), spec) for name, spec in wanted.items()}
    yield from _numbered(path.name, counts.pop(), arrays)


def _npy(path: Path, manifest: Manifest) -> Iterator[NamedInputs]:
    wanted = _wanted(manifest)
    if len(wanted) != 1:
        raise UserError(
            f"one array does not make the inputs {', '.join(wanted)}", "give them by name in an .npz"
        )
    (spec,) = wanted.values()
    array = read_npy(path, "write it with numpy.save")
    count = sample_count(array.shape, array.dtype, spec)
    yield from _numbered(path.name, count, {spec.name: samples_of(array, spec)})


def _wanted(manifest: Manifest) -> dict[str, TensorSpec]:
    """The inputs that a user gives: all but the states."""
    return {spec.name: spec for spec in manifest.inputs if spec.name not in states(manifest)}


def _numbered(name: str, count: int | None, arrays: Mapping[str, Array]) -> Iterator[NamedInputs]:
    for number in range(count or 1):
        yield NamedInputs(
            name if count is None else f"{name} [{number}]",
            {key: samples[number] for key, samples in arrays.items()},
        )


def spread_out(count: int, most: int) -> list[int]:
    """Return at most `most` of the positions 0 .. count - 1, evenly spread from the first to the last."""
    if count <= most:
        return list(range(count))
    return sorted({round(index * (count - 1) / (most - 1)) for index in range(most)})
