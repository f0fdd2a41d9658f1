"""A loaded net with its inputs and allocators, ready to be run again and again.

Destruction order matters: Mats, then extractors, then the net, then the allocators they came from. The other
order ends in "pool allocator destroyed too early" or a segmentation fault.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import Any

import ncnn

from .net import NetError, load_net, to_mat
from .protocol import Array
from .weights import load_random_net


class Session:
    """One net, its input Mats, and the blob indices of its inputs and outputs.

    `load_s` is the time that reading the files and preparing the kernels took, `weights_bytes` the size of
    the weights as stored.
    """

    def __init__(
        self,
        message: Mapping[str, Any],
        tensors: Mapping[str, Array],
        batch_axes: Mapping[str, int | None],
        allocators: tuple[Any, Any] | None = None,
    ) -> None:
        options = dict(message.get("options", {}))
        self.allocators = allocators
        if allocators is not None:
            options["blob_allocator"], options["workspace_allocator"] = allocators
        files = message["files"]
        begin = time.perf_counter()
        if "bin" in files:
            self.net = load_net(files["param"], files["bin"], options)
            self.weights_bytes = os.path.getsize(files["bin"])
        else:
            self.net, self.weights_bytes = load_random_net(files["param"], options, int(message["seed"]))
        self.load_s = time.perf_counter() - begin
        indices = {blob.name: index for index, blob in enumerate(self.net.blobs())}
        self.inputs = [
            (_index(indices, blob), to_mat(tensors[key], batch_axes[key]))
            for blob, key in message["inputs"].items()
        ]
        self.outputs = [_index(indices, blob) for blob in message["outputs"]]

    def infer(self) -> float:
        """Run the whole net once on a fresh extractor and return the seconds from its making to its end.

        Raises:
            NetError: ncnn refused an input or an output.
        """
        outputs = [ncnn.Mat() for _ in self.outputs]
        begin = time.perf_counter_ns()
        extractor = self.net.create_extractor()
        code = 0
        for index, mat in self.inputs:
            code |= extractor.input(index, mat)
        for index, mat in zip(self.outputs, outputs, strict=True):
            code |= extractor.extract(index, mat)
        extractor.clear()
        end = time.perf_counter_ns()
        if code != 0 or any(mat.empty() for mat in outputs):
            raise NetError("ncnn could not compute the outputs from these inputs")
        return (end - begin) * 1e-9

    def close(self) -> None:
        """Free Mats, net and allocators in the order that ncnn needs."""
        self.inputs.clear()
        self.net.clear()
        if self.allocators is not None:
            for allocator in self.allocators:
                allocator.clear()


def pool_allocators() -> tuple[Any, Any]:
    """Return the allocators that ncnn's own benchmark uses: an unlocked pool for blobs, a locked one."""
    blob, workspace = ncnn.UnlockedPoolAllocator(), ncnn.PoolAllocator()
    for allocator in (blob, workspace):
        allocator.set_size_compare_ratio(0.0)
    return blob, workspace


def _index(indices: Mapping[str, int], blob: str) -> int:
    if blob not in indices:
        raise NetError(f"the net has no blob '{blob}'")
    return indices[blob]
