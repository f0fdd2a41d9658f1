"""How much of a run is held at a time: samples in batches, the capture of a large net in stretches.

With light mode off ncnn keeps every blob until its extractor is gone, so that one extractor that captures a
net holds all its blobs. A stretch of layers has an extractor of its own, which starts from the blobs that the
stretch before handed on: the same layers on the same numbers, in memory that does not grow with their number.
"""

from __future__ import annotations

import mmap
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from edgekit.alignment.sample import Sample
from edgekit.graph import Graph
from edgekit.runtimes.ncnn import Case

MOST_BYTES = 64 << 20
"""Of references in one batch, and of captured blobs in one stretch: most nets are well below."""

_MARK = "/"


def batches(samples: Sequence[Sample], most_bytes: int = MOST_BYTES) -> list[range]:
    """Return which samples go to ncnn together."""
    found: list[range] = []
    begin, held = 0, 0
    for number, sample in enumerate(samples):
        size = sum({id(array): array.nbytes for array in sample.blobs.values()}.values())
        if number > begin and held + size > most_bytes:
            found.append(range(begin, number))
            begin, held = number, 0
        held += size
    return [*found, range(begin, len(samples))]


def in_stretches(case: Case, graph: Graph, sample: Sample, most_bytes: int = MOST_BYTES) -> list[Case]:
    """Cut a capture of the whole net into cases that each hand on what later ones read.

    The first keeps the id of `case`, the others have a number behind it: see `capture_of`.
    """
    ends = list(_ends(graph, sample, most_bytes))
    if len(ends) < 2:
        return [case]
    found: list[Case] = []
    handed_on: tuple[str, ...] = ()
    for number, (begin, end) in enumerate(zip([0, *ends], ends, strict=False)):
        own = {blob for layer in graph.layers[begin:end] for blob in layer.outputs}
        stretch = replace(
            case,
            id=case.id if not found else f"{case.id}{_MARK}{number}",
            inputs=case.inputs if not found else {},
            outputs=tuple(blob for blob in case.outputs if blob in own),
            carried={blob: blob for blob in handed_on},
            carried_from=found[-1].id if found else "",
        )
        handed_on = tuple(
            blob.name
            for blob in graph.blobs.values()
            if blob.producer < end and any(reader >= end for reader in blob.consumers)
        )
        found.append(replace(stretch, keep=handed_on))
    return found


def _ends(graph: Graph, sample: Sample, most_bytes: int) -> Iterator[int]:
    """Yield the index behind the last layer of each stretch."""
    held = 0
    for index, layer in enumerate(graph.layers):
        held += sum(sample.blobs[blob].nbytes for blob in layer.outputs if blob in sample.blobs)
        if held > most_bytes:
            yield index + 1
            held = 0
    if held:
        yield len(graph.layers)


def on_disk(sample: Sample) -> Sample:
    """Return a sample whose references lie in a temporary file without a name, and in memory while used."""
    arrays = {id(array): array for array in sample.blobs.values() if array.size}
    if not arrays:
        return sample
    with tempfile.TemporaryFile() as file:
        for array in arrays.values():
            file.write(np.ascontiguousarray(array).data)
        file.flush()
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    held, begin = {}, 0
    for key, array in arrays.items():  # float32 and int32: each begins at a multiple of four
        held[key] = np.frombuffer(mapped, array.dtype, array.size, begin).reshape(array.shape)
        begin += array.nbytes
    return replace(sample, blobs={blob: held.get(id(array), array) for blob, array in sample.blobs.items()})


def capture_of(keys: Iterable[str], id: str) -> dict[str, str]:
    """Return blob -> key of a reply for all that a case, or the stretches that it was cut into, gave."""
    found = {}
    for key in keys:
        case, _, blob = key.partition(":")
        if case.partition(_MARK)[0] == id:
            found[blob] = key
    return found
