"""Answer what the device is, and which of the given layer types its ncnn knows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .environment import environment
from .protocol import Array, Progress, TensorWriter


def serve(
    message: Mapping[str, Any],
    tensors: Mapping[str, Array],
    batch_axes: Mapping[str, int | None],
    writer: TensorWriter,
    progress: Progress,
) -> dict[str, Any]:
    """Return the environment; `layer_types` of the request are answered as type -> registered."""
    import ncnn

    progress.begin("asking ncnn for its layer types")
    types = {name: ncnn.layer_to_index(name) >= 0 for name in message.get("layer_types", ())}
    return {"environment": environment(), "layer_types": types}
