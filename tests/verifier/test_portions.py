"""What is held at a time: the pieces of a run give bit for bit what the whole does, and let memory go."""

from __future__ import annotations

import mmap
import re
from pathlib import Path

import numpy as np
import pytest

from edgekit.alignment import store
from edgekit.devices import LocalDevice
from edgekit.formats import ncnn
from edgekit.runtimes.ncnn import PRECISIONS, run_cases
from edgekit.verifier.portions import batches, capture_of, in_stretches, on_disk
from edgekit.verifier.run import cases_of
from edgekit.worker.protocol import let_go

_MEGABYTE = 1 << 20


def resident_bytes() -> int:
    """How much of files is in this process's memory."""
    found = re.search(r"RssFile:\s+(\d+) kB", Path("/proc/self/status").read_text("ascii"))
    assert found is not None
    return int(found[1]) << 10


def test_a_mapped_array_is_in_memory_only_while_it_is_used(tmp_path: Path) -> None:
    path = tmp_path / "numbers"
    path.write_bytes(bytes(32 * _MEGABYTE))
    with path.open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    array = np.frombuffer(mapped, np.float32).reshape(2, -1)[1]
    before = resident_bytes()
    assert array.sum() == 0
    assert resident_bytes() - before > 12 * _MEGABYTE
    let_go(array)
    assert resident_bytes() - before < 4 * _MEGABYTE
    assert array.sum() == 0
    let_go(np.ones(3))


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_capture_in_stretches_is_that_of_the_whole_net(bundle: Path, precision: str) -> None:
    graph = ncnn.read(bundle / "model.ncnn.param", bundle / "model.ncnn.bin")
    alignment, samples, _ = store.read(bundle)
    whole = cases_of(graph, alignment, samples, ["out0"], precision)[0]
    assert in_stretches(whole, graph, samples[0]) == [whole]
    cut = in_stretches(whole, graph, samples[0], most_bytes=20_000)
    assert len(cut) > 2
    weights = bundle / "model.ncnn.bin"
    replies = [
        run_cases(LocalDevice(), bundle / "model.ncnn.param", weights, cases, PRECISIONS[precision])
        for cases in ([whole], cut)
    ]
    one, other = (capture_of(reply.tensors, "0.whole") for reply in replies)
    assert set(one) == set(other) == set(whole.outputs)
    for blob in whole.outputs:
        np.testing.assert_array_equal(replies[0].tensors[one[blob]], replies[1].tensors[other[blob]])
    for reply in replies:
        reply.close()


def test_samples_go_in_batches_and_wait_on_disk(bundle: Path) -> None:
    _, (sample,), _ = store.read(bundle)
    size = sum({id(array): array.nbytes for array in sample.blobs.values()}.values())
    held = on_disk(sample)
    for blob, array in sample.blobs.items():
        np.testing.assert_array_equal(held.blobs[blob], array)
    assert len({id(array) for array in held.blobs.values()}) == len(
        {id(array) for array in sample.blobs.values()}
    )
    assert batches([held] * 5, 2 * size) == [range(2), range(2, 4), range(4, 5)]
    assert batches([held] * 2, 1) == [range(1), range(1, 2)]
