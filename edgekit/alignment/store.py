"""`alignment.json` and `reference.npz`: the alignment and its samples in a bundle.

    alignment.json  {"schema": "edgekit.alignment/1", "fingerprint": ..., "coverage": ...,
                     "layers": [...], "blobs": {BLOB: {"value":, "layout":, "method":, "confidence":,
                     "error":, "tensor": KEY}}, "samples": [{"name":, "noise": {BLOB: ...}, "scaled":
                     [{"layer":, "factor":, "inputs": [BLOB], "outputs": [BLOB], "noise": {BLOB: ...}}]}]}
    reference.npz   one array `SAMPLE/KEY` per distinct tensor, in ncnn's order of axes, float32 or int32;
                    `SAMPLE/sINDEX.BLOB` per blob of a scaled case, INDEX being its layer

The npz is not compressed (activations do not compress, and reading must be quick) and never holds a pickle.
"""

from __future__ import annotations

import hashlib
import struct
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgekit import schema
from edgekit.alignment.layout import Layout
from edgekit.alignment.model import Alignment, BlobAlignment, LayerAlignment, Method
from edgekit.alignment.noise import LayerNoise
from edgekit.alignment.sample import Sample
from edgekit.alignment.scaled import ScaledCase
from edgekit.bundle import ALIGNMENT_FILE, REFERENCE_FILE
from edgekit.formats.npz import Archive, Entry, open_npz
from edgekit.numerics.floors import Noise
from edgekit.runtimes.trace import Array, Source, Trace
from edgekit.worker.protocol import let_go

ALIGNMENT_SCHEMA = "edgekit.alignment/1"
_REMEDY = "export the bundle again"
_FIRST_ZIP_DATE = (1980, 1, 1, 0, 0, 0)
_ALIGNMENT = 64
_PADDING = struct.Struct("<HH")  # an extra field: what it is, and how many bytes follow
_HEADER_BYTES = 30 + 20  # of an entry, before its name and padding: APPNOTE.TXT 4.3.7 and 4.5.3
_PADDING_ID = 0xD935  # alignment, as Android's zipalign marks it


def fingerprint(trace: Trace) -> str:
    """Return a digest of a trace's structure: operations and the values that they pass on."""
    digest = hashlib.sha256()
    for node in trace.nodes:
        digest.update(f"{node.op}{node.inputs}{node.outputs}\n".encode())
    return digest.hexdigest()


def write(folder: Path, alignment: Alignment, samples: Sequence[Sample], digest: str) -> None:
    """Write both files into a bundle folder."""
    keys = _tensor_keys(alignment)
    document = {
        "schema": ALIGNMENT_SCHEMA,
        "fingerprint": digest,
        "coverage": alignment.coverage,
        "suspects": alignment.suspects,
        "layers": alignment.layers,
        "blobs": {
            blob: {
                "value": entry.value,
                "layout": entry.layout,
                "method": entry.method,
                "confidence": entry.confidence,
                "error": entry.error,
                "scale": entry.scale,
                "tensor": keys[blob],
            }
            for blob, entry in alignment.blobs.items()
        },
        "samples": [
            {
                "name": sample.name,
                "noise": sample.noise,
                "scaled": [
                    {
                        "layer": case.layer,
                        "factor": case.factor,
                        "inputs": list(case.inputs),
                        "outputs": list(case.outputs),
                        "noise": case.noise,
                    }
                    for case in sample.scaled
                ],
            }
            for sample in samples
        ],
    }
    schema.write_json(document, folder / ALIGNMENT_FILE)
    _write_npz(folder / REFERENCE_FILE, samples, keys)


def _tensor_keys(alignment: Alignment) -> dict[str, str]:
    """Blob -> key of its tensor in the npz; blobs with equal value and layout share one."""
    known: dict[tuple[int, Layout, float], str] = {}
    return {
        blob: known.setdefault((entry.value, entry.layout, entry.scale), f"t{len(known)}")
        for blob, entry in alignment.blobs.items()
    }


def _write_npz(path: Path, samples: Sequence[Sample], keys: Mapping[str, str]) -> None:
    """Write an npz whose bytes depend on its content alone (no time stamps)."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for number, sample in enumerate(samples):
            written: set[str] = set()
            for blob, key in keys.items():
                if key in written:
                    continue
                written.add(key)
                _write_array(archive, f"{number}/{key}", sample.blobs[blob])
                let_go(sample.blobs[blob])
            for case in sample.scaled:
                for blob, array in (*case.inputs.items(), *case.outputs.items()):
                    _write_array(archive, f"{number}/s{case.layer}.{blob}", array)


def _write_array(archive: zipfile.ZipFile, key: str, array: Array) -> None:
    """Write one array so that its numbers can be mapped: they begin at a multiple of `_ALIGNMENT`."""
    entry = zipfile.ZipInfo(f"{key}.npy", _FIRST_ZIP_DATE)
    begin = archive.start_dir + _HEADER_BYTES + len(entry.filename.encode()) + _PADDING.size
    entry.extra = _PADDING.pack(_PADDING_ID, -begin % _ALIGNMENT) + bytes(-begin % _ALIGNMENT)
    with archive.open(entry, "w", force_zip64=True) as file:
        np.lib.format.write_array(file, array, allow_pickle=False)


def read(folder: Path) -> tuple[Alignment, tuple[Sample, ...], str]:
    """Read alignment, samples and the trace's fingerprint.

    Raises:
        FormatError: a file is missing or damaged.
    """
    path = folder / ALIGNMENT_FILE
    document = schema.load_json(path, ALIGNMENT_SCHEMA)
    with schema.reading(path, _REMEDY):
        alignment = _alignment(document)
        keys = {blob: str(entry["tensor"]) for blob, entry in document["blobs"].items()}
        entries = [_sample_entry(entry) for entry in document["samples"]]
        digest = str(document["fingerprint"])
        _check_noise(alignment, entries)
        _check_scaled(alignment, entries)
    return alignment, _read_samples(folder / REFERENCE_FILE, alignment, keys, entries), digest


def read_alignment(folder: Path) -> Alignment:
    """Read the alignment alone, without the samples.

    Raises:
        FormatError: the file is missing or damaged.
    """
    path = folder / ALIGNMENT_FILE
    document = schema.load_json(path, ALIGNMENT_SCHEMA)
    with schema.reading(path, _REMEDY):
        return _alignment(document)


def _check_noise(alignment: Alignment, entries: Sequence[_SampleEntry]) -> None:
    """Every blob that a layer makes has a floor in every sample, or there is nothing to judge it by."""
    if not entries:
        raise ValueError("there are no samples")
    for entry in entries:
        for layer in alignment.layers:
            lacking = [blob for blob in layer.outputs if blob not in entry.noise and layer.type != "Input"]
            if lacking:
                raise ValueError(f"sample '{entry.name}' has no noise of blob '{lacking[0]}'")


def _check_scaled(alignment: Alignment, entries: Sequence[_SampleEntry]) -> None:
    """A scaled case runs one layer alone: it has what that layer reads, and what it makes."""
    layers = {layer.index: layer for layer in alignment.layers}
    for case in (case for entry in entries for case in entry.scaled):
        layer = layers.get(case.layer)
        if layer is None or set(case.inputs) != set(layer.anchors) or set(case.outputs) != set(layer.outputs):
            raise ValueError(f"a scaled case is not one of layer {case.layer}")


def _alignment(document: Mapping[str, Any]) -> Alignment:
    blobs = {blob: _blob(blob, entry) for blob, entry in document["blobs"].items()}
    layers = tuple(_layer(entry) for entry in document["layers"])
    for layer in layers:
        for blob in (*layer.outputs, *layer.anchors):
            if blob not in blobs:
                raise ValueError(f"layer '{layer.name}' names the blob '{blob}', which is not aligned")
    return Alignment(layers, blobs, tuple(document.get("suspects", ())))


def _read_samples(
    path: Path,
    alignment: Alignment,
    keys: Mapping[str, str],
    entries: Sequence[_SampleEntry],
) -> tuple[Sample, ...]:
    samples = []
    with open_npz(path, _REMEDY) as archive:
        for number, described in enumerate(entries):
            tensors: dict[str, Array] = {}
            for blob, key in keys.items():
                _check_array(archive.entry(f"{number}/{key}"), blob, alignment.blobs[blob].layout.shape)
                if key not in tensors:
                    tensors[key] = archive.map(f"{number}/{key}")
            blobs = {blob: tensors[key] for blob, key in keys.items()}
            scaled = tuple(_read_scaled(archive, number, case, blobs) for case in described.scaled)
            samples.append(Sample(described.name, blobs, described.noise, scaled))
    return tuple(samples)


def _check_array(entry: Entry, blob: str, shape: tuple[int, ...]) -> None:
    if entry.shape != shape or entry.dtype not in (np.float32, np.int32):
        raise ValueError(f"the reference of '{blob}' is {entry.dtype}{list(entry.shape)}")


@dataclass(frozen=True, slots=True)
class _ScaledEntry:
    layer: int
    factor: float
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    noise: Mapping[str, Noise]


@dataclass(frozen=True, slots=True)
class _SampleEntry:
    name: str
    noise: Mapping[str, LayerNoise]
    scaled: tuple[_ScaledEntry, ...]


def _sample_entry(entry: Mapping[str, Any]) -> _SampleEntry:
    scaled = tuple(
        _ScaledEntry(
            int(case["layer"]),
            float(case["factor"]),
            tuple(str(blob) for blob in case["inputs"]),
            tuple(str(blob) for blob in case["outputs"]),
            {blob: _noise(case["noise"][blob]) for blob in case["outputs"]},
        )
        for case in entry.get("scaled", ())
    )
    noise = {blob: _layer_noise(each) for blob, each in entry["noise"].items()}
    return _SampleEntry(str(entry["name"]), noise, scaled)


def _read_scaled(
    archive: Archive, number: int, case: _ScaledEntry, sample: Mapping[str, Array]
) -> ScaledCase:
    def arrays(blobs: Sequence[str]) -> dict[str, Array]:
        found = {}
        for blob in blobs:
            key = f"{number}/s{case.layer}.{blob}"
            entry = archive.entry(key)
            # a patch of the sample's, see `scaled`
            if blob not in sample or entry.nbytes > sample[blob].nbytes or entry.dtype != np.float32:
                raise ValueError(f"the scaled tensor of '{blob}' is {entry.dtype}{list(entry.shape)}")
            found[blob] = archive.read(key)
        return found

    return ScaledCase(case.layer, case.factor, arrays(case.inputs), arrays(case.outputs), case.noise)


def _blob(blob: str, entry: Mapping[str, Any]) -> BlobAlignment:
    return BlobAlignment(
        blob,
        int(entry["value"]),
        _layout(entry["layout"]),
        Method(entry["method"]),
        float(entry["confidence"]),
        float(entry["error"] or 0.0),
        schema.typed(entry.get("scale", 1.0), float, "a scale"),
    )


def _layout(entry: Mapping[str, Any]) -> Layout:
    shape = tuple(schema.typed(size, int, "a size") for size in entry["shape"])
    axis = schema.optional(entry["batch_axis"], int, "batch_axis")
    permute = None if entry["permute"] is None else tuple(entry["permute"])
    if min(shape, default=1) <= 0 or not (axis is None or 0 <= axis < len(shape)):
        raise ValueError(f"there is no blob of shape {list(shape)} with batch axis {axis}")
    if permute is not None and sorted(permute) != list(range(len(permute))):
        raise ValueError(f"{list(permute)} is no permutation")
    return Layout(shape, permute, axis)


def _layer(entry: Mapping[str, Any]) -> LayerAlignment:
    return LayerAlignment(
        index=int(entry["index"]),
        name=str(entry["name"]),
        type=str(entry["type"]),
        outputs=tuple(str(blob) for blob in entry["outputs"]),
        anchors=tuple(str(blob) for blob in entry["anchors"]),
        segment=tuple(int(node) for node in entry["segment"]),
        source=None if entry["source"] is None else _source(entry["source"]),
        operations=tuple(_source(operation) for operation in entry["operations"]),
        reason=schema.optional(entry["reason"], str, "the reason of a layer"),
    )


def _source(entry: Mapping[str, Any]) -> Source:
    return Source(
        schema.typed(entry["module"], str, "a module"),
        schema.typed(entry["op"], str, "an operation"),
        schema.optional(entry.get("file"), str, "a file"),
        schema.optional(entry.get("line"), int, "a line"),
        tuple(schema.typed(name, str, "a module") for name in entry.get("also", ())),
    )


def _layer_noise(entry: Mapping[str, Any]) -> LayerNoise:
    return LayerNoise(_noise(entry["isolated"]), _noise(entry["propagated"]))


def _noise(entry: Mapping[str, Any]) -> Noise:
    return Noise(
        float(entry["rounding"]),
        float(entry["conditioning"]),
        float(entry["peak"]),
        int(entry["terms"]),
        bool(entry["exact"]),
    )
