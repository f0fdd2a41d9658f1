"""Allocators that count every byte which a net asks for, and a run that is counted layer by layer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import ncnn

from .layers import layer_steps
from .net import NetError
from .protocol import Array
from .session import Session
from .weights import address


class CountingAllocator(ncnn.PoolAllocator):  # type: ignore[misc]
    """A pool that knows how many requested bytes are alive. Slow: never used while timing."""

    def __init__(self) -> None:
        super().__init__()
        self._sizes: dict[int, int] = {}
        self.live_bytes = 0
        self.peak_bytes = 0

    def fastMalloc(self, size: int) -> Any:  # noqa: N802 - the binding calls it by this name
        """Hand out `size` bytes."""
        capsule = super().fastMalloc(size)
        self._sizes[address(capsule)] = size
        self.live_bytes += size
        self.peak_bytes = max(self.peak_bytes, self.live_bytes)
        return capsule

    def fastFree(self, capsule: Any) -> None:  # noqa: N802
        """Take a block back."""
        self.live_bytes -= self._sizes.pop(address(capsule))
        super().fastFree(capsule)

    def restart_peak(self) -> None:
        """Forget the peak so far."""
        self.peak_bytes = self.live_bytes


def counted_run(
    message: Mapping[str, Any], tensors: Mapping[str, Array], batch_axes: Mapping[str, int | None]
) -> dict[str, Any]:
    """Run the net once on counting allocators, a layer at a time.

    Returns the peaks of the whole run and, per layer, the peaks while it ran. The input Mats and the weights
    are not among them. ncnn frees each blob after its last reader, as it does in an undivided run.
    """
    blob, workspace = CountingAllocator(), CountingAllocator()
    session = Session(message, tensors, batch_axes)
    extractor = session.net.create_extractor()
    extractor.set_blob_allocator(blob)
    extractor.set_workspace_allocator(workspace)
    for index, mat in session.inputs:
        extractor.input(index, mat)
    layers, peaks = [], {"blob": 0, "workspace": 0}
    for index, layer in layer_steps(session.net):
        blob.restart_peak()
        workspace.restart_peak()
        top = ncnn.Mat()
        if extractor.extract(layer.tops[0], top, 1) != 0:
            raise NetError(f"ncnn could not compute layer {index} '{layer.name}'")
        top.release()
        peaks["blob"] = max(peaks["blob"], blob.peak_bytes)
        peaks["workspace"] = max(peaks["workspace"], workspace.peak_bytes)
        layers.append(
            {
                "index": index,
                "name": layer.name,
                "blob_peak_bytes": blob.peak_bytes,
                "workspace_peak_bytes": workspace.peak_bytes,
            }
        )
    extractor.clear()
    session.close()
    return {
        "blob_peak_bytes": peaks["blob"],
        "workspace_peak_bytes": peaks["workspace"],
        "layers": layers,
    }
